"""What was billed for a commitment before the period that is rated."""

from datetime import date
from decimal import Decimal

from django.db.models import Sum

from amberflow.lib.money import ZERO, use_money_context
from pricing.terms import TermCommitment
from rating.models import RatedLine, Slice

TRUE_UP = "commitment:"


@use_money_context()
def billed_before(*, subscription_id: int, promise: TermCommitment, day: date) -> Decimal:
    """The net amount of the lines that count towards the promise, on the days of its term before `day`.

    True-ups don't count, but for the promise's own: an end that was taken back may have settled it once. Nor do lines
    of void invoices.
    """
    rows = (
        Slice.objects.filter(
            line__period__subscription_id=subscription_id,
            line__period__start_date__lt=day,
            line__period__end_date__gt=promise.starts,
            line__period__voided=None,
            day__gte=promise.starts,
            day__lt=day,
        )
        .exclude(line__key__startswith=TRUE_UP)
        .order_by()
        .values("line__key")
        .annotate(total=Sum("net", default=ZERO))
    )
    counted = sum(
        (row["total"] for row in rows if promise.prices is None or _price_key(row["line__key"]) in promise.prices), ZERO
    )
    settled = RatedLine.objects.filter(
        period__subscription_id=subscription_id,
        period__start_date__lt=day,
        period__voided=None,
        key=f"{TRUE_UP}{promise.key}",
    )
    own: Decimal = settled.aggregate(total=Sum("amount", default=ZERO))["total"]
    return counted + own


def _price_key(line_key: str) -> str:
    """The key of the price in a line's key, before the day of a change and the group."""
    return line_key.partition("?")[0].partition("@")[0]
