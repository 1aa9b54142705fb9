"""Rated lines to invoice lines: what the customer reads, in whole minor units, and their sum."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from amberflow.lib.money import NumberError, plain, to_minor, use_money_context
from invoicing.engine.credits import PROMOTIONAL, Application, Grant, apply_credits


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
    """A future invoice line; amounts are major units but for those in minor ones. `key` is the rated line's.

    `amount_minor` is before credits, `credit_minor` what they take off it; `promotional_minor` is the part of that
    which lowers net revenue. `credits` says which grant took how much, JSON-able.
    """

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
    credit_minor: int = 0
    promotional_minor: int = 0
    credits: tuple[dict[str, Any], ...] = ()

    @property
    def price_key(self) -> str:
        """The price that the line is of, or the term that it comes from."""
        return str(self.explanation.get("price_key") or self.key)

    @property
    def meter(self) -> str:
        """The meter's code; empty for a fixed fee."""
        return str((self.explanation.get("meter") or {}).get("code", ""))


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """The lines, their sum, the credits and what is left to pay, in minor units of `currency`.

    `credit_explanation` has a sentence on each grant that could have been used.
    """

    currency: str
    lines: tuple[LineDraft, ...]
    subtotal_minor: int
    total_minor: int
    credits_minor: int = 0
    credit_explanation: tuple[str, ...] = ()


class AssemblyError(ValueError):
    """Rated lines that don't add up; the message names the line."""


@use_money_context()
def assemble(
    lines: Iterable[Billable], *, currency: str, grants: Iterable[Grant] = (), last_day: date = date.max
) -> InvoiceDraft:
    """The invoice of one period's rated lines, in their order, less the grants in force on the period's last day.

    Raises AssemblyError when a line's parts don't make its amount, or its amount is no whole number of minor units.
    """
    drafts = tuple(_line(line, position, currency) for position, line in enumerate(lines, start=1))
    credited = apply_credits(drafts, grants, on=last_day, currency=currency)
    drafts = tuple(_less(draft, credited.of_line(draft.position)) for draft in drafts)
    subtotal = sum(draft.amount_minor for draft in drafts)
    credits_minor = sum(draft.credit_minor for draft in drafts)
    return InvoiceDraft(
        currency=currency,
        lines=drafts,
        subtotal_minor=subtotal,
        total_minor=subtotal - credits_minor,
        credits_minor=credits_minor,
        credit_explanation=credited.explanation,
    )


def describe(name: str, group: Any, explanation: dict[str, Any]) -> str:
    """The text of a line: its price's name, the days if it is for a part of the period only, and what it was grouped
    by, like `Input tokens, 1 to 14 November 2026 (model: gpt-4o)`."""
    values = dict(group)
    # A JSON object doesn't keep its order in the database; the price's list of dimensions does.
    order = [name for name in explanation["price"].get("group_by", ()) if name in values]
    shown = ", ".join(f"{dimension}: {values[dimension] or '–'}" for dimension in order)
    text = name + _part_of_period(explanation)
    return f"{text} ({shown})" if shown else text


def _part_of_period(explanation: dict[str, Any]) -> str:
    """The days of a price that begins, changes or ends inside the period; nothing for the whole period."""
    days = explanation.get("days")
    if days is None or days.items() <= explanation["period"].items():
        return ""
    first, last = date.fromisoformat(days["start"]), date.fromisoformat(days["end"]) - timedelta(days=1)
    if first == last:
        return f", {first:%-d %B %Y}"
    same_month = (first.year, first.month) == (last.year, last.month)
    return f", {first:{'%-d' if same_month else '%-d %B %Y'}} to {last:%-d %B %Y}"


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


def _less(line: LineDraft, applied: tuple[Application, ...]) -> LineDraft:
    if not applied:
        return line
    return replace(
        line,
        credit_minor=sum(one.amount_minor for one in applied),
        promotional_minor=sum(one.amount_minor for one in applied if one.kind == PROMOTIONAL),
        credits=tuple(
            {
                "grant": one.grant,
                "name": one.name,
                "kind": one.kind,
                "amount_minor": one.amount_minor,
                "text": one.text,
            }
            for one in applied
        ),
    )
