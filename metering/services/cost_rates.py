"""Own and contract rates: what a model really costs here, beside the default book."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from amberflow.lib.money import NumberError, parse_decimal, plain
from amberflow.model_fields import UNIT_PRICE_PLACES
from metering.costbook.book import forget_book
from metering.costbook.calculate import CHARGED_UNITS, DETAIL_UNITS
from metering.models import CostModel, CostRate
from metering.services.recost import recost_again_soon

OWN_PRIORITY = 10
# Far above any price; keeps the cost of the largest call within its column.
MAX_PRICE = Decimal(10_000_000)
_PER_OF_SUFFIX = {"mtok": 1_000_000, "kcount": 1_000}


@transaction.atomic
def add_cost_rate(
    *,
    provider: str,
    model: str,
    unit_prices: Mapping[str, Decimal],
    effective_from: date | None,
    source: str = "own",
) -> list[CostRate]:
    """Add a price list for one model, in the cost book's currency, in force from a day (UTC; None: since ever).

    `unit_prices` holds all prices of the list by unit, like `{"input_mtok": Decimal("2.5"), "output_mtok": …}`; it has
    a price for input and for output, 0 where nothing is charged, unless requests alone are charged. The list
    overrides the default book from its day on. `provider` and `model` are what events carry; `provider` may be empty.
    Calls that were ingested before are not touched: recost_events costs those that had no rate, and a task does so
    for what other processes take in before they notice.
    Raises DomainError naming the field.
    """
    name = model.strip()
    if not name:
        raise DomainError("model_missing", "model is empty: write it as events carry it.", field="model")
    prices = {unit: _checked_price(unit, price) for unit, price in unit_prices.items()}
    missing = [unit for unit in ("input_mtok", "output_mtok") if unit not in prices]
    if missing and set(prices) != {"requests_kcount"}:
        raise DomainError(
            "price_missing",
            f"unit_prices has no {' and no '.join(missing)}: add it, with 0 if nothing is charged for it.",
            field="unit_prices",
        )
    row, _ = CostModel.objects.get_or_create(provider=provider.strip(), name=name)
    known_since = timezone.now()
    rates = CostRate.objects.bulk_create(
        CostRate(
            model=row,
            unit=unit,
            price=price,
            per=_per(unit),
            effective_from=effective_from,
            known_since=known_since,
            source=source,
            priority=OWN_PRIORITY,
        )
        for unit, price in prices.items()
    )
    transaction.on_commit(forget_book)
    recost_again_soon()
    return rates


def _per(unit: str) -> int:
    return _PER_OF_SUFFIX[unit.rpartition("_")[2]]


def _checked_price(unit: str, price: Decimal) -> Decimal:
    if unit not in CHARGED_UNITS | DETAIL_UNITS:
        raise DomainError(
            "unknown_unit",
            f"unit {unit!r} is not known: use one of {', '.join(sorted(CHARGED_UNITS | DETAIL_UNITS))}.",
            field=unit,
        )
    try:
        checked = parse_decimal(price, unit, places=UNIT_PRICE_PLACES)
    except NumberError as error:
        raise DomainError("invalid_price", str(error), field=unit) from None
    if not 0 <= checked <= MAX_PRICE:
        raise DomainError(
            "invalid_price",
            f"{unit} {plain(checked)} is not between 0 and {plain(MAX_PRICE)}: check what it is the price of.",
            field=unit,
        )
    return checked
