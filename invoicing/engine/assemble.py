"""Rated lines to invoice lines: what the customer reads, in whole minor units, and their sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from amberflow.lib.money import NumberError, plain, to_minor, use_money_context


class Billable(Protocol):
    """What a rated line needs to become an invoice line, stored or fresh from the engine.

    `group` is a mapping of dimension to value, or its pairs.
    """

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def group(self) -> Any: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def list_amount(self) -> Decimal: ...
    @property
    def discount_amount(self) -> Decimal: ...
    @property
    def adjustment_amount(self) -> Decimal: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def explanation(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A future invoice line; amounts are major units but for `amount_minor`. `key` is the rated line's."""

    key: str
    position: int
    description: str
    quantity: Decimal
    unit: str
    list_amount: Decimal
    discount_amount: Decimal
    adjustment_amount: Decimal
    amount_minor: int
    explanation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """The lines and their sum, in minor units of `currency`."""

    currency: str
    lines: tuple[LineDraft, ...]
    subtotal_minor: int
    total_minor: int


class AssemblyError(ValueError):
    """Rated lines that don't add up; the message names the line."""


@use_money_context()
def assemble(lines: Iterable[Billable], *, currency: str) -> InvoiceDraft:
    """The invoice of one period's rated lines, in their order.

    Raises AssemblyError when a line's parts don't make its amount, or its amount is no whole number of minor units.
    """
    drafts = tuple(_line(line, position, currency) for position, line in enumerate(lines, start=1))
    subtotal = sum(draft.amount_minor for draft in drafts)
    return InvoiceDraft(currency=currency, lines=drafts, subtotal_minor=subtotal, total_minor=subtotal)


def describe(name: str, group: Any, explanation: dict[str, Any]) -> str:
    """The text of a line: its price's name, and what it was grouped by, like `Input tokens (model: gpt-4o)`."""
    values = dict(group)
    # A JSON object doesn't keep its order in the database; the price's list of dimensions does.
    order = [name for name in explanation["price"].get("group_by", ()) if name in values]
    shown = ", ".join(f"{dimension}: {values[dimension] or '–'}" for dimension in order)
    return f"{name} ({shown})" if shown else name


def _line(line: Billable, position: int, currency: str) -> LineDraft:
    if line.amount != line.list_amount - line.discount_amount + line.adjustment_amount:
        raise AssemblyError(
            f"line {line.key!r}: {plain(line.list_amount)} - {plain(line.discount_amount)} + "
            f"{plain(line.adjustment_amount)} is not {plain(line.amount)}; rate the period again."
        )
    try:
        amount_minor = to_minor(line.amount, currency)
    except NumberError as error:
        raise AssemblyError(f"line {line.key!r}: {error}") from error
    return LineDraft(
        key=line.key,
        position=position,
        description=describe(line.name, line.group, line.explanation),
        quantity=line.quantity,
        unit=line.unit,
        list_amount=line.list_amount,
        discount_amount=line.discount_amount,
        adjustment_amount=line.adjustment_amount,
        amount_minor=amount_minor,
        explanation=line.explanation,
    )
