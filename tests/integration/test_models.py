"""Models on a real MLflow: saved in the safest format, listed without MLflow, loaded the same."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import ModelVersion
from mlops_nb.stores import mlflow_sqlite
from mlops_nb.stores.mlflow_client import client, experiment_id
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.models import ModelStore
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

LISTING = """
import sys
from pathlib import Path
from mlops_nb.stores.models import ModelStore
store = ModelStore(sys.argv[1], Path("unused.lock"))
print(len(store.versions()), store.get("listed", "champion").version)
heavy = {"mlflow", "sqlalchemy", "pandas", "numpy", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""

rng = np.random.default_rng(0)
X = pd.DataFrame({"age": rng.integers(18, 90, 400), "income": rng.random(400)})
y = (X.income + X.age / 90 > 1).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models in a földer")


@pytest.fixture(scope="module")
def store(folder: Path) -> ModelStore:
    return ModelStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "registry.lock")


@pytest.fixture(scope="module")
def run(store: ModelStore, folder: Path) -> str:
    mlflow = client(store.tracking_uri)
    experiment = experiment_id(mlflow, "credit", folder / "artifacts")
    made = mlflow.create_run(experiment, tags={"mlops.run_id": "ours"}).info.run_id
    mlflow.log_metric(made, "roc_auc", 0.75)
    mlflow.log_metric(made, "undefined", float("nan"))
    return made


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    return LogisticRegression(max_iter=1000).fit(X, y)


@pytest.fixture
def own(store: ModelStore, run: str, tmp_path: Path) -> ModelStore:
    """A store of its own, to be spoilt."""
    source = Path(store.tracking_uri.removeprefix("sqlite:///"))
    shutil.copy(source, tmp_path / "mlflow.db")
    return ModelStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "registry.lock")


def database(store: ModelStore) -> Path:
    return Path(store.tracking_uri.removeprefix("sqlite:///"))


def files_of(store: ModelStore, version: ModelVersion) -> Path:
    uri = client(store.tracking_uri).get_model_version_download_uri(
        version.name, str(version.version)
    )
    return Path(unquote(urlsplit(uri).path))


@pytest.mark.parametrize(
    ("estimator", "saved_as"),
    [
        (LogisticRegression(max_iter=1000), "skops"),
        (HistGradientBoostingClassifier(max_iter=20), "skops"),
        (RandomForestClassifier(20), "skops"),
        (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), "skops"),
        (make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()), "cloudpickle"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_model_comes_back_as_it_was(
    store: ModelStore, run: str, estimator: Any, saved_as: str
) -> None:
    estimator.fit(X, y)
    version = store.register(
        estimator, "came back", mlflow_run_id=run, example=X, tags={"by": "ada"}, description="d"
    )
    assert version.tags == {
        "mlops.serialization": saved_as,
        "mlops.model_class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "by": "ada",
    }
    assert (version.run_id, version.mlflow_run_id, version.description) == ("ours", run, "d")
    assert version.metrics["roc_auc"] == 0.75
    loaded = store.load(version)
    assert type(loaded) is type(estimator)
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))


def test_what_mlflow_keeps_is_complete(store: ModelStore, run: str, model: Any) -> None:
    from mlflow.models import Model

    version = store.register(model, "complete", mlflow_run_id=run, example=X)
    files = files_of(store, version)
    mlflow = client(store.tracking_uri)
    about = Model.load(str(files))
    assert about.signature.inputs.input_names() == ["age", "income"]
    assert len(about.load_input_example(str(files))) == 5
    packages = {line.split("==")[0] for line in (files / "requirements.txt").read_text().split()}
    assert packages == {"mlflow", "scikit-learn", "numpy", "skops"}
    outputs = [output.model_id for output in mlflow.get_run(run).outputs.model_outputs]
    assert about.model_id in outputs
    assert (about.run_id, version.source) == (run, about.artifact_path)
    linked = mlflow.get_logged_model(about.model_id).tags["mlflow.modelVersions"]
    assert json.loads(linked) == [{"name": "complete", "version": 1}]


