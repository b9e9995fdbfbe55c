"""What a project has settled for all its models: a check takes what suits its kind of problem.

A metric that is asked for by argument must suit the data. One that stands in the settings is for
every model of the project, and not all of them are of one kind: where it says nothing it is passed
over, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_nb.core.errors import NotFoundError

PROBLEMS: Mapping[str, str] = {
    "binary": "two classes",
    "multiclass": "more than two classes",
    "regression": "amounts",
    "scores": "scores without predictions",
}


@dataclass(frozen=True)
class Standing:
    """The metrics and limits that stand in a project's settings.

    Parameters
    ----------
    metrics : sequence of str
    limits : mapping of str to float
    sources : (str, str)
        What sets them, as a note calls it.

    Examples
    --------
    >>> standing = Standing(["f1", "mae"], {"f1": 0.7}, ("the metrics", "the limits"))
    >>> suiting, notes = standing.suiting(["f1", "mae"], ["mae"].__contains__, "regression")
    >>> suiting.metrics, suiting.limits, notes[1]
    (('mae',), {}, 'the limits: f1 is not for amounts, and was passed over.')
    """

    metrics: Sequence[str] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, str] = ("metrics", "limits")

    def suiting(
        self, known: Collection[str], suits: Callable[[str], bool], problem: str
    ) -> tuple[Standing, list[str]]:
        """Return what suits a kind of problem, one of `PROBLEMS`, and notes of what does not.

        Raises
        ------
        NotFoundError
            If a metric is unknown to every kind of problem.
        """
        for source, names in zip(self.sources, (self.metrics, self.limits), strict=True):
            for name in names:
                if name not in known:
                    raise NotFoundError.among(f"metric in {source}", name, known)
        metrics = tuple(name for name in self.metrics if suits(name))
        limits = {name: limit for name, limit in self.limits.items() if suits(name)}
        notes = [
            *_notes(self.sources[0], self.metrics, metrics, problem, none_left=not metrics),
            *_notes(self.sources[1], self.limits, limits, problem),
        ]
        return Standing(metrics, limits, self.sources), notes


def _notes(
    source: str,
    asked: Iterable[str],
    taken: Collection[str],
    problem: str,
    *,
    none_left: bool = False,
) -> list[str]:
    left = [name for name in dict.fromkeys(asked) if name not in taken]
    if not left:
        return []
    verbs = ("is", "was") if len(left) == 1 else ("are", "were")
    usual = "; the usual ones are reported" if none_left else ""
    listed, kind = ", ".join(left), PROBLEMS[problem]
    return [f"{source}: {listed} {verbs[0]} not for {kind}, and {verbs[1]} passed over{usual}."]
