"""The margin page: what was earned, what it cost, what is left; by anything, tied to the invoices and to the usage."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from amberflow.admin_base import list_url, render_page
from amberflow.formats import NONE, money_text
from amberflow.lib.money import plain, use_money_context
from customers.models import Customer
from invoicing.queries import tie_credits, tie_invoices
from invoicing.ranges import RANGES, DayRange, add_months, read_days
from metering.reports import total_usage_cost
from rating.models import RatedLine
from rating.queries import (
    CUSTOMER,
    FIXED_FEE,
    LINE,
    MONTH,
    MarginRow,
    Scope,
    find_ties,
    known_dimensions,
    margin_rows,
    margin_totals,
)
from rating.reports import first_billed_day

DEFAULT_GROUPING = "model,feature"
TREND_MONTHS = 12
# What a spreadsheet would take for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address asks for."""

    days: DayRange
    customer: Customer | None
    by: tuple[str, ...]
    currency: str

    @property
    def parameters(self) -> dict[str, str]:
        """The address's parameters, all of them."""
        customer = {"customer": str(self.customer.pk)} if self.customer else {}
        return {**self.days.parameters, **customer, "by": ",".join(self.by), "currency": self.currency}


def scope_of(days: DayRange, customer: Customer | None) -> Scope:
    """The days as the margin reads them, without the revenue of void invoices."""
    return Scope(days.start, days.end, None if customer is None else customer.pk)


def margin_page(request: HttpRequest) -> HttpResponse:
    """The page. Range, customer, grouping and currency are in its address."""
    _check_permission(request)
    choice, totals = _read_choice(request)
    scope = scope_of(choice.days, choice.customer)
    rows = [row for row in margin_rows(scope=scope, by=choice.by) if row.currency == choice.currency]
    previous = total_before(choice.days, choice.customer, choice.currency)
    total = totals.get(choice.currency)
    names = _names(rows, choice.by)
    return render_page(
        request,
        "admin/invoicing/margin/page.html",
        title="Margin",
        choice=choice,
        ranges=[(code, name) for code, name in RANGES.items()],
        currencies=sorted(totals) if len(totals) > 1 else [],
        groupings=_groupings(),
        customers=Customer.objects.order_by("name").only("name"),
        total=total,
        cards=cards(total, previous, choice.currency),
        trend=trend_chart(choice.customer, choice.currency, until=choice.days.end),
        headings=[heading(name) for name in choice.by],
        rows=[
            {"row": row, "cells": names(row.values), "url": _row_url(row, choice), "loss": row.margin < 0}
            for row in rows
        ],
        ties=[
            *find_ties(scope=scope, currency=choice.currency),
            tie_invoices(scope=scope, currency=choice.currency),
            tie_credits(scope=scope, currency=choice.currency),
        ],
        uncosted=total_usage_cost(start=scope.start, end=scope.end, customer_id=scope.customer_id).uncosted_events,
        csv_url=f"{reverse('admin:margin_csv')}?{urlencode(choice.parameters)}",
        last_day=choice.days.end - timedelta(days=1),
        previous_last_day=choice.days.previous_end - timedelta(days=1),
    )


def margin_csv(request: HttpRequest) -> HttpResponse:
    """The table as CSV: all digits, no thousands separators, formulas made harmless."""
    _check_permission(request)
    choice, _ = _read_choice(request)
    rows = [
        row
        for row in margin_rows(scope=scope_of(choice.days, choice.customer), by=choice.by)
        if row.currency == choice.currency
    ]
    names = _names(rows, choice.by)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="margin-{choice.days.start}-{choice.days.end}.csv"'
    writer = csv.writer(response)
    amounts = [
        "list_amount",
        "discount",
        "adjustment",
        "promotional_credits",
        "net_revenue",
        "cost",
        "margin",
        "margin_percent",
    ]
    writer.writerow([*choice.by, "currency", *amounts])
    for row in rows:
        taken = (row.discount, row.adjustment, row.credits)
        figures = (row.list_amount, *taken, row.net, row.cost, row.margin, row.percent)
        writer.writerow(
            [
                *(harmless(cell) for cell in names(row.values)),
                row.currency,
                *("" if figure is None else plain(figure) for figure in figures),
            ]
        )
    return response


def harmless(text: str) -> str:
    """Text that a spreadsheet shows instead of running it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def heading(name: str) -> str:
    """A grouping's name for people."""
    return {LINE: "Invoice line", MONTH: "Month"}.get(name, name.replace("_", " ").capitalize())


def cards(total: MarginRow | None, previous: MarginRow | None, currency: str) -> list[dict[str, Any]]:
    """The four figures, each with its change against the range before."""

    def change(name: str) -> str:
        now, then = getattr(total, name, None), getattr(previous, name, None)
        return _change(now, then, name == "percent")

    return [
        {"title": "Net revenue", "amount": getattr(total, "net", None), "currency": currency, "change": change("net")},
        {"title": "Cost", "amount": getattr(total, "cost", None), "currency": currency, "change": change("cost")},
        {"title": "Margin", "amount": getattr(total, "margin", None), "currency": currency, "change": change("margin")},
        {"title": "Margin %", "percent": getattr(total, "percent", None), "change": change("percent")},
    ]


