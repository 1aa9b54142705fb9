"""Which billing still needs single events: those of periods that are not final."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import Q

from metering.calendar import Calendar, calendars
from metering.models import UsageDay
from metering.retention.holds import MonthSpan
from pricing.models import Subscription
from rating.models import BillingPeriod

NAMED = 3
_INSTANT = timedelta(microseconds=1)


def open_billing(span: MonthSpan) -> list[str]:
    """Customers with usage in the month whose subscriptions are not invoiced for all of it. Usage without a
    subscription holds nothing back: it is billed from the rollups, whenever there is one."""
    used = UsageDay.objects.filter(day__gte=span.first_day, day__lt=span.last_day, events__gt=0)
    subscriptions = list(
        Subscription.objects.filter(
            Q(ends_on=None) | Q(ends_on__gt=span.first_day),
            customer__in=used.values("series__customer"),
            starts_on__lt=span.last_day,
        ).select_related("customer")
    )
    days = calendars({each.customer_id: each.customer.timezone for each in subscriptions}.items())
    final = _final_periods(subscriptions, span)
    waiting = sorted(
        {
            each.customer.name
            for each in subscriptions
            if not _is_covered(*_days(each, span, days[each.customer_id]), final[each.pk])
        }
    )
    if not waiting:
        return []
    names = ", ".join(waiting[:NAMED]) + (f" and {len(waiting) - NAMED:,} more" if len(waiting) > NAMED else "")
    return [f"Billing periods that touch the month are not final ({names}): finalize their invoices."]


def _final_periods(subscriptions: Sequence[Subscription], span: MonthSpan) -> dict[int, list[tuple[date, date]]]:
    """The local dates [start, end) of frozen periods by subscription, in order."""
    found: dict[int, list[tuple[date, date]]] = defaultdict(list)
    periods = BillingPeriod.objects.filter(
        subscription__in=subscriptions,
        frozen_at__isnull=False,
        start_date__lt=span.last_day,
        end_date__gt=span.first_day,
    ).order_by("start_date")
    for subscription_id, start, end in periods.values_list("subscription_id", "start_date", "end_date"):
        found[subscription_id].append((start, end))
    return found


def _days(subscription: Subscription, span: MonthSpan, calendar: Calendar) -> tuple[date, date]:
    """The local days [first, last) of the month's instants on which the subscription runs."""
    first, last = calendar.day(span.start), calendar.day(span.end - _INSTANT) + timedelta(days=1)
    return max(first, subscription.starts_on), min(filter(None, (last, subscription.ends_on)))


def _is_covered(first: date, last: date, final: Sequence[tuple[date, date]]) -> bool:
    for start, end in final:
        if start <= first < end:
            first = end
    return first >= last
