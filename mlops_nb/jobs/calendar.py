"""When a job is due: cron expressions in an IANA time zone, right on the nights when clocks change.

A time that the spring night leaves out is due right after it; one that the autumn night has twice
is due once. Expressions whose minute or hour begins with ``*`` go on through both hours of the one
night and leave out what the other has not. So it is in Debian's cron.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from mlops_nb.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MISFIRE = ("skip", "once", "all")
# What is started within this time is not late.
PUNCTUAL = timedelta(seconds=60)


def check(cron: str, timezone: str) -> None:
    """Refuse an expression or a time zone that can't be used.

    Raises
    ------
    InputError
        Naming the expression and what is wrong with it, or the nearest time zone.
    """
    if not upcoming(cron, timezone, after=datetime.now(UTC), count=1):
        raise InputError(f"{cron!r} never comes", hint="is there such a day in that month?")


def upcoming(cron: str, timezone: str, *, after: datetime, count: int) -> list[datetime]:
    """Return the next times after an instant, in UTC.

    Examples
    --------
    >>> after = datetime(2026, 11, 27, tzinfo=UTC)
    >>> [t.isoformat() for t in upcoming("0 3 1 * *", "Europe/Berlin", after=after, count=1)]
    ['2026-12-01T02:00:00+00:00']
    """
    return list(islice(times(cron, timezone, after=after), count))


def due(
    cron: str,
    timezone: str,
    *,
    after: datetime,
    at: datetime,
    misfire: str = "once",
    window: timedelta = timedelta(days=1),
) -> list[datetime]:
    """Return the times after one instant that are due at another, the missed ones by their rule.

    Parameters
    ----------
    after, at : datetime
        The last time that was looked at, and the present.
    misfire : {"skip", "once", "all"}
        What becomes of times that passed unseen: nothing, one run for all of them (at the last
        one), or each its run.
    window : timedelta
        What is later than this is missed for good.

    Raises
    ------
    InputError
        If the expression, the time zone or the rule can't be used.

    Examples
    --------
    >>> noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    >>> [t.hour for t in due("0 * * * *", "UTC", after=noon - timedelta(hours=3), at=noon)]
    [12]
    """
    if misfire not in MISFIRE:
        raise NotFoundError.among("[jobs] misfire", misfire, MISFIRE)
    start = max(after, at - window)
    found = list(takewhile(lambda time: time <= at, times(cron, timezone, after=start)))
    if misfire == "all":
        return found
    if misfire == "once":
        return found[-1:]
    return [time for time in found if at - time <= PUNCTUAL]


def times(cron: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Go through the times after an instant, in UTC.

    Raises
    ------
    InputError
        If the expression is none.
    """
    from cronsim import CronSim, CronSimError

    # cronsim also reads a sixth field, of seconds: a start takes longer than that.
    fields = len(cron.split())
    try:
        if fields != 5:
            raise CronSimError(f"it has {fields} fields")
        local = CronSim(cron, after.astimezone(zone(timezone)))
    except CronSimError as error:
        raise InputError(
            f"{cron!r} is no cron expression: {error}",
            hint="five fields: minute hour day month weekday, such as '0 3 * * 1'",
        ) from None
    last = after
    # No calendar has a year 10000.
    with suppress(OverflowError):
        for time in local:
            # Asked within the second of two equal hours, cronsim begins with times of the first.
            if time > last:
                last = time.astimezone(UTC)
                yield last


def in_words(cron: str) -> str:
    """Say a cron expression in words.

    Examples
    --------
    >>> in_words("0 3 1 * *")
    'At 03:00 on the first day of every month'
    """
    from cronsim import CronSim

    return str(CronSim(cron, datetime.now(UTC)).explain())


def on_clocks(time: datetime, timezone: str) -> str:
    """Say an instant as the clocks of a time zone show it.

    Examples
    --------
    >>> on_clocks(datetime(2026, 12, 1, 5, tzinfo=UTC), "Europe/Berlin")
    '2026-12-01 06:00 CET'
    """
    return time.astimezone(zone(timezone)).strftime("%Y-%m-%d %H:%M %Z")


def here() -> str:
    """Return the name of this machine's time zone; UTC where it has none."""
    from tzlocal import get_localzone_name

    name = get_localzone_name()
    return "UTC" if name is None else str(name)


def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises
    ------
    NotFoundError
        If there is none of that name; the nearest is named.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotFoundError.among(
            "time zone", name, sorted(available_timezones()), hint="such as Europe/Berlin"
        ) from None
