"""What a replay needs, and what must not be kept: locks, modules, seeds, files, no secrets."""

from __future__ import annotations

import json
import os
import random
import sys
import types
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mlops_nb.core.errors import InputError
from mlops_nb.tracking import inputs
from mlops_nb.tracking.environment import Lock, requirements
from mlops_nb.tracking.inputs import Heard, files_named, is_input, tags_of, values_named
from mlops_nb.tracking.modules import SIZE_CAP, LocalModules
from mlops_nb.tracking.redaction import redact
from mlops_nb.tracking.reproduction import metrics, normal, same_text
from mlops_nb.tracking.seeds import states

SECRETS = [
    b"AKIAIOSFODNN7EXAMPLE",
    b"ghp_" + b"a1" * 20,
    b'password = "hunter22"',
    b"db_password='hunter22'",
    b'"api_key": "0123456789"',
    b'+    "token = \\"hunter22\\"\\n",',
    b"+AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG",
    b"https://ada:hunter22@example.org/x.git",
    b"-----BEGIN RSA PRIVATE KEY-----\n+MIIE\n+-----END RSA PRIVATE KEY-----",
]
INNOCENT = [
    b'token = os.environ["TOKEN"]',
    b"tokenizer = AutoTokenizer()",
    b"max_tokens = 4096",
    b'password = ""',
    b"https://example.org/a?b=c@d",
    b"def token(self): return self.token",
    b"secret:NAME",
    b"AKIA is a prefix",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_taken_out_and_the_lines_stay(text: bytes) -> None:
    clean = redact(b"before\n" + text + b"\nafter")
    assert b"[redacted]" in clean
    assert not any(word in clean for word in (b"hunter22", b"MIIE", b"wJalr", b"EXAMPLE"))
    assert clean.count(b"\n") == text.count(b"\n") + 2
    assert clean.startswith(b"before\n")
    assert clean.endswith(b"\nafter")


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: bytes) -> None:
    assert redact(text) == text


