"""An event type gets other dimensions: open usage follows, what is invoiced stays, and no price loses its usage."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Max

from amberflow.lib.errors import DomainError
from metering.models import DimensionChange, EventType
from metering.services.change_dimensions import OpenUsage, change_dimensions, checked_names, open_usage
from pricing.dimension_uses import dimension_uses
from rating.models import BillingPeriod

SHOWN_USES = 5


@transaction.atomic
def change_event_type_dimensions(
    *, event_type_id: int, dimensions: Sequence[str], made_by: str, now: datetime, again: bool = False
) -> DimensionChange:
    """Tell usage of the type apart by these dimensions, from each customer's first day on that is not invoiced.

    A task does it. Raises DomainError as `metering.services.change_dimensions` does, and for a dimension taken away
    that a price or discount in force names.
    """
    # Two changes at once: the second sees what the first one has left.
    kind = EventType.objects.select_for_update(no_key=True).get(pk=event_type_id)
    uses = removal_uses(kind=kind, dimensions=checked_names(dimensions), now=now)
    if uses:
        more = f" and {len(uses) - SHOWN_USES} more" if len(uses) > SHOWN_USES else ""
        raise DomainError(
            "dimension_in_use",
            f"dimensions: {', '.join(uses[:SHOWN_USES])}{more} would no longer find the usage that they are for: "
            "retire or end them first, or leave the dimension.",
            field="dimensions",
        )
    return change_dimensions(
        event_type_id=event_type_id, dimensions=dimensions, first_days=_held_first_days, made_by=made_by, again=again
    )


def removal_uses(*, kind: EventType, dimensions: Sequence[str], now: datetime) -> list[str]:
    """The prices and discounts in force that name a dimension which the type has and these leave out."""
    removed = set(kind.dimensions) - set(dimensions)
    return dimension_uses(event_type_id=kind.pk, names=removed, on=now.date())


def usage_to_follow(*, event_type_id: int) -> OpenUsage:
    """How many events of how many customers a change of the type's dimensions would be about."""
    return open_usage(event_type_id=event_type_id, first_days=first_open_days())


def first_open_days() -> dict[int, date]:
    """By customer id, the first local day that is not invoiced; customers without an invoiced period are left out."""
    frozen = BillingPeriod.objects.exclude(frozen_at=None)
    ends = frozen.order_by().values("subscription__customer_id").annotate(day=Max("end_date"))
    return dict(ends.values_list("subscription__customer_id", "day"))


def _held_first_days() -> dict[int, date]:
    # Whoever makes a period final has locked its row before looking whether usage is settled; so this waits until that
    # is committed, and from here on each of them sees the change.
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE rating_billingperiod IN EXCLUSIVE MODE")
    return first_open_days()
