"""Example invoices as rows of the database and as the engine's values, both ways."""

from django.db import transaction

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.engine import example as engine
from pricing.models import ExampleLine, ExampleUsage, PlanExample, PlanVersion


def examples_of(version: PlanVersion) -> list[engine.Example]:
    """The examples of a version as values, in their order."""
    rows = version.examples.prefetch_related("usage__meter", "lines").order_by("id")
    return [engine_example(row) for row in rows]


def engine_example(row: PlanExample) -> engine.Example:
    """A stored example as values."""
    return engine.Example(
        name=row.name,
        usage=tuple(
            engine.ExampleUsage(
                meter=usage.meter.code,
                quantity=usage.quantity,
                dimensions=tuple(sorted(usage.dimensions.items())),
                events=usage.events,
                cost=usage.cost,
            )
            for usage in row.usage.all()
        ),
        lines=tuple(
            engine.ExampleLine(price=line.price_key, amount=line.amount, group=tuple(sorted(line.group.items())))
            for line in row.lines.all()
        ),
        total=row.total,
    )


@transaction.atomic
def add_example(*, plan_version: PlanVersion, example: engine.Example) -> PlanExample:
    """Store an example with a draft plan version. Raises DomainError for a meter that doesn't exist."""
    codes = {usage.meter for usage in example.usage}
    meters = {meter.code: meter for meter in Meter.objects.filter(code__in=codes)}
    for code in sorted(codes - meters.keys()):
        raise DomainError(
            "unknown_meter",
            f"example {example.name!r} names meter {code!r}, which doesn't exist: add the meter first.",
            field="meter",
        )
    row = PlanExample.objects.create(plan_version=plan_version, name=example.name, total=example.total)
    ExampleUsage.objects.bulk_create(
        ExampleUsage(
            example=row,
            meter=meters[usage.meter],
            dimensions=dict(usage.dimensions),
            quantity=usage.quantity,
            events=usage.events,
            cost=usage.cost,
        )
        for usage in example.usage
    )
    ExampleLine.objects.bulk_create(
        ExampleLine(example=row, price_key=line.price, group=dict(line.group), amount=line.amount)
        for line in example.lines
    )
    return row