@use_money_context()
def _change(now: Any, then: Any, in_points: bool) -> str:
    if now is None or then is None or (not in_points and then <= 0):
        return "no comparable data"
    if in_points:
        return f"{now - then:+.1f} points"
    return f"{(now - then) * 100 / then:+.1f} %"


def trend_chart(customer: Customer | None, currency: str, *, until: date) -> dict[str, Any]:
    """Net revenue, cost and margin of the months up to a day, as the chart draws them."""
    last = (until - timedelta(days=1)).replace(day=1)
    months = [add_months(last, n - TREND_MONTHS + 1) for n in range(TREND_MONTHS)]
    days = DayRange("", "", months[0], until, months[0], months[0])
    found = {
        row.values[0]: row
        for row in margin_rows(scope=scope_of(days, customer), by=[MONTH])
        if row.currency == currency
    }
    series = [
        ("Net revenue", "revenue", "net", False),
        ("Cost", "cost", "cost", False),
        ("Margin", "margin", "margin", True),
    ]
    figures = {
        attribute: [getattr(found.get(month), attribute, None) for month in months] for _, _, attribute, _ in series
    }
    return {
        "labels": [f"{month:%b %Y}" for month in months],
        "unit": currency,
        "series": [
            {
                "label": label,
                "color": color,
                "line": line,
                # The chart library draws floats; the texts beside them are exact.
                "values": [None if amount is None else float(amount) for amount in figures[attribute]],
                "texts": [money_text(amount, currency) for amount in figures[attribute]],
            }
            for label, color, attribute, line in series
        ],
    }


def _check_permission(request: HttpRequest) -> None:
    if not request.user.has_perm("invoicing.view_cost"):
        raise PermissionDenied


def _read_choice(request: HttpRequest) -> tuple[Choice, dict[str, MarginRow]]:
    today = timezone.now().date()
    days = read_days(request.GET, today=today)
    customer = None
    if request.GET.get("customer", "").isdigit():
        customer = Customer.objects.filter(pk=request.GET["customer"]).first()
    known = {*known_dimensions(), CUSTOMER, LINE, MONTH}
    asked = request.GET.get("by", DEFAULT_GROUPING).split(",")
    by = tuple(dict.fromkeys(name for name in asked if name in known)) or (CUSTOMER,)
    totals = margin_totals(scope=scope_of(days, customer))
    currency = request.GET.get("currency", "")
    if currency not in totals:
        currency = main_currency(totals)
    return Choice(days, customer, by, currency), totals


def main_currency(totals: dict[str, MarginRow]) -> str:
    """The cost book's, since amounts of several currencies can't be compared; without any in it, the first."""
    return settings.COST_CURRENCY if settings.COST_CURRENCY in totals or not totals else min(totals)


def total_before(days: DayRange, customer: Customer | None, currency: str) -> MarginRow | None:
    """The figures to compare a range's with; None when billing began later, so that they would say nothing."""
    first = first_billed_day(customer_id=None if customer is None else customer.pk)
    if first is None or first > days.previous_start:
        return None
    before = replace(days, start=days.previous_start, end=days.previous_end)
    return margin_totals(scope=scope_of(before, customer)).get(currency)


def _groupings() -> list[tuple[str, str]]:
    dimensions = known_dimensions()
    pairs = [pair for pair in ("model,feature", "customer,model") if {*pair.split(",")} <= {*dimensions, CUSTOMER}]
    codes = [*pairs, CUSTOMER, *dimensions, LINE, MONTH]
    return [(code, " × ".join(heading(name) for name in code.split(","))) for code in codes]


def _names(rows: Sequence[MarginRow], by: Sequence[str]) -> Any:
    """A function from a row's values to what people read."""
    customers: dict[int, str] = {}
    if CUSTOMER in by:
        customers = dict(Customer.objects.values_list("pk", "name"))

    def cells(values: Sequence[Any]) -> list[str]:
        return list(_cells(values))

    def _cells(values: Sequence[Any]) -> Iterator[str]:
        for n, (name, value) in enumerate(zip(by, values, strict=True)):
            if value is FIXED_FEE:
                yield NONE if FIXED_FEE in values[:n] else "Fixed fees"
            elif name == CUSTOMER:
                yield customers[value]
            elif name == MONTH:
                yield f"{value:%B %Y}"
            else:
                yield str(value) or "(not reported)"

    return cells


def _row_url(row: MarginRow, choice: Choice) -> str:
    """The rated lines behind a row, or the customer."""
    if choice.by == (CUSTOMER,):
        return reverse("admin:customers_customer_change", args=[row.values[0]])
    filters: dict[str, object] = {
        "period__start_date_from": _first_start(choice.days),
        "period__start_date_to": choice.days.end - timedelta(days=1),
    }
    usage = {}
    for name, value in zip(choice.by, row.values, strict=True):
        if name == CUSTOMER:
            filters["period__subscription__customer__id__exact"] = value
        elif name == LINE:
            filters["q"] = value
        elif name != MONTH and value not in (FIXED_FEE, ""):
            usage[name] = value
    if choice.customer is not None:
        filters["period__subscription__customer__id__exact"] = choice.customer.pk
    if usage:
        filters["usage"] = json.dumps(usage)
    return list_url(RatedLine, **filters)


def _first_start(days: DayRange) -> date:
    # A period that began up to a month before may reach into the range.
    return days.start - timedelta(days=31) if days.start.day != 1 else days.start
