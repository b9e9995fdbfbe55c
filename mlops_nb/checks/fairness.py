"""Is the model fair? Fairlearn's gaps between groups, with the evidence for and against them.

A gap between groups is only as sure as the groups are large, so no verdict rests on the gap alone:
a metric passes if the gap is surely within its limit, fails if it surely is not, and else there is
not enough evidence. Each claim is made at the check's confidence (``evidence["bounds"]``), and
``python -m tests.benchmarks.fairness_evidence`` simulates how often it is right. A group with
fewer than `MINIMUM` rows of the kind that a rate is made from can neither make a metric fail nor
let it pass. A report passes if all its metrics do, which needs no correction for their number (the
intersection-union principle); each metric that fails does so by itself, corrected for the number
of groups, not of metrics.

The values equal Fairlearn's to the last digits (a rate without rows is 0, as there). They and the
intervals are made from one small table of counts: see `mlops_nb.stats.bootstrap.widest_gap` for
how, and for why the bootstrapped maximum itself won't do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_metrics import (
    DEFAULT_METRICS,
    METRICS,
    RATES,
    Family,
    Kind,
    fairlearn_value,
    family_of,
    group_rates,
    kind_of,
    negatives_of,
    positives_of,
    rows_of,
)
from mlops_nb.checks.inputs import check_settings, choose_metrics, read_classes, require_columns
from mlops_nb.checks.verdicts import against, overall
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Report, Status

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

MINIMUM = 30


def check(
    data: pd.DataFrame,
    *,
    label: str,
    prediction: str,
    sensitive: Sequence[str],
    positive: Any = None,
    metrics: Sequence[str] | None = None,
    difference_limit: float | None = 0.1,
    ratio_limit: float | None = 0.8,
    limits: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    name: str = "data",
) -> Report:
    """Judge the gaps between the groups that the sensitive columns make.

    Parameters
    ----------
    data : DataFrame
        One row a case, with its true and its predicted class and the sensitive columns.
    label, prediction : str
        The columns of the true and of the predicted class; any two values.
    sensitive : sequence of str
        The columns that make the groups; several make their intersection, as in Fairlearn.
        Missing values are a group; many numbers are cut at their quartiles, and the report says so.
    positive : object, optional
        The positive class; default 1 or True, else the larger of the two.
    metrics : sequence of str, optional
        Names of `METRICS`, which are Fairlearn's; default `DEFAULT_METRICS`.
    difference_limit, ratio_limit : float or None
        The largest difference and the smallest ratio that are still fair; None: only to inform.
    limits : mapping of str to float, optional
        The limits of single metrics.
    confidence : float
        Of the intervals.
    draws, seed : int
        Of the bootstrap.
    name : str
        What the data is called in the report.

    Returns
    -------
    Report
        Of kind "fairness", one finding a metric. `evidence` has `interval`, which holds with
        `confidence`, `bounds`, of which each holds with `confidence` by itself and against which
        the limit is held, `sensitive`, `groups` (for each: `group`, `values`, `n`, `positives`,
        `negatives`, `selected` and its rates; a rate without rows is None), `extremes` (the two
        groups furthest apart, for each rate), `minimum` (`rows` needed, `of` what, and the groups `below`),
        `metric_note` and `note`. `subject["missing"]` counts what was missing.

    Raises
    ------
    NotFoundError
        If a column or a metric doesn't exist.
    InputError
        If the classes are not two, or a setting makes no sense.

    Examples
    --------
    >>> import pandas as pd
    >>> sex = ["f"] * 400 + ["m"] * 400
    >>> data = pd.DataFrame({"y": [0, 1] * 400, "p": [0, 1] * 400, "sex": sex})
    >>> report = check(data, label="y", prediction="p", sensitive=["sex"])
    >>> finding = report.finding("equal_opportunity_difference")
    >>> finding.value, finding.status, finding.evidence["groups"][0]["positives"]
    (0.0, 'pass', 200)
    """
    sensitive = (sensitive,) if isinstance(sensitive, str) else tuple(dict.fromkeys(sensitive))
    limits = dict(limits or {})
    _check_settings(sensitive, limits, difference_limit, ratio_limit)
    check_settings(confidence, draws)
    chosen = choose_metrics(metrics, limits, default=DEFAULT_METRICS, known=METRICS)
    require_columns(data, (label, prediction, *sensitive))

    from mlops_nb.stats.groups import Grouping

    grouping, groups = Grouping.learn(data, sensitive)
    counts, positive, missing = _count(
        data,
        label=label,
        prediction=prediction,
        positive=positive,
        groups=groups,
        n_groups=len(grouping.groups),
    )
    missing["sensitive"] = {column: int(data[column].isna().sum()) for column in sensitive}
    table = _Table(counts, grouping, confidence=confidence, draws=draws, seed=seed)
    default = {"difference": difference_limit, "ratio": ratio_limit}
    findings = tuple(
        table.finding(metric, limits.get(metric, default[kind_of(metric)])) for metric in chosen
    )
    return Report(
        kind="fairness",
        status=overall(findings),
        findings=findings,
        summary=_summary(findings, sensitive),
        subject={
            "name": name,
            "rows": len(data),
            "label": label,
            "prediction": prediction,
            "positive": positive,
            "sensitive": list(sensitive),
            "groups": len(grouping.groups),
            "missing": missing,
            "notes": [*_missing_notes(missing), *grouping.notes],
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
    )


def _check_settings(
    sensitive: Sequence[str],
    limits: Mapping[str, float],
    difference_limit: float | None,
    ratio_limit: float | None,
) -> None:
    if not sensitive:
        raise InputError("no sensitive column is given", hint="name one, as in sensitive=['sex']")
    given = {**limits, "difference_limit": difference_limit, "ratio_limit": ratio_limit}
    for setting, limit in given.items():
        if limit is not None and not 0 <= limit <= 1:
            raise InputError(f"{setting} must be between 0 and 1, not {limit!r}")


def _count(
    data: pd.DataFrame,
    *,
    label: str,
    prediction: str,
    positive: Any,
    groups: NDArray[np.intp],
    n_groups: int,
) -> tuple[Counts, Any, dict[str, Any]]:
    """Count the rows of each group by truth and prediction, and what was missing."""
    import numpy as np

    from mlops_nb.stats.groups import confusion_counts

    classes = read_classes(data, (label, prediction))
    missing: dict[str, Any] = {
        "label": int((classes.codes[0] < 0).sum()),
        "prediction": int((classes.codes[1] < 0).sum()),
        "excluded": int(((classes.codes[0] < 0) | (classes.codes[1] < 0)).sum()),
    }
    if missing["excluded"] == len(data):
        return np.zeros((n_groups, 2, 2), dtype=np.int64), positive, missing
    chosen, (truth, predicted) = classes.binary(positive, f"{label!r} and {prediction!r}")
    known = (truth >= 0) & (predicted >= 0)
    if missing["excluded"]:
        groups, truth, predicted = groups[known], truth[known], predicted[known]
    return confusion_counts(groups, truth, predicted, n_groups=n_groups), chosen, missing


class _Table:
    """The counts by group, and everything that is made from them."""

    def __init__(
        self, counts: Counts, grouping: Grouping, *, confidence: float, draws: int, seed: int
    ) -> None:
        self.counts = counts
        self.labels = grouping.labels
        self.sensitive = list(grouping.columns)
        self.confidence = confidence
        self.draws = draws
        self.seed = seed
        self.groups = _describe(counts, grouping)
        self._drawn: dict[str, Floats] = {}

    def finding(self, metric: str, limit: float | None) -> Finding:
        """Judge one metric."""
        kind, family = kind_of(metric), family_of(metric)
        value = fairlearn_value(self.counts, metric)
        low, high = self._interval(family, kind, value)
        sure = self._interval(family, kind, value, each_end=True)
        below = self._below(family)
        judged = len(self.labels) > 1 and not below
        status = against(limit, *sure, higher_is_better=kind == "ratio")
        if status == "pass" and limit is not None and not judged:
            status = "insufficient"
        extremes = [self._extremes(rate) for rate in family.rates]
        return Finding(
            name=metric,
            value=value,
            limit=limit,
            status=status,
            evidence={
                "interval": [low, high],
                "bounds": list(sure),
                "confidence": self.confidence,
                "sensitive": self.sensitive,
                "groups": self.groups,
                "extremes": [each for each in extremes if each is not None],
                "minimum": {
                    "rows": MINIMUM,
                    "of": sorted({RATES[rate].of for rate in family.rates}),
                    "below": list(below),
                },
                "metric_note": family.note,
                "note": self._note(family, below, status),
            },
        )

    def _interval(
        self, family: Family, kind: Kind, value: float, *, each_end: bool = False
    ) -> tuple[float, float]:
        """Return the interval of the widest gap, within the metric's range and with `value`."""
        import numpy as np

        from mlops_nb.stats.bootstrap import widest_gap

        if len(self.labels) < 2:
            return 0.0, 1.0
        firm = [RATES[rate].trials(self.counts) >= MINIMUM for rate in family.rates]
        drawn = [self._draw(rate) for rate in family.rates]
        if kind == "ratio":
            tiny = np.finfo(np.float64).tiny
            drawn = [np.log(np.maximum(rates, tiny)) for rates in drawn]
        low, high = widest_gap(drawn, firm, self.confidence, each_end=each_end)
        if kind == "ratio":
            low, high = float(np.exp(-high)), float(np.exp(-low))
        if np.isnan(value):
            return low, min(high, 1.0)
        return min(low, value), max(min(high, 1.0), value)

    def _draw(self, rate: str) -> Floats:
        import numpy as np

        from mlops_nb.stats.bootstrap import rate_draws

        if rate not in self._drawn:
            # Each rate has a stream of its own, whichever metrics are asked for.
            rng = np.random.default_rng([self.seed, list(RATES).index(rate)])
            hits, trials = RATES[rate].hits(self.counts), RATES[rate].trials(self.counts)
            self._drawn[rate] = rate_draws(hits, trials, self.draws, rng)
        return self._drawn[rate]

    def _below(self, family: Family) -> dict[str, str]:
        """Return the groups with too little to judge by, and how little that is."""
        short: dict[str, str] = {}
        for rate in dict.fromkeys(family.rates):
            for group, n in zip(self.labels, RATES[rate].trials(self.counts), strict=True):
                if n < MINIMUM:
                    short.setdefault(group, f"{n} {RATES[rate].of}")
        return short

    def _extremes(self, rate: str, least: int = 0) -> dict[str, Any] | None:
        """Name the groups with the highest and the lowest rate, of those with `least` trials."""
        enough = (rows_of(self.counts) > 0) & (RATES[rate].trials(self.counts) >= least)
        candidates = enough.nonzero()[0]
        if not len(candidates):
            return None
        values = group_rates(self.counts, rate)
        highest = candidates[values[candidates].argmax()]
        lowest = candidates[values[candidates].argmin()]
        return {
            "rate": rate,
            "highest": {"group": self.labels[highest], "value": float(values[highest])},
            "lowest": {"group": self.labels[lowest], "value": float(values[lowest])},
        }

    def _note(self, family: Family, below: Mapping[str, str], status: Status) -> str:
        if not self.counts.sum():
            return "No row has both a label and a prediction."
        if len(self.labels) < 2:
            return f"There is one group only, {self.labels[0]}: nothing to compare it with."
        firm = [self._extremes(rate, least=MINIMUM) for rate in family.rates]
        said = [_spread(each) for each in firm if each is not None]
        if below:
            shown = [f"{group} has {n}" for group, n in list(below.items())[:3]]
            more = f", and so on for {len(below) - 3} more groups" if len(below) > 3 else ""
            said.append(
                f"Not counting what is too little to judge by ({MINIMUM} are needed): "
                f"{', '.join(shown)}{more}."
            )
        elif status == "insufficient":
            said.append("The interval reaches across the limit: more rows would decide it.")
        return " ".join(said)


