"""When a job is due: weekdays, the nights when clocks change, missed times, and what is no cron."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.jobs import calendar

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


def local(cron: str, after: datetime, count: int, zone: str = "Europe/Berlin") -> list[str]:
    times = calendar.upcoming(cron, zone, after=after, count=count)
    return [time.astimezone(ZoneInfo(zone)).strftime("%a %d %H:%M %Z") for time in times]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 3 * * 1", ["Mon 30 03:00 CET"]),
        ("0 3 * * 7", ["Sun 29 03:00 CET"]),
        ("0 3 * * SUN", ["Sun 29 03:00 CET"]),
        # The day of the month or the weekday, whichever comes first.
        ("0 3 27 * 3", ["Wed 25 03:00 CET", "Fri 27 03:00 CET"]),
        ("0 3 L * *", ["Mon 30 03:00 CET"]),
        ("*/20 14 * * *", ["Mon 23 14:00 CET", "Mon 23 14:20 CET", "Mon 23 14:40 CET"]),
    ],
)
def test_days_and_weekdays_mean_what_cron_says(cron: str, expected: list[str]) -> None:
    assert local(cron, NOON, len(expected)) == expected


def test_a_time_that_the_spring_night_leaves_out_is_due_once_right_after_it() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=BERLIN)
    assert local("30 2 * * *", evening, 2) == ["Sun 29 03:00 CEST", "Mon 30 02:30 CEST"]


def test_a_time_that_the_autumn_night_has_twice_is_due_once() -> None:
    evening = datetime(2026, 10, 24, 20, tzinfo=BERLIN)
    assert local("30 2 * * *", evening, 2) == ["Sun 25 02:30 CEST", "Mon 26 02:30 CET"]


def test_every_hour_goes_on_through_both_hours_of_the_autumn_night() -> None:
    times = calendar.upcoming(
        "0 * * * *", "Europe/Berlin", after=datetime(2026, 10, 25, 0, 30, tzinfo=BERLIN), count=4
    )
    assert [later - earlier for earlier, later in pairwise(times)] == [timedelta(hours=1)] * 3


@pytest.mark.parametrize("cron", ["30 2 * * *", "15 2-3 * * *", "30 1,2 * * *", "0 * * * *"])
@pytest.mark.parametrize("night", ["2026-10-24T20:00", "2026-03-28T20:00"])
def test_whenever_one_asks_in_such_a_night_the_times_are_the_same(cron: str, night: str) -> None:
    """The scheduler asks each second. A time that moved meanwhile would be due twice, or never."""
    evening = datetime.fromisoformat(night).replace(tzinfo=BERLIN)
    morning = evening.astimezone(UTC) + timedelta(hours=10)
    whole = calendar.upcoming(cron, "Europe/Berlin", after=evening, count=12)
    at = evening.astimezone(UTC)
    while at < morning:
        (time,) = calendar.upcoming(cron, "Europe/Berlin", after=at, count=1)
        assert time == next(known for known in whole if known > at), at
        at += timedelta(minutes=11)


def test_the_times_end_with_the_calendar() -> None:
    # The 29th of February, where it is a Sunday.
    times = calendar.upcoming("0 0 29 2 */7", "UTC", after=NOON, count=1000)
    assert 100 < len(times) < 1000


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("61 * * * *", "'61 \\* \\* \\* \\*' is no cron expression"),
        ("0 3 * *", "it has 4 fields; five fields: minute hour day month weekday"),
        ("0 0 3 * * *", "it has 6 fields"),
        ("", "it has 0 fields"),
        ("every day at three o'clock", "it has 5 fields|is no cron expression"),
        ("0 0 30 2 *", "is no cron expression|never comes"),
    ],
)
def test_what_is_no_schedule_is_refused(cron: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        calendar.check(cron, "UTC")


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../etc/passwd", "/etc/passwd", "\0"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(NotFoundError, match="unknown time zone"):
        calendar.check("0 3 * * *", zone)


def test_the_nearest_time_zone_is_named() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'Europe/Berlin'"):
        calendar.zone("Europe/Berln")


def due(misfire: str, *, late: timedelta, window: timedelta = timedelta(days=1)) -> list[str]:
    at = NOON + late
    times = calendar.due(
        "0 * * * *",
        "UTC",
        after=NOON - timedelta(hours=3),
        at=at,
        misfire=misfire,
        window=window,
    )
    return [f"{time:%H:%M}" for time in times]


def test_missed_times_are_skipped_or_run_once_or_all() -> None:
    late = timedelta(minutes=30)
    assert due("skip", late=late) == []
    assert due("once", late=late) == ["12:00"]
    assert due("all", late=late) == ["10:00", "11:00", "12:00"]
    assert due("skip", late=timedelta(seconds=2)) == ["12:00"]
    assert due("all", late=late, window=timedelta(hours=1)) == ["12:00"]
    assert due("once", late=late, window=timedelta(minutes=10)) == []
    with pytest.raises(NotFoundError, match="did you mean 'once'"):
        due("onse", late=late)


def test_a_time_that_was_looked_at_is_due_no_more() -> None:
    assert calendar.due("0 * * * *", "UTC", after=NOON, at=NOON + timedelta(minutes=5)) == []
