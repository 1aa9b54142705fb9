"""Which local day of its customer an instant belongs to, whatever became of the customer's time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from amberflow.lib.periods import local_midnight_utc, zone
from customers.models import Customer
from metering.models import TimezoneChange


@dataclass(frozen=True, slots=True)
class Move:
    """From `at` on the days are those of `timezone`, but none is before `first_day`."""

    at: datetime
    first_day: date
    timezone: str
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one customer: in `timezone`, or from the newest of `moves` on whose instant has come."""

    timezone: str
    zone: tzinfo
    moves: tuple[Move, ...] = ()

    def day(self, instant: datetime) -> date:
        """The local day of an aware instant."""
        for move in self.moves:
            if instant >= move.at:
                return max(instant.astimezone(move.zone).date(), move.first_day)
        return instant.astimezone(self.zone).date()

    def zone_at(self, instant: datetime) -> tzinfo:
        """The time zone by which an aware instant has its day."""
        return next((move.zone for move in self.moves if instant >= move.at), self.zone)

    def begins(self, day: date) -> datetime:
        """The first instant (UTC) whose day is that day or a later one."""
        for move in self.moves:
            if day > move.first_day:
                return max(local_midnight_utc(day, move.timezone), move.at)
            if day == move.first_day:
                return move.at
        return local_midnight_utc(day, self.timezone)


def calendars(customers: Iterable[tuple[int, str]]) -> dict[int, Calendar]:
    """The calendars of customers (id, time zone of today), by id. One query."""
    zones = dict(customers)
    moves: dict[int, list[TimezoneChange]] = {}
    for change in TimezoneChange.objects.filter(customer_id__in=list(zones)).order_by("-pk"):
        moves.setdefault(change.customer_id, []).append(change)
    return {pk: _calendar(timezone, moves.get(pk, [])) for pk, timezone in zones.items()}


def calendar_of(customer: Customer) -> Calendar:
    """The customer's calendar as the database stands now."""
    return calendars([(customer.pk, customer.timezone)])[customer.pk]


def _calendar(timezone: str, changes: list[TimezoneChange]) -> Calendar:
    """`changes` are the newest first; one that a newer one covers from before its own instant no longer counts."""
    moves: list[Move] = []
    for change in changes:
        if not moves or change.effective_at < moves[-1].at:
            moves.append(Move(change.effective_at, change.first_day, change.timezone, zone(change.timezone)))
    first = changes[-1].old_timezone if changes else timezone
    return Calendar(first, zone(first), tuple(moves))
