"""What the discounts of a promotion gave away, and what was earned on the lines that they are on."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from amberflow.lib.money import ZERO, use_money_context
from rating.engine.margin import margin
from rating.models import RatedLine


@dataclass(frozen=True, slots=True)
class PromotionMoney:
    """In one currency: what was given away, and net revenue, cost and margin of the lines discounted by it."""

    currency: str
    given_away: Decimal
    net: Decimal
    cost: Decimal
    margin: Decimal
    percent: Decimal | None


@use_money_context()
def promotion_money(*, discount_keys: Sequence[str], subscription_ids: Sequence[int]) -> list[PromotionMoney]:
    """The money of a promotion's discounts, by currency. Lines of void invoices are not in it: they were taken back."""
    keys = set(discount_keys)
    sums: dict[str, list[Decimal]] = {}
    lines = RatedLine.objects.filter(period__subscription_id__in=subscription_ids, period__voided=None)
    lines = lines.exclude(discount_amount=0)
    for line in lines.only("currency", "explanation", "amount", "cost").iterator(chunk_size=500):
        taken = [Decimal(each["amount"]) for each in line.explanation["discounts"] if _discount(each["key"]) in keys]
        if taken:
            total = sums.setdefault(line.currency, [ZERO, ZERO, ZERO])
            for n, amount in enumerate((sum(taken, ZERO), line.amount, line.cost)):
                total[n] += amount
    return [
        PromotionMoney(currency, given, net, cost, *margin(net, cost))
        for currency, (given, net, cost) in sorted(sums.items())
    ]


def _discount(key: str) -> str:
    """The discount of a key; one that holds in several stretches has a number behind it."""
    return "-".join(key.split("-")[:2])
