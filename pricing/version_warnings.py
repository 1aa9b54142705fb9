"""What a person should know before a plan version is published, though nothing forbids it."""

from collections import defaultdict

from metering.models import Meter
from pricing.documents import engine_price
from pricing.engine.curve import find_cliffs
from pricing.engine.document import DocumentError
from pricing.models import PlanVersion, Price


def find_warnings(*, version: PlanVersion) -> list[str]:
    """Totals that fall where usage rises, and usage that the version leaves without a price, in sentences."""
    rows = list(version.prices.select_related("meter__event_type", "plan_version").prefetch_related("tiers"))
    return [*_cliffs(rows), *_unpriced_meters(rows), *_filtered_meters(rows)]


def _cliffs(rows: list[Price]) -> list[str]:
    found = []
    for row in rows:
        try:
            price = engine_price(row)
        except DocumentError:
            continue
        unit = row.meter.unit if row.meter else "unit"
        cliffs = find_cliffs(price)
        if cliffs:
            more = f" The same at {len(cliffs) - 1} more of its bounds." if len(cliffs) > 1 else ""
            found.append(f"{row.name}: {cliffs[0].text(price.currency, unit)}{more}")
    return found


def _unpriced_meters(rows: list[Price]) -> list[str]:
    """Meters of events that the version charges for by other meters."""
    priced = {row.meter.pk: row.meter for row in rows if row.meter is not None}
    event_types = {meter.event_type_id for meter in priced.values()}
    meters = Meter.objects.filter(event_type__in=event_types).exclude(pk__in=list(priced)).select_related("event_type")
    return [
        f"{meter.name} has no price, though other meters of {meter.event_type.name} have: it is not charged."
        for meter in meters
    ]


def _filtered_meters(rows: list[Price]) -> list[str]:
    """Meters whose prices are all for some dimension values only."""
    by_meter: dict[Meter, list[Price]] = defaultdict(list)
    for row in rows:
        if row.meter is not None:
            by_meter[row.meter].append(row)
    return [
        f"{meter.name} is priced for some values of {_dimensions(prices)} only: other usage will be listed as unpriced."
        for meter, prices in by_meter.items()
        if all(price.filter for price in prices)
    ]


def _dimensions(prices: list[Price]) -> str:
    return " and ".join(sorted({dimension for price in prices for dimension in price.filter}))
