"""Runs of interactive notebooks as samples: out of order, with hidden state, with many steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mlops_nb.core.cell_records import HiddenState, History
from mlops_nb.core.records import CellRecord, Run, RunDetails

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOURCES = (
    "import pandas as pd",
    "df = pd.read_parquet('credit.parquet')",
    "df = df.dropna()",
    "model = fit(df, trees=200)",
    "plot(model)",
    "%mlops log auc=auc",
)


def executed(positions: Sequence[int], failing: Sequence[int] = ()) -> tuple[CellRecord, ...]:
    """Return executed cells that stand at these positions, after pauses now and then."""
    made, at, furthest = [], AT, -1
    for index, position in enumerate(positions):
        seconds = 0.1 + 3 * abs(math.sin(position * 7))
        cell = CellRecord(
            index,
            SOURCES[position % len(SOURCES)],
            at,
            seconds,
            "error" if index in failing else "ok",
            error="ValueError: Input X contains NaN." if index in failing else None,
            execution_count=index + 1,
            cell_id=f"c{position}",
            position=position,
            out_of_order=position < furthest,
        )
        made.append(cell)
        furthest = max(furthest, position)
        at += timedelta(seconds=seconds + (60 if index % 5 == 4 else 0.5))
    return tuple(made)


def history(name: str, count: int = 60) -> History:
    """Return a metric that falls, or rises, with some noise."""
    rising = len(name) % 2
    values = [
        1 - math.exp(-n / 15) * (1 + 0.1 * math.sin(n * 5)) if rising else math.exp(-n / 12)
        for n in range(count)
    ]
    return History(40 * count, tuple(range(0, 40 * count, 40)), tuple(values))


def worked_on() -> RunDetails:
    """Return a run whose notebook was worked on, out of order."""
    histories = {name: history(name) for name in ("loss", "valid_loss", "auc")}
    odd = History(4, (0, 1, 2, 3), (0.5, math.nan, 0.7, math.inf))
    metrics = {name: found.values[-1] for name, found in histories.items()}
    run = Run("6922dda24f2a9c1e", "explore", "RUNNING", AT, metrics={**metrics, "odd": 1.0, "n": 3})
    used = "Cell [9] used `df` as cell [8] had made it;"
    hidden = (
        HiddenState("edited", 8, ("df",), 7, f"{used} that cell was changed afterwards."),
        HiddenState("moved", 9, (), None, "Cell [10] ran after a cell that stands below it."),
    )
    cells = executed((0, 1, 2, 3, 4, 3, 4, 2, 3, 1, 5), failing=(3,))
    return RunDetails(run, cells, hidden_state=hidden, histories={**histories, "odd": odd})


def enormous(cells: int = 500, metrics: int = 50) -> RunDetails:
    """Return a run of very many cells and metrics."""
    names = [f"validation/fold_{n}/loss" for n in range(metrics)]
    order = [n if n % 17 else n // 2 for n in range(cells)]
    small = worked_on()
    hidden = tuple(replace(small.hidden_state[0], cell=n) for n in range(cells // 4))
    run = replace(small.run, metrics=dict.fromkeys(names, 0.123456))
    histories = {name: history(name) for name in names}
    return RunDetails(run, executed(order, (99, 480)), hidden_state=hidden, histories=histories)
