"""A function of one's own as a metric: typed in a cell, in a terminal, in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import mlops_nb
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.interfaces.cli import main
from tests.notebooks import shell_in_process

ROWS = 400
COLUMNS = {"label": "y", "prediction": "p", "sensitive": "sex"}
TYPED = "--label y --prediction p --sensitive sex"
AGREE = """def agree(truth, predicted):
    print("aside")
    return (truth == predicted).mean()

agree.greater_is_better = True
half = 0.5
"""


def agree(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float((truth == predicted).mean())


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=ROWS)
    wrong = rng.random(ROWS) < 0.2
    return pd.DataFrame({"y": y, "p": y ^ wrong, "sex": rng.choice(["f", "m"], ROWS)})


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.toml").write_text("[fairness]\ndraws = 100\n")
    (tmp_path / "own.py").write_text(AGREE)
    table().to_csv("data.csv", index=False)
    with shell_in_process() as made:
        made.run_line_magic("load_ext", "mlops_nb")
        yield made


def judged(shell: InteractiveShell, line: str) -> list[tuple[str, float | None]]:
    report: Any = shell.run_line_magic("mlops", f"fairness data {TYPED} {line}")
    report = getattr(report, "value", report)
    return [(finding.name, finding.limit) for finding in report.findings]


def test_a_function_in_scope_is_a_metric_and_may_have_a_limit(shell: InteractiveShell) -> None:
    shell.user_ns.update(
        data=table(), agree=agree, same=partial(agree), demographic_parity_ratio=agree
    )
    assert judged(shell, "--metric agree --metric same --limit same 0.3") == [
        ("agree_difference", None),
        ("same_difference", 0.3),
    ]
    assert judged(shell, "--metric agree --limit agree_ratio 0.5") == [
        ("agree_difference", None),
        ("agree_ratio", 0.5),
    ]
    assert judged(shell, "--metric own.py:agree") == [("agree_difference", None)]
    # A known metric stays what it is, whatever is called so in the notebook.
    shown: Any = shell.run_line_magic(
        "mlops", f"fairness data {TYPED} --metric demographic_parity_ratio --limit agree 0.5"
    )
    first, own = getattr(shown, "value", shown).findings
    assert (first.name, own.limit) == ("demographic_parity_ratio", 0.5)
    assert not first.evidence["method"].startswith("slow")
    assert own.evidence["method"].startswith("slow: agree called for each group")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--metric demographic_parity_rato", "did you mean 'demographic_parity_ratio'"),
        ("--limit demographic_parity_rato 0.1", "did you mean 'demographic_parity_ratio'"),
        ("--metric half", "unknown metric 'half'"),
        ("--metric own.py:half", "'own.py:half' is no function, but float"),
        ("--metric own.py:agre", "did you mean 'agree'"),
        ("--metric gone.py:agree", "there is no file 'gone.py'; a metric is given as FILE.py:NAME"),
        ("--metric own.py:agree --metric agree", "two metrics are called 'agree'"),
    ],
)
def test_what_is_no_metric_is_refused_in_one_line(
    shell: InteractiveShell, line: str, said: str
) -> None:
    shell.user_ns.update(data=table(), agree=agree, half=0.5)
    with pytest.raises(UsageError, match=said):
        judged(shell, line)


@pytest.mark.usefixtures("shell")
def test_a_terminal_takes_a_function_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = f"fairness data.csv {TYPED} --metric own.py:agree --limit own.py:agree 0.4 --json"
    assert main(words.split()) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["name"], finding["limit"]) == ("agree_difference", 0.4)


@pytest.mark.usefixtures("shell")
def test_two_functions_of_one_name_are_refused() -> None:
    functions = [lambda y, p: (y == p).mean(), lambda y, p: (y != p).mean()]
    with pytest.raises(InputError, match="two metrics are called '<lambda>'"):
        mlops_nb.fairness(table(), **COLUMNS, metrics=functions)


def test_performance_is_the_same_through_every_door(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "--label y --prediction p --metric own.py:agree --limit own.py:agree 0.7 --metric f1"
    Path("mlops.toml").write_text("[performance]\nlimits = {recall = 0.5}\n")
    assert main(f"performance data.csv {typed} --json".split()) == 0
    told = capsys.readouterr()
    assert "aside" in told.err
    terminal = json.loads(told.out)["findings"]
    assert [(each["name"], each["limit"]) for each in terminal] == [
        ("agree", 0.7),
        ("f1", None),
        ("recall", 0.5),
    ]

    shell.run_cell(AGREE)
    shell.user_ns["data"] = table()
    typed = typed.replace("own.py:agree", "agree")
    shown: Any = shell.run_line_magic("mlops", f"performance data {typed}")
    notebook = getattr(shown, "value", shown).to_dict()["findings"]

    agree = shell.user_ns["agree"]
    given = {"label": "y", "prediction": "p", "metrics": [agree, "f1"], "limits": {agree: 0.7}}
    python = mlops_nb.performance("data.csv", **given).to_dict()["findings"]
    assert terminal == notebook == python
    assert terminal[0]["evidence"]["method"].startswith("slow: agree called for each draw")


def test_performance_takes_weights_through_every_door(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    data = table()
    weights = np.random.default_rng(1).exponential(size=len(data)).round(3)
    data.assign(w=weights).to_csv("weighted.csv", index=False)
    typed = "--label y --prediction p --weights w --metric accuracy"
    assert main(f"performance weighted.csv {typed} --json".split()) == 0
    terminal = json.loads(capsys.readouterr().out)
    shell.user_ns.update(data=data, w=weights)
    shown: Any = shell.run_line_magic("mlops", f"performance data {typed}")
    given = {"label": "y", "prediction": "p", "metrics": ["accuracy"]}
    python = mlops_nb.performance(data, **given, weights=weights)
    notebook = getattr(shown, "value", shown)
    assert terminal["findings"] == notebook.to_dict()["findings"] == python.to_dict()["findings"]
    assert python.findings[0].value == pytest.approx(
        np.average(data["y"] == data["p"], weights=weights)
    )
    assert terminal["subject"]["weights"] == notebook.subject["weights"] == "w"

    for line, said in (
        ("--weights ww", "unknown column 'ww'"),
        ("--weights w --metric agree", "the metric agree takes no sample_weight"),
    ):
        shell.run_cell(AGREE)
        with pytest.raises(UsageError) as caught:
            shell.run_line_magic("mlops", f"performance data --label y --prediction p {line}")
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="weights has 2 rows, and the data"):
        mlops_nb.performance(data, **given, weights=[1, 2])


def test_performance_refuses_what_is_no_metric_in_one_line(shell: InteractiveShell) -> None:
    shell.user_ns.update(data=table(), shy=lambda y, p: (y == p).mean(), half=0.5)
    for line, said in (
        ("--metric accurcy", "did you mean 'accuracy'"),
        ("--metric half", "unknown metric 'half'"),
        ("--metric own.py:half", "'own.py:half' is no function, but float"),
        ("--limit shy 0.5", "nothing says whether 'shy' is better high or low"),
    ):
        with pytest.raises(UsageError, match=said):
            shell.run_line_magic("mlops", f"performance data --label y --prediction p {line}")
    # A known metric stays what it is, whatever is called so in the notebook.
    shell.user_ns["accuracy"] = lambda _y, _p: 0.0
    shown: Any = shell.run_line_magic(
        "mlops", "performance data --label y --prediction p --metric accuracy"
    )
    assert getattr(shown, "value", shown).findings[0].value > 0.5


@pytest.mark.usefixtures("shell")
def test_a_file_that_leaves_python_ends_no_check() -> None:
    Path("leaves.py").write_text("def agree(y, p):\n    return 1.0\n\nraise SystemExit(0)\n")
    given = {"label": "y", "prediction": "p", "metrics": "leaves.py:agree"}
    with pytest.raises(UnavailableError, match=r"leaves\.py raised SystemExit: 0"):
        mlops_nb.performance(table(), **given)


@pytest.mark.usefixtures("shell")
def test_in_a_run_its_value_is_logged_as_a_metric() -> None:
    with mlops_nb.track("own"):
        mlops_nb.performance(table(), label="y", prediction="p", metrics=[agree])
    truth, predicted = table()["y"].to_numpy(), table()["p"].to_numpy()
    assert mlops_nb.show("latest").run.metrics["agree"] == agree(truth, predicted)


@pytest.mark.usefixtures("shell")
def test_in_a_run_a_function_that_could_not_be_logged_is_never_called() -> None:
    calls = []
    shy: Any = lambda y, p: calls.append(1) or float((y == p).mean())  # noqa: E731
    given = {"label": "y", "prediction": "p"}
    with mlops_nb.track("own"):
        with pytest.raises(InputError, match=r"can't log a metric called '<lambda>'; give .* name"):
            mlops_nb.performance(table(), **given, metrics=[shy])
        assert not calls
        shy.__name__ = "shy"
        assert mlops_nb.performance(table(), **given, metrics=[shy]).findings[0].name == "shy"


def test_a_method_in_scope_may_have_a_limit(shell: InteractiveShell) -> None:
    class Grader:
        def right_score(self, truth: Any, predicted: Any) -> float:
            return float((truth == predicted).mean())

    shell.user_ns.update(data=table(), grader=Grader())
    line = "--metric grader.right_score --limit grader.right_score 0.3"
    assert judged(shell, line) == [("right_score_difference", 0.3)]
