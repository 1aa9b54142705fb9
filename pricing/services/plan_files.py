"""Plan versions to files and back."""

from dataclasses import dataclass

from django.db import transaction

from amberflow.lib.errors import DomainError
from pricing.comparison import comparable_file, comparable_version
from pricing.documents import add_price, engine_price
from pricing.engine.diff import VersionDiff, diff_versions
from pricing.engine.document import DocumentError, price_document
from pricing.engine.example import Example
from pricing.examples import add_example, examples_of
from pricing.exchange.plan_file import FilePrice, PlanFile, parse_plan_file, plan_file_document
from pricing.exchange.text import Format, TextError, read_text, write_text
from pricing.models import Plan, PlanVersion
from pricing.services.plans import create_plan, create_version


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What importing a file would do: the version that it is compared with (None for a new plan), and the difference.

    `added_examples` and so on are names.
    """

    file: PlanFile
    against: PlanVersion | None
    prices: VersionDiff
    added_examples: tuple[str, ...]
    removed_examples: tuple[str, ...]
    changed_examples: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the file says what the version says already."""
        return self.prices.is_empty and not (self.added_examples or self.removed_examples or self.changed_examples)


def read_plan_file(text: str) -> PlanFile:
    """The plan version in a JSON or YAML text. Raises DomainError, whose `field` is the path in the file."""
    try:
        return parse_plan_file(read_text(text))
    except TextError as error:
        raise DomainError("not_readable", str(error)) from None
    except DocumentError as error:
        raise DomainError(error.code, str(error), field=error.path) from None


def export_version(*, version: PlanVersion, form: Format) -> str:
    """The text of a version's file. Raises DomainError while a price of a draft isn't whole."""
    return write_text(plan_file_document(plan_file_of(version=version)), form)


def plan_file_of(*, version: PlanVersion) -> PlanFile:
    """The version as values. Raises DomainError while a price of a draft isn't whole."""
    return PlanFile(
        plan=version.plan.code,
        name=version.plan.name,
        description=version.plan.description or None,
        currency=version.currency,
        note=version.note,
        prices=tuple(_file_prices(version)),
        examples=tuple(examples_of(version)),
    )


def preview_import(*, file: PlanFile, version: PlanVersion | None) -> ImportPreview:
    """Compare a file with a version, or with nothing."""
    old = {example.name: example for example in examples_of(version)} if version else {}
    new = {example.name: example for example in file.examples}
    return ImportPreview(
        file=file,
        against=version,
        prices=diff_versions(comparable_version(version) if version else {}, comparable_file(file)),
        added_examples=tuple(name for name in new if name not in old),
        removed_examples=tuple(name for name in old if name not in new),
        changed_examples=tuple(
            name for name, example in new.items() if name in old and _unordered(example) != _unordered(old[name])
        ),
    )


def newest_version(*, file: PlanFile) -> PlanVersion | None:
    """The newest version of the plan that the file names, None if there is none yet."""
    return PlanVersion.objects.filter(plan__code=file.plan).select_related("plan").order_by("-number").first()


@transaction.atomic
def import_plan(*, file: PlanFile) -> PlanVersion:
    """Make the plan's draft say what the file says; without a draft, a new version; without the plan, the plan.

    Raises DomainError for a currency, meter or name that doesn't fit.
    """
    version = newest_version(file=file)
    if version is None:
        version = create_plan(
            code=file.plan, name=file.name, description=file.description or "", currency=file.currency
        )
    elif version.status != PlanVersion.Status.DRAFT:
        version = create_version(plan_id=version.plan_id)
    return replace_draft(version_id=version.pk, file=file)


@transaction.atomic
def replace_draft(*, version_id: int, file: PlanFile) -> PlanVersion:
    """Put a file's prices and examples in the place of a draft version's. Raises DomainError if it can't be."""
    version = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version_id)
    if version.status != PlanVersion.Status.DRAFT:
        raise DomainError(
            "not_a_draft",
            f"{version} is {version.get_status_display().lower()} and never changes: "
            "make a new version of the plan and import into that.",
        )
    if file.plan != version.plan.code:
        raise DomainError(
            "other_plan",
            f"the file is of plan {file.plan!r}, the version of {version.plan.code!r}: "
            "change the file's plan if its prices are meant for this one.",
            field="plan",
        )
    _update_plan(version.plan, file)
    version.currency, version.note = file.currency, file.note or version.note
    version.save(update_fields=["currency", "note"])
    version.prices.all().delete()
    version.examples.all().delete()
    for price in file.prices:
        add_price(
            plan_version=version,
            key=price.key,
            name=price.name,
            document=price.document,
            sort_order=price.sort_order,
        )
    for example in file.examples:
        add_example(plan_version=version, example=example)
    return version


def _update_plan(plan: Plan, file: PlanFile) -> None:
    plan.name = file.name
    if file.description is not None:
        plan.description = file.description
    plan.save(update_fields=["name", "description"])


def _file_prices(version: PlanVersion) -> list[FilePrice]:
    rows = version.prices.select_related("meter", "plan_version").prefetch_related("tiers")
    found = []
    for row in rows:
        try:
            document = price_document(engine_price(row))
        except DocumentError as error:
            raise DomainError(
                "price_not_whole", f"{row.name}: {error} Complete the price first.", field=error.path
            ) from None
        found.append(FilePrice(row.key, row.name, row.sort_order, document))
    return found


def _unordered(example: Example) -> tuple[object, ...]:
    return frozenset(example.usage), frozenset(example.lines), example.total