def test_registering_starts_no_process_to_see_what_the_model_imports(
    store: ModelStore, run: str, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what takes MLflow seconds, where it is not told the requirements."""
    started: list[object] = []
    popen = subprocess.Popen.__init__

    def noted(process: Any, command: Any, *rest: Any, **options: Any) -> None:
        started.append(command)
        popen(process, command, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    store.register(model, "fast", mlflow_run_id=run, example=X)
    assert started == []


def test_the_users_own_mlflow_is_left_alone(
    store: ModelStore, run: str, model: Any, tmp_path: Path
) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'hers.db'}")
    try:
        store.load(store.register(model, "alone", mlflow_run_id=run))
        assert mlflow.get_tracking_uri() == f"sqlite:///{tmp_path / 'hers.db'}"
        assert mlflow.active_run() is None
        assert not (tmp_path / "hers.db").exists()
    finally:
        mlflow.set_tracking_uri(before)


def test_a_model_that_mlflow_logged_is_registered_by_its_address(
    store: ModelStore, run: str, model: Any
) -> None:
    from mlflow.models import Model

    first = store.register(model, "by address", mlflow_run_id=run)
    store.set_alias("by address", "challenger", 1)
    model_id = Model.load(str(files_of(store, first))).model_id
    addresses = [
        f"models:/{model_id}",
        f"runs:/{run}/by address",
        "models:/by address/1",
        "models:/by address@challenger",
        "models:/by address",
    ]
    for number, address in enumerate(addresses, start=2):
        version = store.register(address, "by address")
        assert (version.version, version.source) == (number, first.source)
        assert (version.mlflow_run_id, version.tags) == (run, {"mlops.serialization": "skops"})
    assert type(store.load(version)) is LogisticRegression


@pytest.mark.parametrize(
    ("address", "error", "told"),
    [
        ("model.pkl", InputError, "'model.pkl' is not the address of a logged model"),
        ("models:/m-0123", NotFoundError, "m-0123"),
        ("models:/complet/1", NotFoundError, "unknown model 'complet'"),
        ("runs:/{run}/modle", NotFoundError, "unknown model of run .* 'modle'"),
        ("runs:/0123456789abcdef/model", NotFoundError, "0123456789abcdef"),
    ],
)
def test_an_unknown_address_is_named(
    store: ModelStore, run: str, address: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        store.register(address.format(run=run), "unknown")
    assert store.versions("unknown") == []


class Locked(LogisticRegression):  # type: ignore[misc]  # sklearn is untyped
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("estimator", "example", "told"),
    [
        ({"a": 1}, None, "a dict can't be registered: it has no predict"),
        (Locked().fit(X, y), None, "the Locked can't be saved: cannot pickle"),
        (LogisticRegression().fit(X, y), X.rename(columns={"age": "agee"}), "can't predict on"),
    ],
    ids=["no estimator", "a lock in it", "another column"],
)
def test_what_is_no_use_is_refused_and_leaves_nothing(
    store: ModelStore, run: str, estimator: Any, example: Any, told: str
) -> None:
    mlflow = client(store.tracking_uri)
    experiment = mlflow.get_run(run).info.experiment_id
    before = len(mlflow.search_logged_models([experiment]))
    with pytest.raises(InputError, match=told):
        store.register(estimator, "refused", mlflow_run_id=run, example=example)
    assert store.versions("refused") == []
    assert len(mlflow.search_logged_models([experiment])) == before


def test_names_and_runs_are_checked(store: ModelStore, run: str, model: Any) -> None:
    for name in ("", " ", "a/b", "a:b", "a@b", "a\nb", "x" * 251):
        with pytest.raises(InputError, match="can't be a model's name"):
            store.register(model, name, mlflow_run_id=run)
    with pytest.raises(InputError, match="none is open; open one with `track`"):
        store.register(model, "no run")
    with pytest.raises(NotFoundError, match="0123456789abcdef"):
        store.register(model, "no run", mlflow_run_id="0123456789abcdef")
    odd = 'it\'s 100 % "naïve" v1.2'
    assert store.get(odd := store.register(model, odd, mlflow_run_id=run).name).name == odd


@pytest.fixture(scope="module")
def listed(store: ModelStore, run: str) -> ModelStore:
    """Three versions of "listed", one of them deleted, beside a prompt."""
    mlflow = client(store.tracking_uri)
    mlflow.create_registered_model("listed")
    for number in range(1, 5):
        mlflow.create_model_version(
            "listed", "file:///nowhere", run_id=run if number > 1 else None, tags={"n": str(number)}
        )
    mlflow.delete_model_version("listed", "2")
    mlflow.register_prompt("a-prompt", template="Say {{ it }}")
    store.set_alias("listed", "champion", 1)
    store.set_alias("listed", "challenger", 3)
    return store


def test_versions_are_listed_newest_first(listed: ModelStore) -> None:
    found = listed.versions("listed")
    assert [v.version for v in found] == [4, 3, 1]
    assert [v.aliases for v in found] == [(), ("challenger",), ("champion",)]
    assert [v.run_id for v in found] == ["ours", "ours", None]
    assert listed.aliases("listed") == {"champion": 1, "challenger": 3}
    assert "a-prompt" not in {v.name for v in listed.versions()}
    assert listed.versions("unheard of") == []


def test_one_version_is_found_by_number_alias_or_newest(listed: ModelStore) -> None:
    found = [listed.get("listed", wanted).version for wanted in (3, "3", "v3", "champion", None)]
    assert found == [3, 3, 3, 1, 4]
    with pytest.raises(NotFoundError, match="unknown model 'lsted'; did you mean 'listed'"):
        listed.get("lsted")
    with pytest.raises(NotFoundError, match="'campion'; did you mean 'champion'"):
        listed.get("listed", "campion")
    with pytest.raises(InputError, match="latest"):
        listed.set_alias("listed", "latest", 1)
    with pytest.raises(NotFoundError, match="99"):
        listed.set_alias("listed", "champion", 99)


def test_the_client_lists_the_same(listed: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    directly = {name: listed.versions(name) for name in ("listed", "unheard of", None)}
    monkeypatch.setattr(mlflow_sqlite, "KNOWN_SCHEMAS", frozenset())
    assert open_readonly(listed.tracking_uri) is None
    for name, versions in directly.items():
        # NaN is not equal to itself; its text is.
        assert repr(listed.versions(name)) == repr(versions)


def test_the_installed_mlflow_makes_a_schema_that_we_know(listed: ModelStore) -> None:
    connection = open_readonly(listed.tracking_uri)
    assert connection is not None
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM runs")


def test_listing_imports_nothing_heavy(listed: ModelStore) -> None:
    listing = subprocess.run(
        [sys.executable, "-c", LISTING, listed.tracking_uri],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (listing.returncode, listing.stderr) == (0, "")
    assert listing.stdout.split() == [str(len(listed.versions())), "1"]


def test_without_a_database_there_is_nothing_and_none_is_made(tmp_path: Path) -> None:
    store = ModelStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "registry.lock")
    assert store.versions() == []
    with pytest.raises(NotFoundError, match="unknown model 'credit'; none is registered yet"):
        store.get("credit")
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_loads_as_something_else_is_refused(
    store: ModelStore, run: str, model: Any
) -> None:
    version = store.register(model, "swapped", mlflow_run_id=run)
    other = store.register(
        make_pipeline(LogisticRegression()).fit(X, y), "swapped", mlflow_run_id=run
    )
    files = files_of(store, other)
    shutil.copy(files / "model.skops", files_of(store, version))
    with pytest.raises(UnavailableError, match=r"registered as .*LogisticRegression and loads"):
        store.load(version)
    (files / "model.skops").write_bytes(b"PK torn")
    with pytest.raises(UnavailableError, match="can't be loaded"):
        store.load(other)
    shutil.rmtree(files)
    with pytest.raises(UnavailableError, match="can't get the model's files"):
        store.load(other)


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited between MLflow's tries to open a database: in all, minutes."""
    import mlflow.store.db.utils as mlflow_db

    waited: list[float] = []
    monkeypatch.setattr(mlflow_db, "time", SimpleNamespace(sleep=waited.append))
    return waited


def test_a_damaged_database_is_named_at_once(own: ModelStore, tries: list[float]) -> None:
    database(own).write_bytes(b"\0broken" * 5000)
    with pytest.raises(UnavailableError, match=r"mlflow\.db is damaged"):
        own.versions()
    assert tries == []
    with pytest.raises(UnavailableError, match=r"mlflow\.db is damaged"):
        own.set_alias("listed", "champion", 1)


def test_a_database_that_cant_be_opened_is_not_tried_for_minutes(
    tmp_path: Path, tries: list[float]
) -> None:
    (tmp_path / "mlflow.db").mkdir()
    spoilt = ModelStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "registry.lock")
    with pytest.raises(UnavailableError, match=r"can't open .*mlflow\.db"):
        spoilt.set_alias("listed", "champion", 1)
    assert tries == []


def test_what_a_killed_writer_left_is_cleaned_up_by_the_client(own: ModelStore) -> None:
    found = own.versions()
    killed = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS"
                   " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT i FROM n")
connection.execute("UPDATE registered_models SET description = 'half done'")
os._exit(9)
"""
    assert (
        subprocess.run([sys.executable, "-c", killed, database(own)], check=False).returncode == 9
    )
    assert database(own).with_name("mlflow.db-journal").stat().st_size > 0
    assert open_readonly(own.tracking_uri) is None
    assert repr(own.versions()) == repr(found)
    connection = open_readonly(own.tracking_uri)
    assert connection is not None
    connection.close()


def test_a_read_only_database_says_so(
    listed: ModelStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        shutil.copy(database(listed), disk / "mlflow.db")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        fixed = ModelStore(f"sqlite:///{disk / 'mlflow.db'}", tmp_path / "registry.lock")
        assert repr(fixed.versions()) == repr(listed.versions())
        capfd.readouterr()
        with pytest.raises(UnavailableError, match=r"can't write .*mlflow\.db.*read-only"):
            fixed.set_alias("listed", "champion", 3)
        assert capfd.readouterr() == ("", "")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
