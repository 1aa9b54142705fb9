"""Whose usage it is, when a customer has several subscriptions at once.

Every series-day belongs to one of them: the first, in the order given, with a price for it, or simply the first if
none has. It carries the cost, and reports the usage if it has no price. Another one with a price for it (of another
meter) sees the usage too, without the cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from msgspec.structs import replace

from pricing.engine.selection import matches
from rating.engine.chains import holds
from rating.engine.inputs import Dimensions, PriceInput, SeriesDay


@dataclass(frozen=True, slots=True)
class Claim:
    """One subscription of the customer: its usage prices, and the local days [starts, ends) on which it runs."""

    subscription: str
    starts: date
    ends: date | None
    prices: tuple[PriceInput, ...]


def own_usage(subscription: str, rows: Sequence[SeriesDay], claims: Sequence[Claim]) -> tuple[SeriesDay, ...]:
    """The rows that one of the subscriptions rates; what is only seen has no cost and is marked as not owned."""
    if len(claims) == 1:
        return tuple(rows)
    found = []
    known: dict[tuple[str, Dimensions, date], tuple[bool, bool]] = {}
    for row in rows:
        key = (row.event_type, row.dims, row.day)
        if key not in known:
            known[key] = _claimed(subscription, row, claims)
        is_owner, sees = known[key]
        if is_owner:
            found.append(row)
        elif sees:
            found.append(replace(row, costs={}, uncosted_events=0, is_owned=False))
    return tuple(found)


def _claimed(subscription: str, row: SeriesDay, claims: Sequence[Claim]) -> tuple[bool, bool]:
    """Whether the subscription owns the row, and whether it has a price for it."""
    running = [claim for claim in claims if claim.starts <= row.day and (claim.ends is None or row.day < claim.ends)]
    covering = [claim.subscription for claim in running if _covers(claim, row)]
    owner = next(iter(covering or [claim.subscription for claim in running]), None)
    return owner == subscription, subscription in covering


def _covers(claim: Claim, row: SeriesDay) -> bool:
    dims = dict(row.dims)
    return any(
        entry.meter is not None
        and entry.meter.event_type == row.event_type
        and holds(entry, row.day)
        and matches(entry.price.filter, dims)
        for entry in claim.prices
    )