def _describe(counts: Counts, grouping: Grouping) -> list[dict[str, Any]]:
    """Return what there is to say about each group."""
    shown = ("selection_rate", "true_positive_rate", "false_positive_rate")
    hits = {rate: RATES[rate].hits(counts) for rate in shown}
    trials = {rate: RATES[rate].trials(counts) for rate in shown}
    return [
        {
            "group": group,
            "values": list(values),
            "n": int(rows_of(counts)[i]),
            "positives": int(positives_of(counts)[i]),
            "negatives": int(negatives_of(counts)[i]),
            "selected": int(hits["selection_rate"][i]),
            **{
                rate: float(hits[rate][i] / trials[rate][i]) if trials[rate][i] else None
                for rate in shown
            },
        }
        for i, (group, values) in enumerate(zip(grouping.labels, grouping.groups, strict=True))
    ]


def _summary(findings: Sequence[Finding], sensitive: Sequence[str]) -> str:
    status = overall(findings)
    worst = max((f for f in findings if f.status == status), key=_badness)
    low, high = worst.evidence["interval"]
    limit = "no limit" if worst.limit is None else f"limit {worst.limit:g}"
    value = "0 / 0" if worst.value != worst.value else f"{worst.value:.3f}"  # NaN
    number = f"{worst.name} is {value} ({low:.3f} to {high:.3f}; {limit})."
    by = " × ".join(sensitive)
    words = {
        "pass": f"By {by}, no gap is wider than its limit; the nearest to it:",
        "fail": f"By {by}, the model is not fair:",
        "insufficient": f"By {by}, there is not enough evidence to call the model fair or unfair:",
    }
    return f"{words[status]} {number} {worst.evidence['note']}"


