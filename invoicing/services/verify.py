"""Proves that a finalized invoice says what the engine computes from the usage that it was made from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.engine.assemble import InvoiceDraft, assemble
from invoicing.engine.credits import Grant
from invoicing.models import Invoice
from invoicing.services.check_credits import compare_spent_grants
from invoicing.services.draft import draft_totals, line_values
from rating.engine.rated import RatedLine as EngineLine
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod, RatedLine, Slice
from rating.services.freeze import frozen_by, frozen_input, rate_frozen_period
from rating.services.inputs import period_input
from rating.services.line_credits import share_line_credits, stored_line_credits

LINE_FIELDS = (
    "name",
    "quantity",
    "unit",
    "list_amount",
    "discount_amount",
    "adjustment_amount",
    "amount",
    "cost",
)
SLICE_FIELDS = ("quantity", "gross", "discount", "adjustment", "net", "cost")


@dataclass(frozen=True, slots=True)
class Verification:
    """`differences` between what is stored and what rating gives again; `late_usage` if usage changed since then.

    `engine` is the version of the engine that rated it, None if that can't be told. Another version than the present
    one may have computed something otherwise.
    """

    invoice: Invoice
    lines: int
    slices: int
    differences: tuple[str, ...]
    late_usage: bool
    engine: int | None


def verify_invoice(*, number: str) -> Verification:
    """Rate the invoice's frozen period again and compare each line, slice, explanation, credit and total.

    Credits are applied again to the grants as they stood, and these are compared with the ledger. Writes nothing.

    Raises DomainError when there is no such invoice.
    """
    invoice = Invoice.objects.filter(number=number).select_related("period__subscription__customer").first()
    if invoice is None:
        raise DomainError("unknown_invoice", f"No invoice has the number {number!r}.", field="number")
    period = invoice.period
    kept, rated = frozen_input(period=period), rate_frozen_period(period=period)
    grants = msgspec.convert(invoice.credit_grants, list[Grant])
    draft = assemble(rated.lines, currency=kept.currency, grants=grants, last_day=period.end_date - timedelta(days=1))
    differences = [
        *_compare_lines(period, rated),
        *_compare_invoice(invoice, draft),
        *_compare_line_credits(period, draft),
        *compare_spent_grants(invoice=invoice, grants=grants),
    ]
    engine = frozen_by(period=period)
    if engine is None:
        differences.insert(0, "what the period was rated from is not what was kept when it was frozen")
    return Verification(
        invoice=invoice,
        lines=len(rated.lines),
        slices=sum(len(line.slices) for line in rated.lines),
        differences=tuple(differences),
        late_usage=period_input(period=period).series_days != kept.series_days,
        engine=engine,
    )


def _compare_lines(period: BillingPeriod, rated: RatedPeriod) -> Iterator[str]:
    stored = {line.key: line for line in RatedLine.objects.filter(period=period)}
    computed = {line.key: line for line in rated.lines}
    yield from _missing("line", stored.keys(), computed.keys())
    for position, line in enumerate(rated.lines):
        row = stored.get(line.key)
        if row is None:
            continue
        where = f"line {line.key}"
        wanted = {name: getattr(line, name) for name in LINE_FIELDS}
        wanted |= {"group": dict(line.group), "position": position, "currency": line.explanation["currency"]}
        yield from _compare_fields(where, row, wanted)
        yield from _compare_json(f"{where}: explanation", row.explanation, line.explanation)
        yield from _compare_slices(where, row, line)


def _compare_slices(where: str, row: RatedLine, line: EngineLine) -> Iterator[str]:
    stored = {_name(part.day, part.series_id): part for part in Slice.objects.filter(line=row)}
    computed = {_name(part.day, part.series): part for part in line.slices}
    yield from _missing(f"{where}: slice", stored.keys(), computed.keys())
    for key in sorted(stored.keys() & computed.keys()):
        wanted = {name: getattr(computed[key], name) for name in SLICE_FIELDS}
        yield from _compare_fields(f"{where}: slice {key}", stored[key], wanted)


def _name(day: date, series: int | None) -> str:
    return f"{day}" if series is None else f"{day} series {series}"


def _compare_invoice(invoice: Invoice, draft: InvoiceDraft) -> Iterator[str]:
    yield from _compare_fields("invoice", invoice, {"currency": draft.currency, **draft_totals(draft)})
    stored = {line.position: line for line in invoice.lines.all()}
    computed = {line.position: line for line in draft.lines}
    yield from _missing("invoice line", stored.keys(), computed.keys())
    for position in sorted(stored.keys() & computed.keys()):
        where = f"invoice line {position}"
        fields = line_values(computed[position])
        explanation = fields.pop("explanation")
        yield from _compare_fields(where, stored[position], fields)
        yield from _compare_json(f"{where}: explanation", stored[position].explanation, explanation)


def _compare_line_credits(period: BillingPeriod, draft: InvoiceDraft) -> Iterator[str]:
    """The promotional credits that net revenue is net of, slice by slice."""
    rows = dict(RatedLine.objects.filter(period=period).values_list("key", "pk"))
    promotional = {
        rows[line.key]: from_minor(line.promotional_minor, draft.currency) for line in draft.lines if line.key in rows
    }
    stored, computed = stored_line_credits(period=period), share_line_credits(credits=promotional)
    keys = {pk: key for key, pk in rows.items()}
    for place in sorted(stored.keys() | computed.keys(), key=str):
        if stored.get(place) != computed.get(place):
            line, series, day = place
            yield (
                f"line {keys[line]}: credit of {_name(day, series)} is stored as {stored.get(place)}, "
                f"computed as {computed.get(place)}"
            )


def _missing(what: str, stored: Any, computed: Any) -> Iterator[str]:
    for key in sorted(computed - stored, key=str):
        yield f"{what} {key}: not stored"
    for key in sorted(stored - computed, key=str):
        yield f"{what} {key}: stored, but not computed"


def _compare_fields(where: str, row: Any, wanted: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        found = getattr(row, name)
        if found != value:
            yield f"{where}: {name} is stored as {found}, computed as {value}"


def _compare_json(where: str, stored: dict[str, Any], computed: Any) -> Iterator[str]:
    """Byte for byte, keys in order: the database keeps a JSON object's keys in its own."""
    if json.dumps(stored, sort_keys=True) == json.dumps(computed, sort_keys=True):
        return
    for key in sorted(stored.keys() | computed.keys()):
        if stored.get(key) != computed.get(key):
            yield f"{where}: {key} is stored as {stored.get(key)!r}, computed as {computed.get(key)!r}"
