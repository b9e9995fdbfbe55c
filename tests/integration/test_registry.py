"""Aliases on a real MLflow: moved one at a time, only through the gate, and always on record."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError, VerdictError
from mlops_nb.core.records import Finding, Promotion, Report
from mlops_nb.release.registry import BEGUN, DONE, GIVEN_UP, promote, promotions, settle
from mlops_nb.stores import models
from mlops_nb.stores.db import Database
from mlops_nb.stores.locks import locked
from mlops_nb.stores.mlflow_client import client
from mlops_nb.stores.models import ModelStore
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

RACE = """
import sys
from pathlib import Path
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Report
from mlops_nb.release.registry import promote
from mlops_nb.stores.db import Database
from mlops_nb.stores.models import ModelStore

store = ModelStore(sys.argv[1], Path(sys.argv[2]))
database = Database(Path(sys.argv[3]))
gate = Report("gate", "pass", subject={"model": "raced"})
moved = refused = 0
while moved < 10:
    seen = store.aliases("raced").get("champion")
    version = 1 + (seen or 0) % 4
    try:
        promote(store, database, "raced", version, expected=seen, gate=gate, actor=sys.argv[4])
        moved += 1
    except InputError:
        refused += 1
print(moved, refused)
"""

DIE = """
import os, sys
from pathlib import Path
from mlops_nb.core.records import Report
from mlops_nb.release.registry import promote
from mlops_nb.stores.db import Database
from mlops_nb.stores.models import ModelStore

class Dying(ModelStore):
    __slots__ = ()

    def set_alias(self, name, alias, version):
        if sys.argv[4] == "after":
            super().set_alias(name, alias, version)
        os._exit(9)

name = sys.argv[5]
gate = Report("gate", "pass", subject={"model": name})
store = Dying(sys.argv[1], Path(sys.argv[2]))
promote(store, Database(Path(sys.argv[3])), name, 2, expected=1, gate=gate, actor="ada")
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("registry")
    return ModelStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "registry.lock")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "mlops.db")


def gate(status: str = "pass", **subject: object) -> Report:
    finding = Finding("fairness", limit="pass", status=status)  # type: ignore[arg-type]
    return Report("gate", finding.status, (finding,), subject=subject)


def make(store: ModelStore, name: str, *, versions: int = 3, champion: int | None = None) -> str:
    mlflow = client(store.tracking_uri)
    mlflow.create_registered_model(name)
    for _ in range(versions):
        mlflow.create_model_version(name, "file:///nowhere")
    if champion is not None:
        store.set_alias(name, "champion", champion)
    return name


