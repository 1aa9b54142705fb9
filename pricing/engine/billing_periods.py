"""The answer to "which billing period is this day in": a document in, the period's bounds out, for the command."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, get_args

from amberflow.lib.money import shown
from amberflow.lib.periods import (
    BillingCycle,
    CycleKind,
    Interval,
    PeriodError,
    local_date,
    local_midnight_utc,
    period_on,
    zone,
)
from pricing.engine.document_values import DocumentError, read_choice, read_day, read_whole, refuse_unknown, text_of

_KNOWN = {"id", "cycle", "interval", "interval_count", "anchor", "timezone", "on", "start", "end"}
# Longer than any way to write a date alone: what is longer is an instant.
_DATE_LENGTH = len("2026-W05-1")
# More of any interval than there are days between the years 1 and 9999.
_MAX_COUNT = 4_000_000
# The same word, as people write it.
_SPELLINGS = {"half-year": "half_year"}


def billing_period(document: Mapping[str, Any]) -> dict[str, str]:
    """`start` and `end` (local dates, half-open) and the UTC instants of both, of the period that `on` is in.

    `{"cycle", "interval", "interval_count"?, "anchor", "timezone", "on", "start"?, "end"?}`; `on` is a local date, or
    an instant whose local date is meant; the other days may be instants at which a local day begins. An anchor is
    needed by anniversary cycles only, and is `start` if there is none. Raises DocumentError.
    """
    if not isinstance(document, Mapping):
        message = f"{shown(document)} is not an object; write one with cycle, interval, anchor, timezone and on."
        raise DocumentError("type", "", message)
    refuse_unknown(document, _KNOWN, "")
    timezone = _timezone(document)
    start, end = _day(document, "start", timezone), _day(document, "end", timezone)
    on = _on(document, timezone)
    cycle = BillingCycle(
        kind=_choice(document, "cycle", get_args(CycleKind)),  # type: ignore[arg-type]
        interval=_choice(document, "interval", get_args(Interval)),  # type: ignore[arg-type]
        interval_count=_interval_count(document),
        anchor=_anchor(document, start, timezone),
        timezone=timezone,
    )
    if start is not None and end is not None and end <= start:
        raise DocumentError("window", "end", f"{end} is not after the start {start}; use a later day.")
    try:
        period = period_on(cycle, on, start=start, end=end)
        return {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "start_utc": _instant(period.start_utc),
            "end_utc": _instant(period.end_utc),
        }
    except PeriodError as error:
        raise DocumentError("out_of_range", "on", str(error)) from None


def answer_billing_period(document: Any) -> dict[str, Any]:
    """`{"id", "start", "end", "start_utc", "end_utc"}`, or `{"id", "error", "code", "path"}`."""
    key = document.get("id") if isinstance(document, Mapping) else None
    try:
        return {"id": key, **billing_period(document)}
    except DocumentError as error:
        return {"id": key, "error": str(error), "code": error.code, "path": error.path}


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _choice(document: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    noun = "an interval" if field == "interval" else f"a {field}"
    spelling = document.get(field)
    if field == "interval" and isinstance(spelling, str):
        document = {field: _SPELLINGS.get(spelling, spelling)}
    found = read_choice(document, field, choices, code=f"unknown_{field}", noun=noun)
    if found is None:
        raise DocumentError("missing", field, f"a billing period needs {noun}; use one of {', '.join(choices)}.")
    return found


def _interval_count(document: Mapping[str, Any]) -> int:
    count = read_whole(document, "interval_count")
    if count is None:
        return 1
    if not count:
        raise DocumentError("out_of_range", "interval_count", "0 intervals are no period; use 1 or more.")
    if count > _MAX_COUNT:
        message = f"{count} intervals reach outside the years 1 to 9999; use at most {_MAX_COUNT}."
        raise DocumentError("out_of_range", "interval_count", message)
    return count


def _timezone(document: Mapping[str, Any]) -> str:
    value = document.get("timezone")
    if value is None:
        raise DocumentError("missing", "timezone", "a billing period needs a timezone; add it, like Europe/Paris.")
    try:
        zone(text_of(value, "timezone"))
    except PeriodError:
        message = f"{shown(value)} is not an IANA time zone; use a name like Europe/Paris or UTC."
        raise DocumentError("unknown_timezone", "timezone", message) from None
    return str(value)


def _day(document: Mapping[str, Any], field: str, timezone: str) -> date | None:
    """A local date, also given as the instant at which it begins."""
    value = document.get(field)
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > _DATE_LENGTH else None
        day = None if instant is None else local_date(instant, timezone)
    except (PeriodError, ValueError, OverflowError):
        instant = day = None
    if instant is None or day is None:
        return read_day(document, field)
    if local_midnight_utc(day, timezone) != instant:
        message = f"{shown(value)} is inside {day} in {timezone}; write the day itself, like {day}."
        raise DocumentError("date", field, message)
    return day


def _anchor(document: Mapping[str, Any], start: date | None, timezone: str) -> date:
    anchor = _day(document, "anchor", timezone) or start
    if anchor is not None:
        return anchor
    if document.get("cycle") == "anniversary":
        raise DocumentError("missing", "anchor", "an anniversary cycle needs an anchor; add its day, like 2026-01-31.")
    return date(2000, 1, 1)  # calendar cycles don't read it


def _on(document: Mapping[str, Any], timezone: str) -> date:
    value = document.get("on")
    if value is None:
        raise DocumentError("missing", "on", "a billing period needs the day that it is of; add on, like 2026-01-31.")
    text = text_of(value, "on")
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return local_date(datetime.fromisoformat(text), timezone)
    except PeriodError as error:
        raise DocumentError("date", "on", str(error)) from None
    except (ValueError, OverflowError):
        message = f"{shown(value)} is neither a date nor an instant; write it like 2026-01-31 or 2026-01-31T12:00:00Z."
        raise DocumentError("date", "on", message) from None