def test_the_lock_says_where_each_package_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins = {
        "plain-1.0": None,
        "of_git-2.0": {
            "url": "https://ada:hunter22@example.org/x.git",
            "vcs_info": {"vcs": "git", "commit_id": "abc"},
        },
        "archive-3.0": {
            "url": "https://example.org/a.whl",
            "archive_info": {"hashes": {"sha256": "0f"}},
        },
        "edited-4.0": {"url": "file:///srv/e", "dir_info": {"editable": True}},
        "local-5.0": {"url": "file:///srv/l", "dir_info": {}},
    }
    for name, origin in origins.items():
        info = tmp_path / f"{name}.dist-info"
        info.mkdir()
        if origin:
            (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    first, *lines = requirements().decode().splitlines()
    assert first.startswith("# Python 3.")
    assert lines == [
        "archive @ https://example.org/a.whl#sha256=0f",
        "# edited==4.0: editable, from file:///srv/e",
        "# local==5.0: local, from file:///srv/l",
        "of-git @ git+https://example.org/x.git@abc",
        "plain==1.0",
    ]
    lock = Lock.read("\n".join([first, *lines, "# mlops-nb==1: editable, from file:///srv/m"]))
    assert lock.local == {"edited": "4.0", "local": "5.0"}
    assert lock.requirements == (lines[0], *lines[3:])
    with pytest.raises(InputError, match="for which Python"):
        Lock.read("numpy==2.3\n")


def test_modules_of_the_folder_are_found_once_and_libraries_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / ".venv" / "site-packages"
    library.mkdir(parents=True)
    found = LocalModules(tmp_path)
    assert found.new() == {}
    places = {"own": tmp_path, "library": library, "big": tmp_path}
    for name, place in places.items():
        (place / f"{name}.py").write_text("#" * (SIZE_CAP + 1) if name == "big" else "x = 1\n")
        module = types.ModuleType(name)
        module.__file__ = str(place / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
    assert found.new() == {"own.py": b"x = 1\n"}
    assert found.new() == {}
    assert (sorted(found.found), found.not_whole) == (["big.py", "own.py"], ["big.py"])


def test_a_generators_state_is_told_by_its_seed() -> None:
    before = random.getstate(), np.random.get_state()
    try:
        random.seed(1)
        np.random.seed(1)
        first = states()
        random.random()  # noqa: S311 - not for cryptography
        assert states()["random"] != first["random"]
        assert states()["numpy"] == first["numpy"]
        np.random.random()
        assert states()["numpy"] != first["numpy"]
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def test_files_are_inputs_where_they_were_there_before(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "code.py").write_text("x")
    source = 'read("a.csv"); read(f"{b}.csv"); df["x"]; run("code.py"); open("missing.csv")'
    found = files_named(source, tmp_path, datetime.now(UTC))
    assert found == {"a.csv": tmp_path / "a.csv"}
    assert files_named(source, tmp_path, datetime(2020, 1, 1, tzinfo=UTC)) == {}
    inside = tags_of(found.values(), tmp_path)
    assert list(inside) == ["mlops.data.file.a.csv"]
    (outside,) = tags_of(found.values(), tmp_path / "other")
    assert outside == f"mlops.data.file.:{tmp_path}/a.csv"


def test_what_is_opened_for_reading_is_heard_and_only_data_counts(tmp_path: Path) -> None:
    data, hidden, late = tmp_path / "a.csv", tmp_path / ".env", tmp_path / "late.csv"
    for path in (data, hidden, tmp_path / "mlops.toml", tmp_path / "code.py"):
        path.write_text("x")
    began = datetime.now(UTC)
    late.write_text("x")
    os.utime(late, (began.timestamp() + 60,) * 2)
    heard = Heard()
    data.read_text()
    assert heard.taken() == [], "before it listens"
    heard.listen()
    for path in (
        data,
        hidden,
        tmp_path / "mlops.toml",
        tmp_path / "code.py",
        late,
        Path(os.devnull),
    ):
        path.read_text()
    (tmp_path / "written.csv").write_text("x")
    with pytest.raises(FileNotFoundError):
        (tmp_path / "missing.csv").read_text()
    opened = heard.taken()
    assert tmp_path / "written.csv" not in opened
    assert [path for path in opened if is_input(path, tmp_path, began)] == [data]
    # Of a library, or the system's.
    assert not is_input(Path(np.__file__).with_name("version.pyi"), tmp_path, began)
    assert not is_input(Path("/etc/hosts"), tmp_path, began)
    heard.stop()
    data.read_text()
    assert heard.taken() == []


def test_values_that_name_files_count_where_the_cell_uses_them(tmp_path: Path) -> None:
    names = {"path": tmp_path / "a.parquet", "text": "b/c.csv", "word": "auc", "unused": "d.csv"}
    found = values_named("read(path, text, word)", names, tmp_path)
    assert sorted(found) == [tmp_path / "a.parquet", tmp_path / "b" / "c.csv"]


def test_a_very_large_file_is_told_by_samples_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "HASHED_WHOLE", 1_000_000)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(5_000_000))
    before = inputs.content(path)
    assert before.startswith("sampled:5000000:")
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert inputs.content(path) != before


def test_what_differs_between_any_two_executions_is_no_difference() -> None:
    old = "run 6b041f25ba6b87f6 at 2026-11-23 11:10 took 4.9 s in /a/b <X at 0x7fbc12>"
    new = "run 0b141f25ba6b87f7 at 2027-01-02 01:02 took 11 ms in /c <X at 0x7fffff>"
    assert normal(old, {"/a/b": "<p>"}) == normal(new, {"/c": "<p>"})
    assert normal("version 12, 3 of 4 rows, 2026-11-23", {}) == (
        "version 12, 3 of 4 rows, 2026-11-23"
    )
    assert same_text("a 1.0 b nan", "a 1.00 b nan", 0)
    assert not same_text("a 1.0", "a 1.0 more", 1e-3)


def test_metrics_are_judged_within_the_tolerance_and_durations_never() -> None:
    nan = float("nan")
    before = {"auc": 0.5, "loss": nan, "fit_seconds": 1.0, "zero": 0.0}
    after = {"auc": 0.5 + 1e-12, "loss": nan, "fit_seconds": 2.0, "zero": 0.0, "new": 1.0}
    found = {metric.name: metric for metric in metrics(before, after, 1e-9)}
    assert [name for name, metric in found.items() if not metric.same] == ["new"]
    assert not found["fit_seconds"].judged
    assert not metrics({"auc": 0.5}, {"auc": 0.5001}, 1e-9)[0].same