def process(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_version_that_passed_becomes_champion(store: ModelStore, database: Database) -> None:
    name = make(store, "passed")
    store.set_alias(name, "challenger", 2)
    first = promote(store, database, name, 2, expected=None, gate=gate(), actor="ada", reason="ok")
    assert (first.version, first.previous_version, first.forced) == (2, None, False)
    assert store.aliases(name) == {"champion": 2}
    store.set_alias(name, "challenger", 1)
    second = promote(store, database, name, 3, expected=2, gate=gate(), actor="bob")
    assert (second.previous_version, second.actor) == (2, "bob")
    # The challenger was another version: its alias stays.
    assert store.aliases(name) == {"champion": 3, "challenger": 1}
    assert [p.to_dict() for p in promotions(database, name)] == [second.to_dict(), first.to_dict()]
    assert [entry.action for entry in database.audit(name)] == [DONE, BEGUN, DONE, BEGUN]


def test_moving_it_to_where_it_is_moves_and_records_nothing(
    store: ModelStore, database: Database
) -> None:
    name = make(store, "already", champion=1)
    again = promote(store, database, name, 1, expected=1, gate=gate(), actor="ada")
    assert (again.version, again.previous_version) == (1, 1)
    assert database.audit() == []


@pytest.mark.parametrize(("status", "exit_code"), [("fail", 1), ("insufficient", 3)])
def test_only_pass_promotes(
    store: ModelStore, database: Database, status: str, exit_code: int
) -> None:
    name = make(store, f"refused {status}", champion=1)
    with pytest.raises(VerdictError, match="fairness") as refused:
        promote(store, database, name, 2, expected=1, gate=gate(status), actor="ada")
    assert refused.value.exit_code == exit_code
    with pytest.raises(InputError, match="needs a reason"):
        promote(store, database, name, 2, expected=1, gate=gate(status), actor="ada", force=True)
    assert store.aliases(name) == {"champion": 1}
    assert database.audit() == []

    forced = promote(
        store,
        database,
        name,
        2,
        expected=1,
        gate=gate(status),
        actor="ada",
        reason="the old one is down",
        force=True,
    )
    assert forced.forced
    (kept,) = promotions(database, name)
    assert (kept.forced, kept.reason) == (True, "the old one is down")
    assert kept.gate is not None
    assert kept.gate.status == status


def test_a_gate_about_something_else_is_refused(store: ModelStore, database: Database) -> None:
    name = make(store, "other", champion=1)
    for subject, told in (
        ({"model": "credit"}, "about model credit, not model other"),
        ({"model": name, "version": 3}, "about version 3, not version 2"),
        ({"alias": "champion", "champion": 3}, "about champion 3, not champion 1"),
        ({"alias": "champion", "champion": None}, "about champion None, not champion 1"),
    ):
        with pytest.raises(InputError, match=told):
            promote(store, database, name, 2, expected=1, gate=gate(**subject), actor="ada")
    drift = Report("drift", "pass")
    with pytest.raises(InputError, match="a drift report is no gate"):
        promote(store, database, name, 2, expected=1, gate=drift, actor="ada")
    assert store.aliases(name) == {"champion": 1}
    about_it = gate(model=name, version=2, alias="champion", champion=1)
    promote(store, database, name, 2, expected=1, gate=about_it, actor="ada")


def test_a_conflict_says_who_moved_it(store: ModelStore, database: Database) -> None:
    name = make(store, "moved", champion=1)
    promote(store, database, name, 2, expected=1, gate=gate(), actor="ada")
    with pytest.raises(InputError, match=r"at version 2, and was at version 1 .* ada moved it at"):
        promote(store, database, name, 3, expected=1, gate=gate(), actor="bob")
    store.set_alias(name, "champion", 1)
    with pytest.raises(InputError, match=r"version 1, and was at version 2 .* outside of mlops"):
        promote(store, database, name, 3, expected=2, gate=gate(), actor="bob")
    store.remove_alias(name, "champion")
    with pytest.raises(InputError, match="at no version, and was at version 2"):
        promote(store, database, name, 3, expected=2, gate=gate(), actor="bob")
    with pytest.raises(NotFoundError, match="unknown version or alias of 'moved' '9'"):
        promote(store, database, name, 9, expected=None, gate=gate(), actor="bob")


def test_two_processes_never_overwrite_what_they_have_not_read(
    store: ModelStore, database: Database
) -> None:
    name = make(store, "raced", versions=4)
    places = (store.tracking_uri, store.lock_path, database.path)
    racers = [process(RACE, *places, actor) for actor in ("ada", "bob")]
    said = [racer.communicate()[0].split() for racer in racers]
    assert [moved for moved, _ in said] == ["10", "10"]
    moves = promotions(database, name)[::-1]
    assert len(moves) == 20
    assert {move.actor for move in moves} == {"ada", "bob"}
    before = [move.previous_version for move in moves]
    assert before == [None, *(move.version for move in moves[:-1])]
    assert store.aliases(name) == {"champion": moves[-1].version}


@pytest.mark.parametrize(("died", "ended", "at"), [("before", GIVEN_UP, 1), ("after", DONE, 2)])
def test_a_move_that_was_cut_off_is_ended_by_the_next(
    store: ModelStore, database: Database, died: str, ended: str, at: int
) -> None:
    name = make(store, f"cut off {died}")
    store.set_alias(name, "champion", 1)
    store.set_alias(name, "challenger", 2)
    dying = process(DIE, store.tracking_uri, store.lock_path, database.path, died, name)
    dying.communicate()
    assert dying.returncode == 9
    assert store.aliases(name) == {"champion": at, "challenger": 2}
    assert promotions(database, name) == []

    settle(store, database, name)
    settle(store, database, name)
    assert [entry.action for entry in database.audit(name)] == [ended, BEGUN]
    assert ("challenger" in store.aliases(name)) == (died == "before")
    assert len(promotions(database, name)) == (died == "after")
    promote(store, database, name, 3, expected=at, gate=gate(), actor="bob")
    assert store.aliases(name)["champion"] == 3


def test_a_registry_that_is_held_says_so(
    store: ModelStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make(store, "held")
    monkeypatch.setattr(models, "locked", partial(locked, timeout_s=0.01))
    told = pytest.raises(UnavailableError, match="the model registry is locked by another process")
    with locked(store.lock_path), told:
        promote(store, database, name, 1, expected=None, gate=gate(), actor="ada")
    assert store.aliases(name) == {}


def test_a_promotion_is_read_back_from_its_json() -> None:
    promotion = Promotion("credit", 3, "champion", 2, "ada", "why", gate=gate(), forced=True)
    again = Promotion.from_dict(json.loads(json.dumps(promotion.to_dict())))
    assert again.to_dict() == promotion.to_dict()
