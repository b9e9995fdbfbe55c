"""Versions of datasets: numbered once each, whoever else is at it; found by name."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_nb.core.data_records import DataVersion
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.stores.datasets import DatasetStore, check_name, is_reference
from mlops_nb.stores.db import Database

ADD = """
import sys
from pathlib import Path
from mlops_nb.core.data_records import DataVersion
from mlops_nb.stores.datasets import DatasetStore
from mlops_nb.stores.db import Database
store = DatasetStore(Database(Path(sys.argv[1])))
for number in range(10):
    store.add(DataVersion("credit", 0, f"sha256:{sys.argv[2]}-{number}", "file", number))
    store.add(DataVersion("credit", 0, f"sha256:shared-{number}", "file", number))
"""


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(Database(tmp_path / "mlops.db"))


def version(content: str, name: str = "credit") -> DataVersion:
    return DataVersion(
        name, 0, content, "frame", 7, 3, {"b": "int64", "a": "object"}, "clients.csv", "r1", "blob"
    )


def test_versions_are_numbered_by_name_and_come_back_equal(store: DatasetStore) -> None:
    first, second = store.add(version("x")), store.add(version("y"))
    other = store.add(version("x", "loans"))
    assert [v.label for v in (first, second, other)] == ["credit@1", "credit@2", "loans@1"]
    assert store.get("credit@1") == first
    assert store.of("credit") == [second, first]
    assert list(store.get("credit@2").schema) == ["b", "a"]
    assert {v.label for v in store.all()} == {"credit@1", "credit@2", "loans@1"}
    assert first.to_dict()["columns"] == 2


def test_the_same_content_has_one_number(store: DatasetStore) -> None:
    first = store.add(version("x"))
    store.add(version("y"))
    again = store.add(version("x"))
    assert (again.label, again.known, first.known) == ("credit@1", True, False)
    assert len(store.all()) == 2
    assert not store.get("credit@1").known


def test_two_processes_and_threads_lose_and_double_nothing(tmp_path: Path) -> None:
    store = DatasetStore(Database(tmp_path / "mlops.db"))
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", ADD, store.database.path, name], env=environ)
        for name in "ab"
    ]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.add(version(f"sha256:c-{n}")), range(10)))
    assert [process.wait(60) for process in processes] == [0, 0]
    found = store.of("credit")
    assert [v.version for v in found] == list(range(40, 0, -1))
    assert len({v.hash for v in found}) == 40


def test_a_version_is_found_by_name_and_the_nearest_is_named(store: DatasetStore) -> None:
    with pytest.raises(NotFoundError, match="unknown dataset 'credit'; there are no datasets yet"):
        store.get("credit@1")
    store.add(version("x"))
    store.add(version("y"))
    assert store.get("credit@latest").version == 2
    for reference, message in {
        "credt@1": "unknown dataset 'credt'; did you mean 'credit'?",
        "credit@3": "credit has no version '3'; its versions are 1 to 2",
        "credit@two": "credit has no version 'two'",
    }.items():
        with pytest.raises(NotFoundError, match=message.replace("?", r"\?")):
            store.get(reference)
    with pytest.raises(InputError, match=r"'credit' names no version.*NAME@VERSION"):
        store.get("credit")


@pytest.mark.parametrize(
    "name", ["", "a/b", "../a", ".hidden", "a@1", "a b", "a\n", "-a", "a" * 101, "a\0", "$a", "_a"]
)
def test_a_name_that_a_path_or_a_shell_would_claim_is_refused(
    store: DatasetStore, name: str
) -> None:
    assert not is_reference(f"{name}@1")
    with pytest.raises(InputError, match="can't be the name of a dataset"):
        store.add(version("x", name))


@pytest.mark.parametrize("name", ["a", "credit-default", "données.2026", "1"])
def test_ordinary_names_are_not(name: str) -> None:
    check_name(name)
    assert is_reference(f"{name}@1")
    assert not is_reference(f"{name}@1.csv")


def test_reading_where_nothing_was_kept_makes_nothing(tmp_path: Path) -> None:
    store = DatasetStore(Database(tmp_path / "none" / "mlops.db"))
    assert store.all() == []
    assert not store.database.path.parent.exists()
