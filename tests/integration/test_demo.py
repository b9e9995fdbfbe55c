"""`mlops demo`: into which folders, alone, and again. The notebook here is a small one."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, LockedError
from mlops_nb.core.records import DemoResult
from mlops_nb.flows import demo
from mlops_nb.flows.context import Context
from mlops_nb.interfaces.cli import exit_code
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from tests.notebooks import write_notebook

CELLS = (
    "%load_ext mlops_nb\n%mlops track demo\n%mlops log auc=0.5",
    "import os\nopen('ran', 'a').write(os.environ['MLOPS_RUN_ID'] + ' ')",
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small notebook in the place of the demo's."""
    folder = tmp_path / "source"
    for name in demo.FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# nothing\n")
    write_notebook(folder / demo.NOTEBOOK, *CELLS)
    monkeypatch.setattr(demo, "source_folder", lambda: folder)
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Context:
    folder = tmp_path / "here"
    folder.mkdir()
    return Context(Project.at(folder, {}), folder)


def test_it_makes_its_folder_runs_there_and_runs_again(source: Path, here: Context) -> None:
    (here.folder / "mlops-demo").mkdir()
    first = demo.demo(here)
    root = here.folder / "mlops-demo-2"
    assert (first.status, first.project, first.metrics) == ("FINISHED", str(root), {"auc": 0.5})
    assert Path(first.notebook).is_relative_to(root / ".mlops" / "executions" / first.run_id)
    assert {name for name in demo.FILES if (root / name).is_file()} == set(demo.FILES)
    # Nothing was promoted, which for a demo is a failure.
    assert (first.gate, first.model, exit_code(first)) == (None, None, 1)

    # Once more in the same place: what the user changed stays, what she lost comes back.
    changed = (root / demo.NOTEBOOK).read_text().replace("auc=0.5", "auc=0.75")
    (root / demo.NOTEBOOK).write_text(changed)
    (root / "data" / "README.md").unlink()
    second = demo.demo(here, into="mlops-demo-2")
    assert second.metrics == {"auc": 0.75}
    assert (root / "ran").read_text().split() == [first.run_id, second.run_id]
    assert (root / "data" / "README.md").is_file()
    assert json.loads(json.dumps(second.to_dict())).keys() >= {
        "status",
        "run_id",
        "project",
        "notebook",
        "metrics",
        "reports",
        "gate",
        "model",
    }


def test_a_folder_with_something_else_in_it_is_left_alone(source: Path, here: Context) -> None:
    foreign = here.folder / "foreign"
    (foreign / "data").mkdir(parents=True)
    with pytest.raises(InputError, match="is not empty and not a demo project"):
        demo.demo(here, into="foreign")
    assert list(foreign.rglob("*")) == [foreign / "data"]
    (here.folder / "file").touch()
    with pytest.raises(InputError, match="--into must be a folder"):
        demo.demo(here, into="file")


def test_two_at_once_in_one_folder_one_of_them_waits_for_another_day(
    source: Path, here: Context
) -> None:
    results: list[DemoResult | Exception] = []

    def run() -> None:
        try:
            results.append(demo.demo(here, into="both"))
        except LockedError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (refused,) = [result for result in results if isinstance(result, Exception)]
    assert "another `mlops demo` is running in" in str(refused)
    (done,) = [result for result in results if isinstance(result, DemoResult)]
    assert (here.folder / "both" / "ran").read_text().split() == [done.run_id]
    # A demo that is just beginning to fill its folder is not taken for something foreign.
    begun = here.folder / "begun"
    begun.mkdir()
    with (
        locked(Project.at(begun, {}).ensure().state / demo.LOCK),
        pytest.raises(LockedError, match="wait for it, or give another --into"),
    ):
        demo.demo(here, into="begun")
