"""Expectations inferred from a reference, kept in a file, and pandera's schemas."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_nb.checks import quality, quality_files
from mlops_nb.checks.quality_inference import infer
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.flows import checks
from mlops_nb.flows.context import Context, Named
from mlops_nb.interfaces import cli
from mlops_nb.project import Project

CREDIT = Path(__file__).parents[3] / "notebooks" / "data" / "credit_default.parquet"


def clients(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(n)],
            "age": rng.integers(18, 80, n),
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(10, 1, n)),
            "state": rng.choice(["CA", "NY", "TX"], n),
            "rank": rng.integers(1, 4, n),
            'odd "\n]] name': rng.choice(['a "quoted"\\ one', "новый"], n),
            "when": pd.date_range("2026-01-01", periods=n),
            "good": rng.random(n) < 0.5,
        }
    )


def broken(data: pd.DataFrame, expectations: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    report = quality.check(data, expectations=expectations)
    asked = [f for f in report.findings if "expected" in f.evidence]
    assert len(asked) == len(expectations)
    return [(f.name, f.column) for f in asked if f.status == "fail"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"age": 17.5}, []),  # within the margin
        ({"age": 150}, [("range", "age")]),
        ({"age": -1}, [("range", "age")]),
        ({"age": "young"}, [("type", "age"), ("range", "age")]),
        ({"income": np.nan}, [("not_null", "income")]),
        ({"state": "WA"}, [("in_set", "state")]),
        ({"state": None}, [("not_null", "state")]),
        ({"rank": 9}, [("in_set", "rank")]),
        ({"id": "c1"}, [("unique", "id")]),
        ({"when": "soon"}, [("type", "when")]),
    ],
    ids=str,
)
def test_what_is_inferred_tells_one_change_and_nothing_else(
    change: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert broken(clients().assign(**change), infer(clients())) == told


def test_a_lost_column_and_few_rows_are_told() -> None:
    expected = infer(clients())
    told = broken(clients().drop(columns="state"), expected)
    assert {column for _, column in told} == {"state"}
    assert broken(clients().head(90), expected) == [("row_count", None)]


def test_what_is_certain_is_an_error_and_what_is_usual_a_warning() -> None:
    severe = {(e["check"], e.get("column")) for e in infer(clients()) if e.get("severity") is None}
    assert {("type", "age"), ("not_null", "age"), ("unique", "id")} <= severe
    assert not {check for check, _ in severe} & {"range", "in_set", "row_count"}


COLUMN = st.one_of(
    st.lists(st.one_of(st.floats(), st.none()), min_size=1, max_size=130),
    st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=130),
    st.lists(st.sampled_from(["a", "b\n", "", None, "é"]), min_size=1, max_size=130),
    st.lists(st.one_of(st.booleans(), st.text(max_size=3), st.integers()), min_size=1, max_size=9),
    st.lists(st.datetimes(), min_size=1, max_size=5),
)


@given(COLUMN)
@example([6_249_999_996])
@settings(max_examples=120, deadline=None)
def test_a_reference_keeps_to_what_is_inferred_from_it(values: list[Any]) -> None:
    data = pd.DataFrame({"x": values})
    assert broken(data, infer(data)) == []


def test_a_file_holds_them_and_is_read_again(tmp_path: Path) -> None:
    expected = infer(clients())
    quality_files.write(tmp_path / "e.toml", expected)
    assert quality_files.read(tmp_path / "e.toml") == expected
    with pytest.raises(InputError, match=r"e\.toml is there already; give another name"):
        quality_files.write(tmp_path / "e.toml", [])
    assert quality_files.read(tmp_path / "e.toml") == expected
    with pytest.raises(NotFoundError, match="there is no folder"):
        quality_files.write(tmp_path / "no" / "e.toml", [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[expect]", "is not TOML"),
        (
            "[quality]\nstrict = true",
            "must hold .*expect.* tables, and nothing else; there is q",
        ),
        ("expect = 3", "must hold"),
        ("[[expect]]\ncheck = 'rnage'\ncolumn = 'x'\nmin = 1", "did you mean 'range'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    context = Context(Project.at(tmp_path, {}), tmp_path)
    with pytest.raises(InputError, match=told):
        checks.quality(context, clients(), expectations="e.toml")


def test_the_project_s_file_counts_beside_its_own_expectations(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[quality]\nfile = "e.toml"\nexpect = [{column = "age", check = "range", max = 5}]\n'
    )
    quality_files.write(tmp_path / "e.toml", [{"check": "row_count", "min": 10_000}])
    report = checks.quality(Context(Project.at(tmp_path, {}), tmp_path), clients(), strict=False)
    assert [f.name for f in report.findings if f.status == "fail"] == ["range", "row_count"]


def test_from_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["quality", str(CREDIT), "--infer", "credit.toml"]) == 0
    text = (tmp_path / "credit.toml").read_text()
    assert len(tomllib.loads(text)["expect"]) > 50
    assert 'check = "range"' in text
    pd.read_parquet(CREDIT).assign(AGE=200).to_parquet("new.parquet")
    capsys.readouterr()
    (tmp_path / "credit.toml").write_text(text.replace('severity = "warning"', ""))
    assert cli.main(["quality", "new.parquet", "--expect", "credit.toml"]) == 1
    assert "`AGE`" in capsys.readouterr().out
    assert cli.main(["quality", "new.parquet", "--expect", "no.toml"]) == 2
    assert "there is no file" in capsys.readouterr().err


SCHEMA = """
import pandera.pandas as pa

