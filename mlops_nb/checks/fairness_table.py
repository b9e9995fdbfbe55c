"""What a fairness finding says: the value of a metric, its interval, and the evidence for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import hypot, isnan, log
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import own_metrics
from mlops_nb.checks.fairness_curves import describe
from mlops_nb.checks.fairness_draws import draw, draw_function, draw_overall, method_of
from mlops_nb.checks.fairness_metrics import (
    FAMILIES,
    MEASURES,
    Agg,
    Family,
    Kind,
    Method,
    aggregate,
    combine,
    family_of,
    group_values,
    kind_of,
    negatives_of,
    positives_of,
    selected_of,
)
from mlops_nb.checks.fairness_sample import Sample
from mlops_nb.checks.fairness_words import MISLEADS, NOTHING, RATIO_NOTE, few, one, spread, together
from mlops_nb.checks.rows import Bootstrap
from mlops_nb.checks.verdicts import against
from mlops_nb.core.records import Finding, Status
from mlops_nb.core.words import shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

    Floats = NDArray[np.float64]

MINIMUM = 30
# How often equal groups must pass for a ratio's limit to be a question that can be answered.
SETTLED = 0.999
SHOWN = ("selection_rate", "true_positive_rate", "false_positive_rate")


@dataclass(frozen=True)
class Asked:
    """How the groups' measures are put together, and what is to be sure."""

    method: Method = "between_groups"
    agg: Agg = "worst_case"
    confidence: float = 0.95
    draws: int = 1000
    seed: int = 0
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    empty: str = NOTHING
    classes: tuple[Any, ...] = ()

    def family(self, metric: str) -> Family:
        """Return what a metric compares: Fairlearn's, or the user's own function."""
        name = metric.removesuffix(f"_{kind_of(metric)}")
        if name in self.functions and name not in FAMILIES:
            return Family((name,), f"How does {name} differ between the groups?")
        return family_of(metric)


