"""Prices of plan versions and meters as terms need them, each read once however many subscriptions share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metering.models import Meter
from pricing.documents import document_of
from pricing.engine.document import parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import Price


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A price of a plan version: its row, its document, and both as the engine computes with them."""

    row: Price
    document: Mapping[str, Any]
    price: EnginePrice


class PriceBook:
    """For one run: what it read is not read again, so it must not outlive a change of plans or meters."""

    def __init__(self) -> None:
        self._versions: dict[int, tuple[PlanPrice, ...]] = {}
        self._meters: dict[str, Meter] = {}

    def of_version(self, version_id: int) -> tuple[PlanPrice, ...]:
        """The prices of a plan version, in their order. Raises DocumentError for a draft's price that isn't whole."""
        if version_id not in self._versions:
            rows = (
                Price.objects.filter(plan_version_id=version_id)
                .select_related("meter__event_type", "plan_version")
                .prefetch_related("tiers")
                .order_by("sort_order", "key")
            )
            self._versions[version_id] = tuple(_plan_price(row) for row in rows)
        return self._versions[version_id]

    def meter(self, code: str | None) -> Meter | None:
        """The meter of a price; None for a fixed fee's."""
        if code is None:
            return None
        if code not in self._meters:
            self._meters[code] = Meter.objects.select_related("event_type").get(code=code)
        return self._meters[code]


def _plan_price(row: Price) -> PlanPrice:
    document = document_of(row)
    return PlanPrice(row, document, parse_price(document))
