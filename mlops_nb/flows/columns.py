"""What a check of predictions is about: columns of data, arrays in scope, what a model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import scoring
from mlops_nb.checks.columns import Array, Gathered, gather, is_array, table
from mlops_nb.core.errors import InputError
from mlops_nb.flows import frames
from mlops_nb.flows.context import Context, Named

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rows", "called_alike", "is_array", "labelled", "predictions", "rows"]


@dataclass(frozen=True)
class Rows:
    """The rows that a check is about.

    Parameters
    ----------
    name : str
        What they are called in the report.
    read : DataFrame
        The data as it was read; without data, the arrays together.
    gathered : Gathered
        All that is judged, and in which columns it is.
    """

    name: str
    read: pd.DataFrame
    gathered: Gathered

    @property
    def frame(self) -> pd.DataFrame:
        """The data with the arrays and the predictions."""
        return self.gathered.frame

    def column(self, role: str) -> str:
        """Return the column of a role that is needed.

        Raises
        ------
        InputError
            If nothing was given for it.
        """
        found = self.gathered.one(role)
        if found is None:
            raise InputError(f"no {role} is given")
        return found


def rows(
    context: Context,
    data: Any,
    *,
    model: Any,
    positive: Any,
    one: Mapping[str, Any],
    several: Mapping[str, Any] | None = None,
) -> Rows:
    """Bring together what a check of predictions was given.

    Parameters
    ----------
    data : DataFrame, array with two axes, str, Path or None
    one, several
        Role to what was given for it, as `checks.columns.gather` takes them; of `one`,
        ``prediction`` and ``score`` come from the model where there is one.

    Raises
    ------
    InputError
        If it doesn't go together.
    """
    value = data.value if isinstance(data, Named) else data
    read = None
    if data is not None:
        read = table(value) if is_array(value) else frames.frame(context, data)
    given = {role: _as_array(each) for role, each in one.items()}
    more = {role: _as_array(each) for role, each in (several or {}).items()}
    whole = read
    if model is not None:
        whole, told = _of_model(context, read, model, positive, given)
        given |= told
    elif given["prediction"] is None and given["score"] is None:
        raise InputError(
            "nothing says what was predicted",
            hint="give --prediction or --score (a column or an array), or --model MODEL",
        )
    gathered = gather(whole, given, more)
    name = "arrays" if data is None else frames.name_of(data, "data")
    return Rows(name, gathered.frame if read is None else read, gathered)


def labelled(context: Context, data: Any, noun: str, *, label: Any, sensitive: Any) -> Rows:
    """Bring together a frame, its label, and its sensitive features.

    Parameters
    ----------
    data : DataFrame, str or Path
    label, sensitive
        As `rows` takes them. What has a name of its own, as a Series, keeps it.

    Raises
    ------
    InputError
        If it doesn't go together.
    """
    read = frames.frame(context, data, noun)
    given = {"label": _by_own_name(label, read), "sensitive": _by_own_name(sensitive, read)}
    gathered = gather(read, {"label": given["label"]}, {"sensitive": given["sensitive"]})
    for note in gathered.notes:
        context.watch.log(note)
    return Rows(frames.name_of(data, noun), read, gathered)


def called_alike(rows: Rows, other: Rows) -> pd.DataFrame:
    """Return the frame of some rows with the label and the features called as other rows' are.

    Raises
    ------
    InputError
        If there are more or fewer features, or a column is called so already.
    """
    names: dict[str, str] = {}
    for role, columns in rows.gathered.columns.items():
        wanted = other.gathered.columns[role]
        if len(columns) != len(wanted):
            raise InputError(
                f"{role} has {len(wanted)} columns in {other.name}, and {len(columns)} in "
                f"{rows.name}"
            )
        names |= dict(zip(columns, wanted, strict=True))
    for name, wanted_name in names.items():
        if name != wanted_name and wanted_name in rows.frame.columns:
            raise InputError(
                f"{name} would be called {wanted_name!r}, as in {other.name}, and {rows.name} has "
                "such a column already",
                hint="give both the same name",
            )
    return rows.frame.rename(columns=names)


def predictions(
    context: Context, data: pd.DataFrame, label: Any, model: Any, positive: Any
) -> tuple[pd.DataFrame, str, str | None]:
    """Return the data with a model's predictions, and the names of their columns."""
    scored = scoring.score(frames.model(context, model), data, label=label, positive=positive)
    return scored, scoring.PREDICTION, scoring.SCORE if scoring.SCORE in scored.columns else None


def _of_model(
    context: Context,
    read: pd.DataFrame | None,
    model: Any,
    positive: Any,
    given: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, str | None]]:
    for role in ("prediction", "score"):
        if given[role] is not None:
            raise InputError(f"give --{role} or --model, not both")
    if read is None:
        raise InputError(
            "a model needs data to predict from", hint="name it first, as in TEST --model MODEL"
        )
    label = given["label"]
    if isinstance(label, Array):
        label = label.name if label.name in read.columns else None
    column = None
    if label is not None and not is_array(label):
        # The columns of an array are numbers, which are typed as texts.
        column = next((each for each in read.columns if str(each) == str(label)), label)
    scored, prediction, score = predictions(context, read, column, model, positive)
    return scored, {"prediction": prediction, "score": score}


def _by_own_name(given: Any, data: pd.DataFrame) -> Any:
    """Call an array in scope by the name that it has itself, unless either is a column's."""
    if isinstance(given, list):
        return [_by_own_name(each, data) for each in given]
    own = getattr(given.value, "name", None) if isinstance(given, Named) else None
    taken = isinstance(given, Named) and {given.name, own} & {*data.columns}
    return _as_array(given) if taken or not isinstance(own, str) else Array(own, given.value)


def _as_array(given: Any) -> Any:
    """Put what has a name where the verb was typed into the check's own record."""
    if isinstance(given, Named):
        return Array(given.name, given.value)
    return [_as_array(each) for each in given] if isinstance(given, list) else given
