"""Making plans, and publishing their versions."""

from django.db import transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from metering.meters import measures_of
from metering.models import Meter
from pricing.documents import TIER_FIELDS, document_of, engine_price
from pricing.engine.document import DocumentError
from pricing.engine.price import Price as EnginePrice
from pricing.engine.selection import find_ambiguities
from pricing.examples import add_example, examples_of
from pricing.models import Plan, PlanVersion, Price, PriceTier
from pricing.publishing import added_problems


@transaction.atomic
def create_plan(*, code: str, name: str, description: str = "", currency: str = "USD") -> PlanVersion:
    """A new plan with an empty first draft version, which is returned."""
    plan = Plan.objects.create(code=code, name=name, description=description)
    return PlanVersion.objects.create(plan=plan, number=1, currency=currency)


@transaction.atomic
def create_version(*, plan_id: int, note: str = "") -> PlanVersion:
    """A new draft version of the plan with copies of the newest version's prices."""
    plan = Plan.objects.select_for_update().get(pk=plan_id)
    newest = plan.versions.order_by("-number").first()
    if newest is None:
        return PlanVersion.objects.create(plan=plan, number=1, note=note)
    version = PlanVersion.objects.create(plan=plan, number=newest.number + 1, currency=newest.currency, note=note)
    for price in newest.prices.prefetch_related("tiers"):
        tiers = list(price.tiers.all())
        price.pk, price.plan_version = None, version
        price._state.adding = True
        price.save()
        PriceTier.objects.bulk_create(
            PriceTier(price=price, **{field: getattr(tier, field) for field in TIER_FIELDS}) for tier in tiers
        )
    for example in examples_of(newest):
        add_example(plan_version=version, example=example)
    return version


def find_problems(*, version: PlanVersion) -> list[str]:
    """What keeps the version from being published, in sentences; empty when nothing does."""
    rows = list(version.prices.select_related("meter__event_type", "plan_version").prefetch_related("tiers"))
    problems = [] if rows else ["The version has no prices: add at least one."]
    names = {row.key: row.name for row in rows}
    whole: list[tuple[str, EnginePrice]] = []
    for row in rows:
        try:
            whole.append((row.key, engine_price(row)))
        except DocumentError as error:
            problems.append(f"{row.name}: {error}")
        problems.extend(_meter_problems(row))
    problems.extend(
        f"{names[one]} and {names[other]} can select the same usage and are equally specific: "
        "add a dimension to the filter of one of them, or make their values differ."
        for one, other in find_ambiguities(whole)
    )
    # Examples are rated, which needs a version that is right otherwise.
    return problems or added_problems(version=version)


def _meter_problems(row: Price) -> list[str]:
    if row.meter is None:
        return []
    known = set(row.meter.event_type.dimensions)
    return (
        _unreadable_meter(row.meter, row.name)
        + _missing_amounts(row, row.meter)
        + [
            f"{row.name}: {row.meter.event_type.name} has no dimension {dimension!r}; "
            f"use one of {', '.join(sorted(known)) or 'none'}."
            for dimension in sorted({*row.filter, *row.group_by} - known)
        ]
    )


def _missing_amounts(row: Price, meter: Meter) -> list[str]:
    if meter.keep_amounts or (row.min_per_event is None and row.max_per_event is None):
        return []
    return [
        f"{row.name}: a minimum or maximum per event needs each event's value, which meter {meter.code} doesn't keep: "
        "tick “keep single amounts” on the meter."
    ]


def _unreadable_meter(meter: Meter, name: str) -> list[str]:
    try:
        measures_of(meter)
    except DomainError as error:
        return [f"{name}: meter {meter.code}: {error.message}"]
    return []


@transaction.atomic
def publish_version(*, version_id: int) -> PlanVersion:
    """Make a draft version usable and unchangeable. Raises DomainError with every problem found."""
    version = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version_id)
    if version.status != PlanVersion.Status.DRAFT:
        raise DomainError("not_a_draft", f"{version} is {version.get_status_display().lower()} already.")
    problems = find_problems(version=version)
    if problems:
        raise DomainError("not_publishable", " ".join(problems))
    version.status = PlanVersion.Status.PUBLISHED
    version.published_at = timezone.now()
    version.save()
    return version


@transaction.atomic
def retire_version(*, version_id: int) -> PlanVersion:
    """Keep a published version from new subscriptions; those that have it keep it."""
    version = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version_id)
    if version.status != PlanVersion.Status.PUBLISHED:
        raise DomainError(
            "not_published",
            f"{version} is {version.get_status_display().lower()}: only published ones retire.",
        )
    version.status = PlanVersion.Status.RETIRED
    version.save(update_fields=["status"])
    return version


def documents_of(*, version: PlanVersion) -> dict[str, dict[str, object]]:
    """The price documents of a version by price key, for export and comparison."""
    prices = version.prices.select_related("meter", "plan_version").prefetch_related("tiers")
    return {price.key: document_of(price) for price in prices}
