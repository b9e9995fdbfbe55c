"""A single change of each kind is named, and nothing else is."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlops_nb.core.diff_records import CellChange, Change, RunDiff
from mlops_nb.core.records import CellRecord, Finding, Report, Run, now
from mlops_nb.tracking.comparison import Evidence, compare

SOURCES = (
    '%load_ext mlops_nb\n%mlops track "first"',
    "months = 2",
    "import pandas as pd\nframe = pd.read_csv('x.csv')",
    "forest = fit(frame,\n    depth=4)",
    "forest",
)
NOTEBOOK_DIFF = "diff --git a/n/train.ipynb b/n/train.ipynb\n+old\n"
OTHER_DIFF = "diff --git a/lib.py b/lib.py\n-1\n+2\n"


def cells(*sources: str) -> tuple[CellRecord, ...]:
    return tuple(
        CellRecord(index, source, now(), 0.1 * index, "ok")
        for index, source in enumerate(sources, 1)
    )


def evidence(run_id: str = "a", **changed: Any) -> Evidence:
    tags = {
        "mlops.notebook": f"/home/{run_id}/n/train.ipynb",
        "mlops.door": run_id,
        "mlops.host": run_id,
        "mlops.commit": "e83c5163316f89bf",
        "mlops.diff_hash": "sha256:1111111111111",
        "mlops.data.train": "credit@1 sha256:aa",
        "mlops.data.file.x.csv": "sha256:bb",
        "mlops.python": "3.11.7",
        "mlops.hardware": '{"cpus": 2}',
        "mlops.seeds": '{"random": "1"}',
        **changed.pop("tags", {}),
    }
    run = Run(
        run_id,
        f"run {run_id}",
        "FINISHED",
        now() + timedelta(seconds=ord(run_id)),
        params=changed.pop("params", {"months": 2, "depth": "deep"}),
        metrics=changed.pop("metrics", {"auc": 0.78, "nan": math.nan}),
        tags=tags,
    )
    report = Report("drift", "pass", (Finding("age", "age", 0.1, 0.2),))
    usual = Evidence(
        run,
        cells=cells(*SOURCES),
        packages="numpy==2.4.0\npandas==2.3.3\n",
        diff=NOTEBOOK_DIFF + OTHER_DIFF,
        modules={"lib.py": "sha256:5"},
        reports=(report,),
    )
    return replace(usual, **changed)


def source(place: int, text: str) -> tuple[CellRecord, ...]:
    return cells(*(text if n == place else told for n, told in enumerate(SOURCES)))


PLANTED = {
    "parameter": (
        {"params": {"months": 3, "depth": "deep"}, "cells": source(1, "months = 3")},
        "parameters",
        "Parameter `months` was 2 and became 3.",
    ),
    "injected parameter": (
        {"params": {"months": 3, "depth": "deep"}, "cells": source(1, "# Parameters\nmonths = 3")},
        "parameters",
        "Parameter `months` was 2 and became 3.",
    ),
    "new parameter": (
        {"params": {"months": 2, "depth": "deep", "trees": 10}},
        "parameters",
        "Parameter `trees` was added (10).",
    ),
    "cell": (
        {"cells": source(3, "forest = fit(frame,\n    depth=8)")},
        "cells",
        "Cell 4 has other code: `depth=4)` became `depth=8)`.",
    ),
    "cell and its file's uncommitted edit": (
        {
            "cells": source(3, "forest = fit(frame,\n    depth=8)"),
            "tags": {"mlops.diff_hash": "sha256:2"},
            "diff": NOTEBOOK_DIFF.replace("old", "new") + OTHER_DIFF,
        },
        "cells",
        "Cell 4 has other code: `depth=4)` became `depth=8)`.",
    ),
    "another cell": (
        {"cells": cells(*SOURCES[:3], "frame = frame.dropna()", *SOURCES[3:])},
        "cells",
        "Cell 4 was added: `frame = frame.dropna()`.",
    ),
    "a cell less": (
        {"cells": cells(*SOURCES[:4])},
        "cells",
        "Cell 5 was removed: `forest`.",
    ),
    "module": (
        {
            "modules": {"lib.py": "sha256:6"},
            "tags": {"mlops.diff_hash": "sha256:2"},
            "diff": NOTEBOOK_DIFF + OTHER_DIFF.replace("2", "3"),
        },
        "commit",
        "Module `lib.py` was sha256:5 and became sha256:6.",
    ),
    "data version": (
        {"tags": {"mlops.data.train": "credit@2 sha256:cc"}},
        "data",
        "Data `train` was credit@1 sha256:aa and became credit@2 sha256:cc.",
    ),
    "file": (
        {"tags": {"mlops.data.file.x.csv": "sha256:dd"}},
        "data",
        "Data `file.x.csv` was sha256:bb and became sha256:dd.",
    ),
    "package": (
        {"packages": "numpy==2.4.0\npandas==2.2.0\n"},
        "packages",
        "Package `pandas` was 2.3.3 and became 2.2.0.",
    ),
    "commit": (
        {"tags": {"mlops.commit": "0a1b2c3d4e5f6a7b"}},
        "commit",
        "The commit was e83c516331 and became 0a1b2c3d4e.",
    ),
    "uncommitted": (
        {
            "tags": {"mlops.diff_hash": "sha256:2222222222222"},
            "diff": NOTEBOOK_DIFF + "diff --git a/else.py b/else.py\n+3\n",
        },
        "commit",
        "The uncommitted changes are others: 1111111111, then 2222222222.",
    ),
    "environment": (
        {"tags": {"mlops.python": "3.12.1"}},
        "environment",
        "Python was 3.11.7 and became 3.12.1.",
    ),
}
KINDS = (
    "parameters", "cells", "data", "packages", "commit", "environment", "checks", "outcome",
)  # fmt: skip


@pytest.mark.parametrize(("changed", "kind", "cause"), PLANTED.values(), ids=PLANTED)
def test_a_single_change_is_named_and_nothing_else(
    changed: dict[str, Any], kind: str, cause: str
) -> None:
    found = compare(evidence("a"), evidence("b", **dict(changed), metrics={"auc": 0.8}))
    assert found.causes == (cause,)
    assert [name for name in KINDS if getattr(found, name)] == [kind]
    assert not found.same
    back = compare(evidence("b", **dict(changed)), evidence("a"))
    assert (len(back.causes), back.metrics, back.summary) == (1, (), "The metrics are equal.")


def test_equal_runs_have_no_difference() -> None:
    renamed = source(0, '%load_ext mlops_nb\n%mlops track "second"')
    found = compare(evidence("a"), evidence("b", cells=renamed))
    same = RunDiff("a", "b", ("run a", "run b"), same=True, summary="No difference.")
    assert found == same
    assert compare(evidence("a"), evidence("a")).summary == "It is the same run."
    later = evidence("b", tags={"mlops.data.train": "credit@7 sha256:aa"})
    assert compare(evidence("a"), later).same, "another version that holds the same"


def test_metrics_are_told_with_their_distance() -> None:
    values = {"auc": 0.39, "nan": 1.0, "new": 2.0, "zero": 0.0}
    found = compare(
        evidence("a", metrics={"auc": 0.78, "nan": math.nan, "zero": -0.0}),
        evidence("b", metrics=values),
    )
    told = {m.name: (m.difference, m.relative) for m in found.metrics}
    assert told == {"auc": (-0.39, -0.5), "nan": (None, None), "new": (None, None)}
    assert "Nothing that was recorded explains it" in found.summary
    assert "random state" not in found.summary
    seeded = evidence("b", metrics=values, tags={"mlops.seeds": '{"random": "2"}'})
    assert "the random state was another" in compare(evidence("a"), seeded).summary


def test_verdicts_are_of_the_last_check_and_no_cause() -> None:
    old = Report("drift", "fail", (Finding("age", "age", 0.3, 0.2, "fail"),))
    again = replace(evidence("a").reports[0], created_at=old.created_at + timedelta(seconds=9))
    assert compare(evidence("a"), evidence("b", reports=(again, old))).same
    found = compare(evidence("a"), evidence("b", reports=(old,)))
    assert found.checks == (
        Change("drift", "changed", "pass", "fail"),
        Change("drift: age", "changed", "pass", "fail"),
    )
    assert (found.causes, found.same) == ((), False)


def test_cells_are_paired_by_what_they_have_in_common() -> None:
    new = cells("x = load('x.csv')", "model = fit(frame, depth=5)", *SOURCES[4:])
    found = compare(evidence("a"), evidence("b", cells=new))
    assert [(cell.what, cell.before, cell.after) for cell in found.cells] == [
        ("changed", 3, 1),
        ("changed", 4, 2),
    ]
    first, *_ = compare(evidence("a"), evidence("b", cells=source(4, "x = 1\n" * 90))).cells
    assert isinstance(first, CellChange)
    assert first.lines[0] == "-forest"
    assert first.lines[-1] == "(31 more lines)"


def test_enormous_sources_and_what_is_no_python_are_compared_all_the_same() -> None:
    big = compare(
        evidence("a", cells=cells("x = 1\n" * 500_000)),
        evidence("b", cells=cells("x = 2\n" * 500_000)),
    )
    assert big.cells[0].lines == ("-(2,999,999 letters)", "+(2,999,999 letters)")
    odd = compare(evidence("a", cells=cells("!ls", "\0")), evidence("b", cells=cells("!ls -l", "")))
    assert odd.causes[0] == "Cell 1 has other code: `!ls` became `!ls -l`."


def test_what_was_not_recorded_is_noted_and_no_difference() -> None:
    found = compare(evidence("a"), evidence("b", packages=None))
    assert (found.same, found.notes) == (True, ("The packages of run b were not recorded.",))
