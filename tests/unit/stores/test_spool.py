"""The spool: appended, folded, torn and still read."""

from __future__ import annotations

import math
import signal
import threading
from pathlib import Path

import pytest

from mlops_nb.core.errors import NotFoundError
from mlops_nb.stores.spool import Delivered, Spool, fold, new_run_id, read_events


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def opened(spool: Spool, **body: object) -> str:
    run_id = new_run_id()
    spool.begin(run_id, name="n", **body)
    return run_id


def test_a_run_is_the_fold_of_its_events(spool: Spool) -> None:
    run_id = opened(spool, experiment="e", tags={"a": "1"})
    at = "2026-01-01T00:00:00.000Z"
    spool.append(run_id, "named", name="better")
    spool.append(run_id, "params", values={"depth": 3, "kind": "3"})
    spool.append(run_id, "metrics", values=[{"key": "auc", "value": math.nan, "at": at}])
    spool.append(run_id, "metrics", values=[{"key": "auc", "value": 0.7, "at": at}])
    spool.append(run_id, "tags", values={"b": "2"})
    spool.append(run_id, "ended", status="FAILED", reason="because")
    spool.append(run_id, "ended", status="FINISHED")
    run = spool.load(run_id).run
    assert (run.name, run.status, run.reason) == ("better", "FAILED", "because")
    assert run.params == {"depth": 3, "kind": "3"}
    assert run.metrics == {"auc": 0.7}
    assert run.tags == {"a": "1", "b": "2"}


def test_a_line_cut_short_loses_itself_only(spool: Spool) -> None:
    run_id = opened(spool)
    path = spool.events_path(run_id)
    with path.open("ab") as file:
        file.write(b'{"at": "2026-01-01T00:00:00.000Z", "kind": "params", "val')
    assert spool.load(run_id).run.status == "RUNNING"
    spool.append(run_id, "ended", status="FINISHED")
    assert spool.load(run_id).run.status == "FINISHED"


def test_what_comes_after_is_folded_onto_what_was_read(spool: Spool) -> None:
    run_id = opened(spool)
    reader = Spool(spool.folder)
    for number in range(5):
        spool.append(run_id, "params", values={f"p{number}": number})
        assert reader.load(run_id).run == spool.load(run_id).run
        assert reader.load(run_id).run.params.keys() == {f"p{n}" for n in range(number + 1)}
    # Only what is new is read: bytes that were changed behind its back are not seen.
    path = spool.events_path(run_id)
    path.write_bytes(path.read_bytes().replace(b'"p0"', b'"q0"'))
    assert "p0" in reader.load(run_id).run.params
    assert "q0" in Spool(spool.folder).load(run_id).run.params


def test_half_a_surrogate_pair_is_no_reason_to_lose_a_cell(spool: Spool) -> None:
    run_id = opened(spool)
    spool.append(run_id, "cell", index=0, source="x = '\ud83d'", outcome="ok", started_at=None)
    assert spool.load(run_id).cells[0].source == "x = '?'"


def test_nothing_is_added_to_a_run_that_is_gone(spool: Spool) -> None:
    run_id = opened(spool)
    spool.remove(run_id)
    with pytest.raises(NotFoundError, match="has ended"):
        spool.append(run_id, "named", name="late")
    with pytest.raises(NotFoundError, match="has ended"):
        spool.keep(run_id, "notes.txt", b"late")
    assert spool.run_ids() == []


def test_a_removal_that_is_killed_is_a_removal(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(spool), opened(spool)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            spool.remove(first)
    assert spool.run_ids() == [second]
    assert spool.find(first) is None
    spool.remove(second)
    assert list(spool.folder.iterdir()) == []


def test_threads_append_whole_lines(spool: Spool) -> None:
    run_id = opened(spool)
    text = "x" * 5000

    def write(writer: int) -> None:
        for number in range(50):
            spool.append(run_id, "tags", values={f"{writer}-{number}": text})

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spool.load(run_id).run.tags) == 200


def test_pending_until_delivered(spool: Spool) -> None:
    run_id = opened(spool)
    assert spool.pending(run_id)
    size = spool.events_path(run_id).stat().st_size
    spool.mark_delivered(run_id, Delivered("abc", size))
    assert not spool.pending(run_id)
    spool.append(run_id, "named", name="more")
    assert spool.waiting() == [run_id]
    # A line that a full disk cut short can't be delivered, so nothing waits for it.
    with spool.events_path(run_id).open("ab") as file:
        file.write(b'{"at": "2026-01-01T00:00:00.000Z", "ki')
    spool.load(run_id)
    spool.mark_delivered(run_id, Delivered("abc", spool.size(run_id)))
    assert spool.waiting() == []


def test_a_run_that_was_delivered_whole_but_not_removed_is_still_to_be(spool: Spool) -> None:
    run_id = opened(spool)
    spool.append(run_id, "ended", status="FINISHED")
    spool.load(run_id)
    spool.mark_delivered(run_id, Delivered("abc", spool.size(run_id)))
    assert spool.waiting() == [run_id]


def test_a_damaged_mark_means_that_all_is_delivered_once_more(spool: Spool) -> None:
    run_id = opened(spool)
    (spool.folder / run_id / "delivered.json").write_bytes(b"")
    assert spool.delivered(run_id) == Delivered()
    assert spool.waiting() == [run_id]


def test_kept_bytes_come_back_under_their_name(spool: Spool) -> None:
    run_id = opened(spool)
    spool.keep(run_id, "figures/a b.png", b"picture")
    name = spool.load(run_id).artifacts["figures/a b.png"]
    path = spool.file_path(run_id, name)
    assert path.name == "a b.png"
    assert path.read_bytes() == b"picture"


def test_events_survive_the_journey_as_bytes(spool: Spool) -> None:
    run_id = opened(spool)
    spool.append(run_id, "cell", index=0, source="a\nb", outcome="ok", started_at=None)
    data = spool.events_path(run_id).read_bytes()
    state = fold(run_id, read_events(data))
    assert state is not None
    assert state.cells[0].source == "a\nb"
