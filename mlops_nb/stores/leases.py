"""Which process holds a run open, and what became of runs whose process is gone."""

from __future__ import annotations

import logging
import socket
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import NotFoundError
from mlops_nb.core.records import now
from mlops_nb.stores.spool import Lease, Spool, SpooledRun

_logger = logging.getLogger(__name__)

OTHER_HOST_EXPIRY = timedelta(hours=24)


def lease_of(pid: int) -> Lease:
    """Return the lease of a living process on this host.

    Raises
    ------
    ProcessLookupError
        If there is no such process.
    """
    started = process_started(pid)
    if started is None:
        raise ProcessLookupError(pid)
    return Lease(socket.gethostname(), boot_id(), pid, started)


def process_started(pid: int) -> float | None:
    """Return what tells a process from an earlier one of the same id; None if it is gone.

    On Linux the clock ticks from boot to its start, which setting the machine's clock doesn't
    change; elsewhere the seconds since the epoch.
    """
    if Path("/proc/self/stat").exists():
        return _started_in_proc(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _started_in_proc(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold blanks and brackets itself.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else float(fields[18])


@cache
def boot_id() -> str:
    """Return what identifies this boot of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        import psutil

        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{uuid.getnode()}-{int(psutil.boot_time())}"))


def verdict(state: SpooledRun) -> tuple[str, str] | None:
    """Say how an open run ended, as (status, reason); None while it may be alive."""
    return fate(state.lease, state.last_event_at or state.run.started_at)


def fate(lease: Lease | None, heard_at: datetime) -> tuple[str, str] | None:
    """Say what became of the process that held a lease, as (status, reason); None if it may live.

    Of a process on another host nothing is known but when it was last heard of.
    """
    if lease is None:
        return "LOST", "it was opened without a lease"
    if lease.host != socket.gethostname():
        silent_for = now() - heard_at
        if silent_for < OTHER_HOST_EXPIRY:
            return None
        return "LOST", f"nothing was heard from {lease.host} for {silent_for.days} days"
    if lease.boot_id != boot_id():
        return "KILLED", "the machine was restarted"
    started = process_started(lease.pid)
    # Process ids are used again: another start time is another process.
    if started is None or abs(started - lease.process_started) > 1.0:
        return "KILLED", f"its process ({lease.pid}) ended without closing the run"
    return None


def reconcile(spool: Spool) -> list[str]:
    """Close the open runs whose process is gone; return their ids."""
    closed = []
    for state in spool.runs():
        if state.ended:
            continue
        found = verdict(state)
        if found is not None:
            status, reason = found
            body: dict[str, Any] = {"status": status, "reason": reason}
            # Another process may have closed it meanwhile, and even delivered it.
            with suppress(NotFoundError):
                spool.append(state.run.run_id, "ended", at=state.last_event_at, **body)
                closed.append(state.run.run_id)
                _logger.info("closed run %s as %s: %s", state.run.run_id, status, reason)
    return closed
