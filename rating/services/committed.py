"""What was billed in the periods of a commitment's term before the one that is rated."""

from datetime import date
from decimal import Decimal

from django.db.models import Sum

from amberflow.lib.money import ZERO, use_money_context
from rating.models import Slice

TRUE_UP = "commitment:"


@use_money_context()
def billed_before(*, subscription_id: int, starts: date, ends: date, prices: tuple[str, ...] | None) -> Decimal:
    """The net amount of the subscription's lines on the local days [starts, ends); of the prices' lines only.

    True-ups of commitments don't count towards commitments.
    """
    rows = (
        Slice.objects.filter(
            line__period__subscription_id=subscription_id,
            line__period__start_date__lt=ends,
            line__period__end_date__gt=starts,
            day__gte=starts,
            day__lt=ends,
        )
        .order_by()
        .values("line__key")
        .annotate(total=Sum("net", default=ZERO))
    )
    return sum(
        (
            row["total"]
            for row in rows
            if not row["line__key"].startswith(TRUE_UP) and (prices is None or _price_key(row["line__key"]) in prices)
        ),
        ZERO,
    )


def _price_key(line_key: str) -> str:
    """The key of the price in a line's key, before the day of a change and the group."""
    return line_key.partition("?")[0].partition("@")[0]
