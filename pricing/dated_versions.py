"""Which plan version a subscription is on, day by day. All windows are half-open local dates; None is open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from pricing.models import PlanChange, PlanVersion, Subscription
from pricing.price_book import PriceBook


@dataclass(frozen=True, slots=True)
class DatedVersion:
    """The plan version of a subscription on the days [starts, ends)."""

    version: PlanVersion
    starts: date
    ends: date | None = None


def versions_of(subscription: Subscription) -> tuple[DatedVersion, ...]:
    """The plan versions of a subscription one after the other, from its start without an end."""
    if subscription.pk is None:
        return dated_versions(subscription, ())
    changes = subscription.plan_changes.select_related("plan_version__plan").order_by("starts_on")
    return dated_versions(subscription, list(changes))


def dated_versions(subscription: Subscription, changes: Sequence[PlanChange]) -> tuple[DatedVersion, ...]:
    """`versions_of`, from the subscription's plan changes in order of their days."""
    if not changes:
        return (DatedVersion(subscription.plan_version, subscription.starts_on),)
    starts = [subscription.starts_on, *(change.starts_on for change in changes[1:])]
    ends = [*starts[1:], None]
    return tuple(
        DatedVersion(change.plan_version, starts_on, ends_on)
        for change, starts_on, ends_on in zip(changes, starts, ends, strict=True)
    )


def with_change(versions: Sequence[DatedVersion], version: PlanVersion, on: date) -> tuple[DatedVersion, ...]:
    """The versions with another one from the day `on`, for ever: what was planned from then on is gone."""
    kept = [dated for dated in versions if dated.starts < on]
    if kept:
        kept[-1] = replace(kept[-1], ends=on)
    return (*kept, DatedVersion(version, on))


def version_on(subscription: Subscription, on: date, versions: Sequence[DatedVersion] | None = None) -> PlanVersion:
    """The plan version in force on a day; before the start the first one. `versions` are the subscription's."""
    versions = versions or versions_of(subscription)
    return next((dated.version for dated in reversed(versions) if dated.starts <= on), versions[0].version)


def plan_prices_between(*, versions: Sequence[DatedVersion], start: date, end: date, book: PriceBook) -> dict[str, int]:
    """The ids of the plan's prices of the days [start, end) by key; of a key in several versions the latest one's."""
    return {
        entry.row.key: entry.row.pk
        for dated in versions
        if is_before(dated.starts, end) and is_before(start, dated.ends)
        for entry in book.of_version(dated.version.pk)
    }


def plan_days(versions: Sequence[DatedVersion]) -> list[tuple[int, date, date | None]]:
    """Each plan with the days on which the subscription is on it; versions of one plan in a row are one stretch."""
    days: list[tuple[int, date, date | None]] = []
    for dated in versions:
        if days and days[-1][0] == dated.version.plan_id:
            days[-1] = (dated.version.plan_id, days[-1][1], dated.ends)
        else:
            days.append((dated.version.plan_id, dated.starts, dated.ends))
    return days


def is_before(start: date | None, end: date | None) -> bool:
    """Whether a window that begins at `start` begins before another one ends at `end`; None is open."""
    return start is None or end is None or start < end
