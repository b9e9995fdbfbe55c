"""Drift: what the report says, and that odd data give findings and no tracebacks.

That scores and verdicts are Evidently's is tested in tests/conformance/test_drift_evidently.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift, drift_profile
from mlops_nb.checks.drift import SHARE
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report
from mlops_nb.core.strict_json import dumps
from tests.unit.checks.unruly import UNRULY

CREDIT = Path(__file__).parents[3] / "notebooks" / "data" / "credit_default.parquet"
RNG = np.random.default_rng(11)


def frame(n: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    return pd.DataFrame(
        {
            "temp": rng.normal(60, 11, n),
            "rain": rng.exponential(size=n),
            "state": rng.choice(["CA", "NY", "TX"], n, p=[0.2, 0.3, 0.5]),
            "open": rng.random(n) < 0.5,
        }
    )


OLD = frame()
NEW = OLD.assign(temp=OLD["temp"] + 21, state=OLD["state"].replace("TX", "CA"))


def test_the_report_says_what_a_colleague_would() -> None:
    report = drift.check(OLD, NEW, names=("January", "July"))
    assert (report.kind, report.status) == ("drift", "fail")
    assert report.summary == "2 of 4 columns drifted (50 %, limit 50 %): `temp`, `state`"
    assert report.subject == {
        "reference": {"name": "January", "rows": 1500},
        "current": {"name": "July", "rows": 1500},
        "columns": 4,
    }
    assert [f.name for f in report.findings] == [SHARE, "temp", "state", "rain", "open"]
    whole = report.findings[0]
    assert (whole.column, whole.value, whole.limit, whole.status) == (None, 0.5, 0.5, "fail")
    assert whole.evidence["drifted"] is True
    sentences = {f.name: f.evidence["sentence"] for f in report.findings}
    assert sentences["temp"] == "`temp` moved up by 21, 1.95 standard deviations"
    assert sentences["state"] == "`state`: TX went from 51 % to 0 % of rows"
    assert sentences["rain"].startswith("`rain` is much as it was")


def test_a_finding_carries_its_evidence() -> None:
    old, new = OLD.copy(), NEW.copy()
    old.loc[:99, "temp"] = np.nan
    new.loc[0, "temp"] = np.inf
    found = drift.check(old, new).finding("temp")
    evidence = found.evidence
    assert (found.column, found.limit, evidence["threshold"]) == ("temp", 0.1, 0.1)
    assert evidence["method"] == "Wasserstein distance (normed)"
    assert (evidence["type"], evidence["drifted"]) == ("num", True)
    counts = [
        evidence[f"{what}_{side}"] for what in ("n", "missing") for side in ("reference", "current")
    ]
    assert counts == [1400, 1499, 100, 0]
    drawn = evidence["histogram"]
    assert len(drawn["edges"]) == len(drawn["reference"]) + 1 == len(drawn["current"]) + 1
    assert sum(drawn["reference"]) == pytest.approx(1)
    assert sum(drawn["current"]) == pytest.approx(1)


def test_levels_are_drawn_with_the_rest_as_other() -> None:
    old = pd.DataFrame({"city": [f"city {i}" for i in range(40)] * 50})
    new = pd.DataFrame({"city": ["city 3"] * 1000 + ["new"] * 1000})
    found = drift.check(old, new).finding("city")
    drawn = found.evidence["histogram"]
    assert drawn["categories"][:2] == ["city 3", "new"]
    assert drawn["categories"][-1] == "other"
    assert len(drawn["categories"]) == len(drawn["reference"]) == len(drawn["current"]) == 11
    assert sum(drawn["reference"]) == pytest.approx(1)
    assert "1 level is new (50 %)" in found.evidence["sentence"]
    few = drift.check(OLD, NEW).finding("open").evidence["histogram"]
    assert few["categories"] == ["False", "True"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x - 6, "`x` moved down by 6, "),
        (lambda x: (x - 50) * 3 + 50, "`x` spread out: its standard deviation went from "),
        (lambda x: (x - 50) / 3 + 50, "`x` narrowed: its standard deviation went from "),
        (lambda x: np.where(x > 50, 55, 45) + x / 1000, "`x` changed its shape"),
        (lambda x: x + 0.1, "`x` is much as it was: its mean moved up by "),
    ],
)
def test_numbers_are_told_by_what_changed(change: object, said: str) -> None:
    x = np.random.default_rng(4).normal(50, 5, 4000)
    report = drift.check(pd.DataFrame({"x": x}), pd.DataFrame({"x": change(x)}))  # type: ignore[operator]
    assert report.finding("x").evidence["sentence"].startswith(said)


def test_the_worst_comes_first_whatever_the_method() -> None:
    n = 3000
    old = pd.DataFrame({name: RNG.normal(size=n) for name in "abcd"})
    new = old.add([0.2, 0.0, 5.0, 0.5])
    # Few values are left of this one, so it is tested by a p-value among distances.
    old["e"], new["e"] = old["a"].where(old.index < 500), new["a"] + 9
    report = drift.check(old, new)
    assert [f.name for f in report.findings[1:]] == ["e", "c", "d", "a", "b"]


def test_columns_can_be_chosen_and_left_out() -> None:
    chosen = drift.check(OLD, NEW, columns=["rain", "temp"])
    assert {f.name for f in chosen.findings} == {SHARE, "rain", "temp"}
    rest = drift.check(OLD, NEW, exclude=["temp", "state"])
    assert (rest.status, rest.findings[0].value) == ("pass", 0.0)
    limits = drift.check(OLD, NEW, thresholds={"temp": 5}, share=0.2)
    assert (limits.finding("temp").limit, limits.finding("temp").status) == (5.0, "pass")
    assert limits.status == "fail"


def test_a_sentence_has_no_number_that_is_none() -> None:
    rng = np.random.default_rng(0)
    old = pd.DataFrame({"x": rng.uniform(-1.7, 1.7, 500) * 1e308})
    for method in ("ks", "ed", "wasserstein"):
        for new in (old, old.abs()):
            told = drift.check(old, new, methods=method).finding("x").evidence["sentence"]
            assert "nan" not in told
            assert "inf" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["tmep"]}, "unknown column 'tmep' in reference; did you mean 'temp'?"),
        ({"exclude": ["stat"]}, "unknown column to exclude 'stat'; did you mean 'state'?"),
        ({"methods": "chi2"}, "unknown drift method 'chi2'"),
        ({"methods": ["temp=PSI2"]}, "unknown drift method 'PSI2'; did you mean 'psi'?"),
        ({"methods": {"tmp": "ks"}}, "column with a method 'tmp'; did you mean 'temp'?"),
        ({"methods": "ks"}, "ks is not for `state`, a column of type cat (chisquare, z, "),
        ({"methods": {"temp": "g_test"}}, "g_test is not for `temp`, a column of type num"),
        ({"types": {"temp": "number"}}, "unknown type of column 'number'"),
        ({"types": "num"}, "column with a type 'all'"),
        ({"thresholds": "low"}, "the threshold of 'all' must be a number from 0, not 'low'"),
        ({"thresholds": {"temps": 1.0}}, "unknown column with a threshold 'temps'"),
        ({"thresholds": {"temp": "high"}}, "threshold of 'temp' must be a number from 0"),
        ({"thresholds": {"temp": float("nan")}}, "must be a number from 0, not nan"),
        ({"share": 2}, "share must be between 0 and 1, not 2"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        drift.check(OLD, NEW, **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_method_is_chosen_by_column_by_type_or_for_all() -> None:
    def keys(methods: object) -> dict[str, str]:
        report = drift.check(OLD, NEW, methods=methods)  # type: ignore[arg-type]
        return {f.name: f.evidence["method"] for f in report.findings[1:]}

    assert set(keys("psi").values()) == {"PSI"}
    assert keys(["num=ks", "rain=psi"]) == {
        "temp": "K-S p_value",
        "rain": "PSI",
        "state": "Jensen-Shannon distance",
        "open": "Jensen-Shannon distance",
    }
    assert keys({"cat": "g_test", "all": "hellinger"})["temp"] == "Hellinger distance"
    limits = drift.check(OLD, NEW, thresholds=["9", "cat=0.01", "rain=0.5"])
    assert {f.name: f.limit for f in limits.findings[1:]} == {
        "temp": 9.0,
        "rain": 0.5,
        "state": 0.01,
        "open": 0.01,
    }


def test_target_and_prediction_are_named() -> None:
    report = drift.check(OLD, NEW, target="open", prediction="state", thresholds={"temp": 9})
    assert report.finding("state").evidence["role"] == "prediction"
    assert report.finding("open").evidence["role"] == "target"
    assert "role" not in report.finding("temp").evidence
    assert report.summary.endswith(
        "the prediction `state` drifted; the target `open` did not drift"
    )
    with pytest.raises(NotFoundError, match="unknown target column 'opn'; did you mean 'open'"):
        drift.check(OLD, NEW, target="opn")


def test_a_column_is_read_as_the_type_that_is_given() -> None:
    few = pd.DataFrame({"rooms": np.arange(400) % 4})
    assert drift.check(few, few).finding("rooms").evidence["type"] == "cat"
    found = drift.check(few, few + 1, types={"rooms": "num"}, methods="ks").finding("rooms")
    assert (found.evidence["type"], found.evidence["counted"]) == ("num", True)
    assert "K-S p_value" in found.evidence["method"]
    with pytest.raises(InputError, match="--type rooms=num"):
        drift.check(few, few, methods={"rooms": "ks"})
    words = drift.check(OLD, NEW, types={"state": "num"}).finding("state")
    assert (words.status, "not numbers" in words.evidence["note"]) == ("insufficient", True)


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2026-01-01", periods=60),
        pd.date_range("2026-01-01", periods=60, tz="Asia/Tokyo"),
        pd.array(pd.date_range("2026-01-01", periods=60), dtype="timestamp[ms][pyarrow]"),
        pd.array(pd.date_range("2026-01-01", periods=60).date, dtype="date32[pyarrow]"),
        pd.Series(pd.date_range("2026-01-01", periods=60).date, dtype=object),
        pd.to_timedelta(np.arange(60), "D"),
        pd.array(pd.to_timedelta(np.arange(60), "D"), dtype="duration[ms][pyarrow]"),
    ],
)
def test_dates_and_durations_are_judged_in_days(dates: object) -> None:
    old = pd.DataFrame({"when": dates})
    later = drift.check(old, old + pd.Timedelta(days=30)).finding("when")
    assert later.status == "fail"
    assert later.evidence["sentence"].startswith("`when` moved up by 30 days, 1.73 standard")
    assert "our own judgement" in later.evidence["note"]
    assert drift.check(old, old).finding("when").status == "pass"


def test_a_column_asked_for_must_be_in_both() -> None:
    with pytest.raises(NotFoundError, match=r"unknown column 'rain' in July; did you mean 'rainy'"):
        drift.check(
            OLD, NEW.rename(columns={"rain": "rainy"}), columns=["rain"], names=("Jan", "July")
        )
    with pytest.raises(InputError, match="current must be a DataFrame, not list"):
        drift.check(OLD, [1, 2])  # type: ignore[arg-type]


def test_what_cannot_be_judged_leaves_the_verdict_open_only_if_it_might_turn_it() -> None:
    gone = NEW.assign(temp=np.nan)
    report = drift.check(OLD, gone)
    assert report.finding("temp").status == "insufficient"
    assert (report.status, report.findings[0].value) == ("insufficient", 0.25)
    assert report.findings[0].evidence["drifted"] is None
    assert report.summary.endswith("`state`; 1 can't be judged")
    assert drift.check(OLD, gone, share=0.8).status == "pass"
    assert drift.check(OLD, gone, share=0.2).status == "fail"


def test_frames_of_nullable_types_alone_are_judged() -> None:
    old, new = OLD.convert_dtypes(), NEW.convert_dtypes()
    old["state"], new["state"] = (f["state"].astype("category") for f in (old, new))
    old, new = old[["temp", "open"]], new[["temp", "open"]]
    report = drift.check(old, new)
    assert report.finding("temp").evidence["counted"] is False
    assert (report.status, report.findings[0].value) == ("fail", 0.5)


def test_what_evidently_passes_over_is_told_beside_the_share() -> None:
    old = OLD[["rain"]].assign(visits=pd.array(range(1500), dtype="Int64"))
    new = old.assign(visits=old["visits"] * 3)
    report = drift.check(old, new)
    assert (report.status, report.findings[0].value) == ("pass", 0.0)
    assert report.finding("visits").status == "fail"
    assert "1 of 1 drifted that Evidently would pass over" in report.summary


def test_a_score_that_hides_a_shift_says_so() -> None:
    x = np.append(RNG.normal(size=2000), 1e6)
    shifted = np.append(x[:-1] + 3, 1e6)
    hidden = drift.check(pd.DataFrame({"x": x}), pd.DataFrame({"x": shifted})).finding("x")
    assert hidden.status == "pass"
    assert "a few extreme values" in hidden.evidence["note"]
    tiny = pd.DataFrame({"x": RNG.normal(size=2000) * 1e-6})
    assert "is under 0.001" in drift.check(tiny, tiny + 1e-5).finding("x").evidence["note"]


HOSTILE = ["<script>alert(1)</script>", "a\nb", "quo'te\"", "😀", "x" * 10_000, "", "a`b"]


def test_hostile_names_are_kept_in_names_and_shortened_in_sentences() -> None:
    old = pd.DataFrame({name: RNG.normal(size=50) for name in HOSTILE})
    report = drift.check(old, old + 9)
    assert {f.name for f in report.findings} == {SHARE, *HOSTILE}
    for found in report.findings[1:]:
        assert "\n" not in found.evidence["sentence"]
        assert len(found.evidence["sentence"]) < 200


def test_names_that_are_no_text_and_names_that_occur_twice() -> None:
    old = pd.DataFrame(RNG.normal(size=(60, 3)))
    assert [f.name for f in drift.check(old, old).findings] == [SHARE, "0", "1", "2"]
    assert drift.check(old, old, columns=["1"]).findings[1].name == "1"
    twice = old.set_axis(["a", "a", "b"], axis=1)
    report = drift.check(twice, twice)
    assert report.finding("a").status == "insufficient"
    assert report.finding("a").evidence["note"] == "reference has 2 columns of this name"
    assert report.finding("b").status == "pass"
    levels = old.set_axis(pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)]), axis=1)
    assert drift.check(levels, levels + 9).finding("('x', 1)").status == "fail"


ODD = {
    "lists": [[1], [2], [1]],
    "dicts": [{"a": 1}, {"b": 2}, {}],
    "mixed": ["a", 1, None],
    "text and list": ["a", [1], "b"],
    "dates": list(pd.to_datetime(["2026-01-01", "2026-01-02", None])),
    "zones": [pd.Timestamp("2026", tz="UTC"), pd.Timestamp("2026", tz="Asia/Tokyo"), None],
    "complex": [1j, 2j, 3j],
    "huge": [10**400, 2, 3],
    "intervals": list(pd.interval_range(0, 3)),
    "arrays": [np.zeros(2), np.ones(2), None],
    "bytes": [b"a", b"b", b"c"],
    "infinite": [np.inf, -np.inf, np.nan],
    "nothing": [None, None, None],
}


@pytest.mark.parametrize("other", [1, 40, 2000])
@pytest.mark.parametrize("name", ODD)
def test_odd_values_give_findings(name: str, other: int) -> None:
    odd = pd.DataFrame({"x": pd.Series(ODD[name], dtype=object)})
    repeated = pd.concat([odd] * other, ignore_index=True)
    for old, new in ((repeated, repeated), (repeated, OLD[["rain"]].set_axis(["x"], axis=1))):
        for pair in ((old, new), (new, old)):
            report = drift.check(*pair)
            assert len(report.findings) == 2
            assert report.findings[1].evidence["sentence"]
            json.loads(dumps(report))


@pytest.mark.parametrize("odd", UNRULY)
@pytest.mark.parametrize("method", [None, "z", "TVD"])
def test_values_whose_own_code_raises_give_findings(odd: type, method: str | None) -> None:
    values = [odd() for _ in range(30)]
    data = pd.DataFrame({"x": pd.Series(values, dtype=object), "y": np.arange(30.0)})
    for types in (None, {"x": "cat"}):
        for reference in (data, drift_profile.profile(data)):
            report = drift.check(reference, data, types=types, methods=method and {"x": method})
            assert report.finding("x").evidence["sentence"]
            assert report.finding("y").value == 1.0
            assert Report.from_dict(json.loads(dumps(report))).status == report.status


@pytest.mark.parametrize(
    ("old", "new"),
    [(OLD[:0], NEW), (OLD, NEW[:0]), (pd.DataFrame(), pd.DataFrame()), (OLD, pd.DataFrame())],
)
def test_empty_frames_cannot_be_judged(old: pd.DataFrame, new: pd.DataFrame) -> None:
    report = drift.check(old, new)
    assert report.status == "insufficient"
    assert all(f.status == "insufficient" for f in report.findings)
    assert Report.from_dict(json.loads(dumps(report))) == report


def test_a_report_is_read_back_from_its_json() -> None:
    report = drift.check(OLD, NEW)
    assert Report.from_dict(json.loads(dumps(report))) == report


def test_two_threads_say_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = pd.read_parquet(CREDIT)
    old, new = clients[clients["EDUCATION"] == 1], clients[clients["EDUCATION"] == 2]
    threaded = drift.check(old, new)
    monkeypatch.setattr(drift, "SMALL", 10**12)
    assert drift.check(old, new).findings == threaded.findings
    assert threaded.finding("LIMIT_BAL").status == "fail"
    assert threaded.finding("SEX").status == "pass"


def test_neither_evidently_nor_scipys_statistics_are_imported_for_large_data() -> None:
    code = (
        "import sys, pandas as pd\n"
        "from mlops_nb.checks import drift\n"
        "assert 'pandas' in sys.modules\n"
        f"clients = pd.read_parquet({str(CREDIT)!r})\n"
        "drift.check(clients, clients)\n"
        "print([m for m in ('evidently', 'scipy', 'sklearn') if m in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == "[]"
