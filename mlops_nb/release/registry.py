"""The registry: aliases move here and nowhere else, one at a time, and each move is on record.

A move is written down before it is made (`promote.begun`, with its evidence) and after
(`promote.done`). Killed in between, it leaves a beginning without an end, and the next move first
looks at where the alias is and writes the end: done, or given up.
"""

from __future__ import annotations

from mlops_nb.core.errors import InputError, VerdictError
from mlops_nb.core.records import AuditEntry, Promotion, Report
from mlops_nb.stores.db import Database
from mlops_nb.stores.models import ModelStore

BEGUN, DONE, GIVEN_UP = "promote.begun", "promote.done", "promote.given_up"


def promote(
    store: ModelStore,
    database: Database,
    name: str,
    version: int,
    *,
    expected: int | None,
    gate: Report,
    actor: str,
    reason: str = "",
    alias: str = "champion",
    challenger_alias: str = "challenger",
    force: bool = False,
) -> Promotion:
    """Move an alias to a version that the gate let through.

    Parameters
    ----------
    store, database
        Where models and the audit trail are kept.
    name, version
        What goes live. If the challenger alias is at this version, it is taken off.
    expected : int or None
        The version that the caller saw at the alias (None: nothing) and that the gate compared
        with. The alias moves only if it is still there.
    gate : Report
        The verdict of `mlops_nb.release.judge.judge`.
    actor, reason : str
        Who moves it, and why.
    force : bool
        Move it against the verdict; the reason is then a must, and the record says so.

    Returns
    -------
    Promotion
        Where the alias was at this version already, nothing is moved or recorded.

    Raises
    ------
    VerdictError
        If the gate did not pass.
    InputError
        If the gate judged something else, `force` has no reason, or the alias was moved meanwhile.
    NotFoundError
        If there is no such version.
    UnavailableError
        If another process holds the registry, or a store can't be used.

    Examples
    --------
    >>> champion = store.get("credit", "champion")                          # doctest: +SKIP
    >>> promote(store, database, "credit", 4, expected=champion.version,    # doctest: +SKIP
    ...         gate=gate, actor="ada", reason="better on the spring data")
    """
    _refuse_other_gate(gate, name, version, alias, expected)
    _refuse_verdict(gate, force=force, reason=reason)
    with store.lock():
        _settle(store, database, name)
        store.get(name, version)
        present = store.aliases(name).get(alias)
        if present != expected:
            raise _moved(database, name, alias, present, expected)
        promotion = Promotion(
            name,
            version,
            alias,
            previous_version=present,
            actor=actor,
            reason=reason,
            gate=gate,
            forced=gate.status != "pass",
        )
        if present == version:
            return promotion
        body = {**promotion.to_dict(), "challenger_alias": challenger_alias}
        begun = database.add_audit(BEGUN, name, actor, body)
        store.set_alias(name, alias, version)
        _finish(store, database, promotion, begun, challenger_alias, note="")
        return promotion


def settle(store: ModelStore, database: Database, name: str) -> None:
    """Write down how a move of this model ended that was begun and cut off, if there is one.

    Raises
    ------
    UnavailableError
        If another process holds the registry, or a store can't be used.
    """
    if _unfinished(database, name) is not None:
        with store.lock():
            _settle(store, database, name)


def promotions(database: Database, name: str, *, alias: str | None = None) -> list[Promotion]:
    """List the moves that were made for a model, newest first."""
    entries = database.audit(name)
    done = {entry.body["begun"] for entry in entries if entry.action == DONE}
    begun = [entry for entry in entries if entry.action == BEGUN and entry.id in done]
    moves = [Promotion.from_dict(entry.body) for entry in begun]
    return [move for move in moves if alias is None or move.alias == alias]


def _refuse_verdict(gate: Report, *, force: bool, reason: str) -> None:
    if gate.status == "pass":
        return
    if not force:
        raise VerdictError(gate, hint="supply what is missing, or force it with a reason")
    if not reason.strip():
        raise InputError("forcing a promotion needs a reason", hint="say why; it is kept on record")


def _refuse_other_gate(
    gate: Report, name: str, version: int, alias: str, expected: int | None
) -> None:
    """Refuse evidence about something else: another version, or a comparison with another one."""
    if gate.kind != "gate":
        raise InputError(f"a {gate.kind} report is no gate verdict", hint="give a gate's")
    promised: dict[str, str | int | None] = {"model": name, "version": version}
    if gate.subject.get("alias") == alias:
        promised["champion"] = expected
    for key, value in promised.items():
        judged = gate.subject.get(key)
        unsaid = key not in gate.subject or (key == "version" and judged is None)
        if judged != value and not unsaid:
            raise InputError(
                f"the gate was about {key} {judged}, not {key} {value}", hint="gate it again"
            )


def _moved(
    database: Database, name: str, alias: str, present: int | None, expected: int | None
) -> InputError:
    moves = promotions(database, name, alias=alias)
    if moves and moves[0].version == present:
        when = moves[0].created_at.strftime("%Y-%m-%d %H:%M UTC")
        by = f"{moves[0].actor} moved it at {when}"
    else:
        by = "it was moved outside of mlops"
    return InputError(
        f"{alias!r} of {name!r} is at {_at(present)}, and was at {_at(expected)} when this was"
        f" judged: {by}",
        hint="gate it against the present one, then promote",
    )


def _at(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _finish(
    store: ModelStore,
    database: Database,
    promotion: Promotion,
    begun: int,
    challenger_alias: str,
    *,
    note: str,
) -> None:
    is_challenger = store.aliases(promotion.name).get(challenger_alias) == promotion.version
    if is_challenger and challenger_alias != promotion.alias:
        store.remove_alias(promotion.name, challenger_alias)
    body = {"begun": begun, "alias": promotion.alias, "version": promotion.version, "note": note}
    database.add_audit(DONE, promotion.name, promotion.actor, body)


def _settle(store: ModelStore, database: Database, name: str) -> None:
    begun = _unfinished(database, name)
    if begun is None:
        return
    cut_off = Promotion.from_dict(begun.body)
    present = store.aliases(name).get(cut_off.alias)
    if present == cut_off.version:
        note = "cut off after the alias had moved, and written down at the next start"
        _finish(store, database, cut_off, begun.id, begun.body["challenger_alias"], note=note)
    else:
        body = {"begun": begun.id, "alias": cut_off.alias, "present": present}
        database.add_audit(GIVEN_UP, name, cut_off.actor, body)


def _unfinished(database: Database, name: str) -> AuditEntry | None:
    """Return the beginning that has no end. There is at most one: each move settles the last."""
    moves = (entry for entry in database.audit(name) if entry.action.startswith("promote."))
    newest = next(moves, None)
    return newest if newest is not None and newest.action == BEGUN else None