def _badness(finding: Finding) -> float:
    """Order findings by how much of what the limit allows the gap uses up."""
    value = 1.0 if finding.value != finding.value else finding.value  # NaN
    gap, limit = value, finding.limit if finding.limit is not None else 1.0
    if kind_of(finding.name) == "ratio":
        gap, limit = 1 - value, 1 - (finding.limit if finding.limit is not None else 0.0)
    return float(gap / limit) if limit else float("inf") if gap else 0.0


def _spread(extreme: Mapping[str, Any]) -> str:
    high, low, words = extreme["highest"], extreme["lowest"], extreme["rate"].replace("_", " ")
    if high["value"] == low["value"]:
        return f"The {words} is {high['value']:.3f} in all groups."
    return (
        f"The {words} goes from {low['value']:.3f} ({low['group']}) "
        f"to {high['value']:.3f} ({high['group']})."
    )


def _missing_notes(missing: Mapping[str, Any]) -> list[str]:
    said = []
    if missing["excluded"]:
        said.append(
            f"{missing['excluded']:,} rows lack the label ({missing['label']:,}) or the prediction "
            f"({missing['prediction']:,}) and were left out."
        )
    said += [
        f"{n:,} rows lack {column}: they are the group (missing)."
        for column, n in missing["sensitive"].items()
        if n
    ]
    return said