class Clients(pa.DataFrameModel):
    age: int = pa.Field(ge=18, le=70)
    state: str = pa.Field(isin=["CA", "NY"])
    lost: float

schema = Clients.to_schema()
"""


def test_a_pandera_schema_gives_a_finding_for_each_thing_that_it_asks(tmp_path: Path) -> None:
    pandera = pytest.importorskip("pandera.pandas")
    (tmp_path / "schemas.py").write_text(SCHEMA)
    context = Context(Project.at(tmp_path, {}), tmp_path)
    data = clients()
    report = checks.quality(context, data, schema="schemas.py:Clients", strict=False)
    told = {(f.name, f.column): f for f in report.findings if f.name.startswith("pandera")}
    old = told["pandera: less_than_or_equal_to(70)", "age"]
    assert old.evidence["count"] == int((data["age"] > 70).sum()) > 0
    assert old.evidence["severity"] == "error"
    assert ("pandera: isin(['CA', 'NY'])", "state") in told
    lacking = told["pandera: column_in_dataframe", None].evidence["note"]
    assert lacking == "the schema asks for `lost`, which these data don't have"
    assert report.status == "fail"

    good = pandera.DataFrameSchema({"age": pandera.Column(coerce=True, dtype=float)})
    passed = checks.quality(context, data, schema=Named("good", good))
    assert passed.finding("pandera").status == "pass"
    assert data["age"].dtype == "int64"


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ("schema", InputError, "'schema' is no schema in scope; a file's is FILE.py:NAME"),
        ("gone.py:schema", NotFoundError, "there is no file 'gone.py'"),
        ("schemas.py:shcema", NotFoundError, "did you mean 'schema'"),
        ("bad.py:schema", UnavailableError, "bad.py raised ZeroDivisionError"),
        (3, InputError, "DataFrameSchema or DataFrameModel, not int"),
    ],
)
def test_what_is_no_schema_is_refused(
    tmp_path: Path, given: Any, error: type[Exception], told: str
) -> None:
    pytest.importorskip("pandera.pandas")
    (tmp_path / "schemas.py").write_text(SCHEMA)
    (tmp_path / "bad.py").write_text("1 / 0")
    with pytest.raises(error, match=told):
        checks.quality(Context(Project.at(tmp_path, {}), tmp_path), clients(), schema=given)