class Table:
    """The groups of a sample, and everything that is said about them.

    Parameters
    ----------
    sample : Sample
    grouping : Grouping
        What the groups are called.
    asked : Asked
    column : str, optional
        Which rows these are, where they are some of all (a value of a control feature), and which
        class is held against all others.
    of_class : str, optional
        That class by itself.
    comparisons : int
        How many such tables there are, for which the claim that a gap is too wide is corrected.
    compared : str
        Of what there is one table each.
    """

    def __init__(
        self,
        sample: Sample,
        grouping: Grouping,
        asked: Asked,
        *,
        column: str | None = None,
        of_class: str | None = None,
        comparisons: int = 1,
        compared: str = "control levels",
    ) -> None:
        self.sample = sample
        self.grouping = grouping
        self.labels = grouping.labels
        self.keys = grouping.groups
        self.sensitive = list(grouping.columns)
        self.asked = asked
        self.column = column
        self.of_class = of_class
        self.comparisons = comparisons
        self.compared = compared
        self._found: dict[str, tuple[Floats, Floats]] = {}
        self._overall: dict[str, tuple[float, Floats]] = {}

    def part(self, rows: NDArray[np.intp]) -> Table:
        """Return the table of some of the rows, with the same groups."""
        n, groups = self.sample.n_groups, self.sample.groups[rows]
        some = self.sample.take(rows, n_groups=n, groups=groups)
        return Table(
            some, self.grouping, self.asked, column=self.column, comparisons=self.comparisons
        )

    def finding(
        self,
        metric: str,
        limit: float | None,
        shown: Sequence[str],
        *,
        drawn: bool = False,
        may_be_shown_only: bool = False,
    ) -> Finding:
        """Judge one metric; `shown` are the measures that are told of each group.

        With `drawn` the evidence has what is told and drawn once for all metrics. A ratio that
        `may_be_shown_only` has no limit where it is undecided and could not be decided.
        """
        kind, family = kind_of(metric), self.asked.family(metric)
        value = combine(
            [
                aggregate(self._values(name), self._whole(name)[0], kind, self.asked.method)
                for name in family.measures
            ],
            kind,
            self.asked.agg,
        )
        interval = self._interval(family, kind, value)
        sure = self._interval(family, kind, value, each_end=True)
        below = self._below(family, kind)
        judged = len(self.labels) > 1 and not below
        higher = self._higher_is_better(family, kind)
        status = against(limit, *sure, higher_is_better=bool(higher))
        if status == "pass" and limit is not None and not judged:
            status = "insufficient"
        unjudged = None
        if may_be_shown_only and status == "insufficient" and judged and limit is not None:
            unjudged = None if self._can_be_settled(family, limit) else limit
        if unjudged is not None:
            limit, status = None, "pass"
        if nothing := not self.sample.total.any():
            status = "insufficient"
        extremes = [self._extremes(name) for name in family.measures]
        first = self._first() if drawn else {}
        return Finding(
            name=metric,
            column=self.column,
            value=None if nothing else value,
            limit=limit,
            status=status,
            evidence={
                "interval": None if nothing else list(interval),
                "bounds": None if nothing else list(sure),
                "confidence": self.asked.confidence,
                "method": self._drawn_how(family),
                "correction": self._correction(kind),
                **({} if kind in ("difference", "ratio") else {"higher_is_better": higher}),
                **({} if self.asked.method == "between_groups" else {"compared": "to_overall"}),
                "sensitive": self.sensitive,
                **({} if self.of_class is None else {"class": self.of_class}),
                "groups": self._groups(tuple(shown)),
                "extremes": [each for each in extremes if each is not None],
                "minimum": {
                    "rows": MINIMUM,
                    "of": sorted({self._of(name) for name in family.measures}),
                    "below": list(below),
                },
                "metric_note": family.note,
                "misleads": MISLEADS.get(metric.removesuffix(f"_{kind}"), ""),
                **({"ratio_note": RATIO_NOTE} if kind == "ratio" else {}),
                "note": self._note(family, below, status, unjudged),
                **({} if unjudged is None else {"unjudged": unjudged}),
                **first,
            },
        )

    def of_each_class(self, classes: Sequence[Any], most: int) -> list[Table]:
        """Return a table of each class against all others, of at most the `most` frequent."""
        import numpy as np

        counts = self.sample.counts.sum(axis=0)
        frequent = np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[:most]
        start = f"{self.column}, " if self.column else ""
        return [
            Table(
                self.sample.of_class(index),
                self.grouping,
                self.asked,
                column=f"{start}class = {classes[index]}",
                of_class=str(classes[index]),
                comparisons=self.comparisons * len(frequent),
                compared=f"{self.compared} and classes" if self.column else "classes",
            )
            for index in sorted(frequent.tolist())
        ]

    def _first(self) -> dict[str, Any]:
        """Return what is said of all metrics, with the first."""
        said: dict[str, Any] = {}
        if self.sample.truth is not None and self.sample.n_classes == 2:
            positives = positives_of(self.sample.counts)
            said["together"] = together(self.labels, positives, self.sample.rows, MINIMUM)
        said["drawn"] = describe(self.sample, self.labels, MINIMUM, self.asked.confidence)
        return {key: each for key, each in said.items() if each}

    def _higher_is_better(self, family: Family, kind: Kind) -> bool | None:
        if kind in ("difference", "ratio"):
            return kind == "ratio"
        name = family.measures[0]
        if name in MEASURES:
            return MEASURES[name].higher_is_better
        return own_metrics.higher_is_better(name, self.asked.functions[name])

    def _values(self, name: str) -> Floats:
        import numpy as np

        own = name in self.asked.functions
        values = self._draw(name)[0] if own else group_values(self.sample, name)
        return np.where(self.sample.total > 0, values, np.nan)

    def _draw(self, name: str) -> tuple[Floats, Floats]:
        """Return a measure's value of each group, and its draws."""
        if name not in self._found:
            if name in self.asked.functions:
                self._found[name] = self._called(name, self.sample)
            else:
                self._found[name] = self._values(name), draw(self.sample, name, self._bootstrap)
        return self._found[name]

    def _whole(self, name: str) -> tuple[float, Floats | None]:
        """Return a measure of all rows and its draws, where groups are held against it."""
        if self.asked.method == "between_groups":
            return float("nan"), None
        if name not in self._overall:
            if name in self.asked.functions:
                values, drawn = self._called(name, self.sample.whole)
                self._overall[name] = float(values[0]), drawn[:, 0]
            else:
                value = float(group_values(self.sample.whole, name)[0])
                by_group = self._draw(name)[1]
                drawn = draw_overall(self.sample, name, by_group, self._bootstrap)
                self._overall[name] = value, drawn
        return self._overall[name]

    def _called(self, name: str, sample: Sample) -> tuple[Floats, Floats]:
        function, classes = self.asked.functions[name], self.asked.classes
        return draw_function(sample, name, function, self._bootstrap, classes)

    @property
    def _bootstrap(self) -> Bootstrap:
        return Bootstrap(self.asked.confidence, self.asked.draws, self.asked.seed)

    def _rows(self, name: str) -> NDArray[Any]:
        rows = self.sample.rows if name not in MEASURES else MEASURES[name].rows(self.sample)
        return rows * (self.sample.total > 0)

    def _of(self, name: str) -> str:
        return "rows" if name not in MEASURES else MEASURES[name].of

    def _interval(
        self, family: Family, kind: Kind, value: float, *, each_end: bool = False
    ) -> tuple[float, float]:
        """Return the interval of a metric, within its range and with `value`."""
        import numpy as np

        most = 1.0 if kind == "ratio" else self._most(family)
        if len(self.labels) < 2 and kind in ("difference", "ratio"):
            return 0.0, most
        names = list(family.measures)
        if self.asked.agg == "mean" and len(names) > 1:
            # Each of the parts at its share of the error, so that all hold together.
            share = 1 - (1 - self.asked.confidence) / len(names)
            ends = [self._ends([name], kind, share, each_end=each_end) for name in names]
            low, high = np.mean(ends, axis=0).tolist()
        else:
            low, high = self._ends(names, kind, self.asked.confidence, each_end=each_end)
        least = 0.0 if kind in ("difference", "ratio") else self._least(family)
        low, high = max(low, least), min(high, most)
        return (low, high) if np.isnan(value) else (min(value, low), max(value, high))

    def _ends(
        self, names: Sequence[str], kind: Kind, confidence: float, *, each_end: bool
    ) -> tuple[float, float]:
        import numpy as np

        from mlops_nb.stats.bootstrap import lowest, widest_gap

        drawn, firm, overall = [], [], []
        for name in names:
            draws, enough = self._draw(name)[1], self._rows(name) >= MINIMUM
            known = ~np.isnan(draws).any(axis=0)
            drawn.append(draws[:, known])
            firm.append(enough[known])
            whole = self._whole(name)[1]
            if whole is not None:
                overall.append(whole)
        if kind in ("difference", "ratio") and self.asked.method == "between_groups":
            # What has no value (an AUC of one class) can be anything: no gap is known with less.
            if min(draws.shape[1] for draws in drawn) < 2:
                return 0.0, float("inf")
        elif not all(draws.shape[1] for draws in drawn):
            return (0.0, 1.0) if kind in ("difference", "ratio") else (float("-inf"), float("inf"))
        if kind in ("group_min", "group_max"):
            sign = 1 if kind == "group_min" else -1
            ends = lowest(sign * drawn[0], firm[0], confidence, each_end=each_end)
            return ends if sign > 0 else (-ends[1], -ends[0])
        if kind == "ratio":
            if any((draws < 0).any() for draws in (*drawn, *overall)):
                return 0.0, float("inf")  # what may be negative has no ratio to speak of
            tiny = np.finfo(np.float64).tiny
            drawn = [np.log(np.maximum(draws, tiny)) for draws in drawn]
            overall = [np.log(np.maximum(draws, tiny)) for draws in overall]
        low, high = widest_gap(
            drawn,
            firm,
            confidence,
            overall=overall or None,
            each_end=each_end,
            comparisons=self.comparisons if each_end else 1,
        )
        return (float(np.exp(-high)), float(np.exp(-low))) if kind == "ratio" else (low, high)

    def _least(self, family: Family) -> float:
        return min(MEASURES[n].low if n in MEASURES else float("-inf") for n in family.measures)

    def _most(self, family: Family) -> float:
        known = [MEASURES[name] for name in family.measures if name in MEASURES]
        bounded = len(known) == len(family.measures) and all(each.low == 0 for each in known)
        return max(each.high for each in known) if bounded else float("inf")

    def _drawn_how(self, family: Family) -> str:
        name = family.measures[0]
        if name in self.asked.functions:
            return own_metrics.method(name, self.asked.draws, "group and draw of its rows")
        return f"{method_of(name)}, {self.asked.draws:,} draws"

    def _correction(self, kind: Kind) -> str:
        """Say for what the claim that a limit is missed was corrected."""
        n = len(self.labels)
        if kind in ("group_min", "group_max") or self.asked.method == "to_overall":
            said = f"the {n} groups together (max-t)"
        else:
            pairs = n * (n - 1) // 2
            said = f"all {pairs:,} pairs of the {n} groups together (max-t)"
            said = "the pair of groups" if pairs == 1 else said
        more = f", for {self.comparisons} {self.compared} (Bonferroni)"
        return said + (more if self.comparisons > 1 else "")

    def _below(self, family: Family, kind: Kind) -> dict[str, str]:
        """Return the groups with too little to judge by, and how little that is."""
        short = {
            group: "no weight"
            for group, n, weight in zip(
                self.labels, self.sample.rows, self.sample.total, strict=True
            )
            if n and not weight
        }
        for name in dict.fromkeys(family.measures):
            for group, n in zip(self.labels, self._rows(name), strict=True):
                if n < MINIMUM:
                    of = self._of(name)
                    short.setdefault(group, f"{n} {one(of) if n == 1 else of}")
            if name in self.asked.functions:
                doubts = own_metrics.doubts(*self._draw(name), in_ratio=kind == "ratio")
                short = {self.labels[index]: why for index, why in doubts.items()} | short
        return short

    def _extremes(self, name: str, least: int = 0) -> dict[str, Any] | None:
        """Name the groups with the highest and the lowest value, of those with `least` rows."""
        import numpy as np

        values = self._values(name)
        enough = (self.sample.rows > 0) & (self._rows(name) >= least) & ~np.isnan(values)
        candidates = enough.nonzero()[0]
        if not len(candidates):
            return None
        highest = candidates[values[candidates].argmax()]
        lowest = candidates[values[candidates].argmin()]
        return {
            "rate": name,
            "highest": {"group": self.labels[highest], "value": float(values[highest])},
            "lowest": {"group": self.labels[lowest], "value": float(values[lowest])},
        }

    def _can_be_settled(self, family: Family, limit: float) -> bool:
        """Tell whether a ratio of equal groups of these sizes would surely be within its limit."""
        import numpy as np

        if limit <= 0:
            return True
        reach = sum(map(NormalDist().inv_cdf, (self.asked.confidence, SETTLED)))
        for name in family.measures:
            draws = np.maximum(self._draw(name)[1], np.finfo(np.float64).tiny)
            spread = np.sort(np.log(draws).std(axis=0))
            if reach * hypot(*spread[-2:]) > -log(limit):
                return False
        return True

    def _note(
        self,
        family: Family,
        below: Mapping[str, str],
        status: Status,
        unjudged: float | None = None,
    ) -> str:
        if not self.sample.rows.sum():
            return self.asked.empty
        if not self.sample.total.any():
            return "No row has a weight above 0."
        if len(self.labels) < 2:
            only = shortened(self.labels[0])
            return f"There is one group only, {only}: nothing to compare it with."
        firm = [self._extremes(name, least=MINIMUM) for name in family.measures]
        said = [spread(each) for each in firm if each is not None]
        if below:
            said.append(few(below, MINIMUM))
        elif unjudged is not None:
            said.append(
                "Rates so small, of so few rows, leave their ratio open even between equal groups: "
                f"it is shown and not judged by the limit of {unjudged:g} unless that is asked for."
            )
        elif status == "insufficient":
            said.append("The bounds lie on both sides of the limit: more rows would decide it.")
        return " ".join(said)

    def _groups(self, shown: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return what there is to say about each group."""
        if shown not in self._described:
            self._described[shown] = self._describe(shown)
        return self._described[shown]

    @cached_property
    def _described(self) -> dict[tuple[str, ...], list[dict[str, Any]]]:
        return {}

    def _describe(self, shown: Sequence[str]) -> list[dict[str, Any]]:
        import numpy as np

        counted: dict[str, Any] = {"n": self.sample.rows}
        if self.sample.truth is not None and self.sample.n_classes == 2:
            counts = self.sample.counts
            counted["positives"] = positives_of(counts)
            counted["negatives"] = negatives_of(counts)
            if self.sample.prediction is not None:
                counted["selected"] = selected_of(counts)
        values = {
            name: np.where(self._rows(name) > 0, self._values(name), np.nan) for name in shown
        }
        tail = (1 - self.asked.confidence) / 2
        ends = {name: np.quantile(self._draw(name)[1], (tail, 1 - tail), axis=0) for name in shown}
        return [
            {
                "group": group,
                "values": list(key),
                **{name: int(each[i]) for name, each in counted.items()},
                **{name: _known(each[i]) for name, each in values.items()},
                "intervals": {
                    name: [min(_end(each[0, i], 0.0), values[name][i]),
                           max(_end(each[1, i], 1.0), values[name][i])]
                    for name, each in ends.items()
                    if not np.isnan(values[name][i])
                },
            }
            for i, (group, key) in enumerate(zip(self.labels, self.keys, strict=True))
        ]  # fmt: skip


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _end(value: float, unknown: float) -> float:
    return unknown if isnan(value) else float(value)
