"""Promotional credits of rated lines, shared over their slices, so that net revenue is net of them on every day."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.db import transaction
from django.db.models import F

from amberflow.lib.allocation import split
from rating.models import BillingPeriod, LineCredit, Slice

WRITE_BATCH = 2000

# Line, series (None for a fixed fee), day.
Place = tuple[int, int | None, date]


@transaction.atomic
def set_line_credits(*, period: BillingPeriod, credits: Mapping[int, Decimal]) -> bool:
    """Make these the promotional credits of the period's lines (amounts by line id, major units); True if they weren't.

    Lines that are not named have none. To be called after each rating: slices may have moved under the same amount.
    """
    wanted = share_line_credits(credits=credits)
    if stored_line_credits(period=period) == wanted:
        return False
    LineCredit.objects.filter(line__period=period).delete()
    LineCredit.objects.bulk_create(
        (
            LineCredit(line_id=line, series_id=series, day=day, amount=amount)
            for (line, series, day), amount in wanted.items()
        ),
        batch_size=WRITE_BATCH,
    )
    return True


def stored_line_credits(*, period: BillingPeriod) -> dict[Place, Decimal]:
    """The shares that are kept for the period's lines."""
    rows = LineCredit.objects.filter(line__period=period).values_list("line_id", "series_id", "day", "amount")
    return {(line, series, day): amount for line, series, day, amount in rows}


def share_line_credits(*, credits: Mapping[int, Decimal]) -> dict[Place, Decimal]:
    """Each line's amount over its slices: in proportion to their net, by largest remainder; no share of zero."""
    lines = [line for line, amount in credits.items() if amount]
    if not lines:
        return {}
    slices = (
        Slice.objects.filter(line_id__in=lines)
        .order_by("line_id", "day", F("series_id").asc(nulls_first=True))
        .values_list("line_id", "series_id", "day", "net")
    )
    shares: dict[Place, Decimal] = {}
    for line, rows in groupby(slices, key=lambda row: row[0]):
        parts = list(rows)
        amounts = split(credits[line], [net for *_, net in parts])
        shares |= {part[:3]: amount for part, amount in zip(parts, amounts, strict=True) if amount}
    return shares
