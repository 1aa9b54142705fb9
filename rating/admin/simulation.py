from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import DateInput, Panel, ReadOnlyAdmin, add_panel, change_url, display, render_page
from amberflow.formats import days_text
from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.admin.document_editor import DiscountDocumentField, PriceDocumentField
from pricing.describe import describe, describe_discount
from pricing.models import Plan, PlanVersion
from rating.engine.margin import margin
from rating.engine.simulate import Amounts
from rating.models import Simulation
from rating.services.simulation import start_simulation, totals

LABELS = {"Waiting": "info", "Running": "info", "Done": "success", "Failed": "danger"}


class SimulationForm(forms.Form):
    name = forms.CharField(max_length=200, required=False, help_text="To find it again.")
    start = forms.DateField(widget=DateInput(), help_text="Billing periods that begin on this day or later.")
    end = forms.DateField(widget=DateInput(), help_text="The first day that no longer counts.")
    customers = forms.ModelMultipleChoiceField(
        Customer.objects.all(), required=False, help_text="None chosen: all of them."
    )
    plan = forms.ModelChoiceField(Plan.objects.all(), required=False, help_text="Only customers on this plan.")
    plan_version = forms.ModelChoiceField(
        PlanVersion.objects.select_related("plan"), required=False, help_text="Its prices instead of their plan's."
    )
    override_key = forms.CharField(max_length=64, required=False, help_text="Key of the price to replace, or to add.")
    override = PriceDocumentField(required=False, help_text="What it would cost.")
    discount = DiscountDocumentField(required=False, help_text="What would be taken off.")

    def request_document(self) -> dict[str, Any]:
        """The question as the service reads it."""
        values = self.cleaned_data
        document: dict[str, Any] = {"start": str(values["start"]), "end": str(values["end"])}
        if values["customers"]:
            document["customers"] = [customer.external_id for customer in values["customers"]]
        if values["plan"]:
            document["plan"] = values["plan"].code
        if values["plan_version"]:
            version = values["plan_version"]
            document["plan_version"] = {"plan": version.plan.code, "number": version.number}
        if values["override"] is not None:
            document["overrides"] = [{"key": values["override_key"], "price": values["override"]}]
        if values["discount"] is not None:
            document["discounts"] = [values["discount"]]
        return document


_WINDOW = {"starts": "from", "ends": "before"}
FORM_FIELDS = {"overrides[0].key": "override_key", "overrides": "override", "discounts": "discount"}


@admin.register(Simulation)
class SimulationAdmin(ReadOnlyAdmin):
    purpose = "What customers would have paid under other terms. Start one: nothing that bills is ever changed by it."
    list_display = ["name", "shown_status", "progress", "created_by", "created_at"]
    list_filter = [("status", ChoicesDropdownFilter)]
    list_select_related = ["created_by"]
    search_fields = ["name__icontains"]
    fields = ["created_at", "created_by", "finished_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rating.add_simulation"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the terms, then begin."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SimulationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                simulation = start_simulation(
                    request=form.request_document(),
                    name=form.cleaned_data["name"],
                    user=request.user,  # type: ignore[arg-type]
                )
            except DomainError as error:
                field = next((name for path, name in FORM_FIELDS.items() if error.field.startswith(path)), error.field)
                form.add_error(field if field in form.fields else None, error.message)
            else:
                return redirect(change_url(simulation))
        return render_page(
            request,
            "admin/rating/simulation/start.html",
            title="Simulate other terms",
            form=form,
        )

    @display(description="Status", ordering="status", label=LABELS)
    def shown_status(self, simulation: Simulation) -> str:
        return simulation.get_status_display()

    @display(description="Customers")
    def progress(self, simulation: Simulation) -> str:
        return f"{simulation.done} of {simulation.total}"


def _results_panel(request: HttpRequest, simulation: Simulation) -> Panel:
    return Panel(
        "admin/rating/simulation/results.html",
        {
            "simulation": simulation,
            "asked": list(_asked(simulation.request)),
            "totals": [_total(simulation.results, *pair) for pair in totals(simulation.results).items()],
            "results": [_row(result) for result in simulation.results],
        },
    )


def _asked(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The question in words: what was chosen, and what was changed."""
    start, end = date.fromisoformat(request["start"]), date.fromisoformat(request["end"])
    yield "Periods that begin", days_text(start, end)
    if request.get("customers"):
        chosen = Customer.objects.filter(external_id__in=request["customers"]).order_by("name")
        yield "Customers", ", ".join(map(str, chosen))
    if request.get("plan"):
        yield "Customers on", str(Plan.objects.filter(code=request["plan"]).first() or request["plan"])
    if request.get("plan_version"):
        version = request["plan_version"]
        plan = Plan.objects.filter(code=version["plan"]).first() or version["plan"]
        yield "With the prices of", f"{plan} v{version['number']}"
    for override in request.get("overrides") or ():
        yield f"Price {override['key']}", ", ".join(describe(override["price"]))
    for discount in request.get("discounts") or ():
        yield "Less", f"{describe_discount(discount)}{_scope(discount)}"


def _scope(discount: Mapping[str, Any]) -> str:
    """What a discount is for, where it isn't for everything."""
    found = [f" of {', '.join(discount[field])}" for field in ("prices", "meters") if discount.get(field) is not None]
    found += [f", {name} {', '.join(values)}" for name, values in (discount.get("filter") or {}).items()]
    found += [f", {word} {discount[name]}" for name, word in _WINDOW.items() if discount.get(name)]
    return "".join(found)


def _total(results: list[dict[str, Any]], currency: str, both: tuple[Amounts, Amounts]) -> dict[str, Any]:
    before, after = both
    difference = after.amount - before.amount
    return {
        "currency": currency,
        "customers": sum(result["currency"] == currency for result in results),
        "before": before,
        "after": after,
        "difference": difference,
        "percent": difference * 100 / before.amount if before.amount else None,
        "margin_difference": after.margin - before.margin,
        "margin_percent_before": margin(before.amount, before.cost)[1],
        "margin_percent_after": margin(after.amount, after.cost)[1],
    }


def _row(result: dict[str, Any]) -> dict[str, Any]:
    before, after = Amounts.from_json(result["before"]), Amounts.from_json(result["after"])
    periods = [
        {
            **period,
            "days": _days(period),
            "lines": [_line(line) for line in period["lines"]],
            "shown_currency": period["currency"],
        }
        for period in result["periods"]
    ]
    return {
        "name": result["name"],
        "currency": result["currency"],
        "before": before,
        "after": after,
        "difference": after.amount - before.amount,
        "margin_difference": after.margin - before.margin,
        "unpriced": sum(period["unpriced_after"] > period["unpriced_before"] for period in periods),
        "periods": periods,
        "problems": result["problems"],
    }


def _days(period: Mapping[str, Any]) -> str:
    if "start" not in period:  # computed by an earlier version
        return str(period["period"])
    return days_text(date.fromisoformat(period["start"]), date.fromisoformat(period["end"]))


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": line["name"],
        "group": ", ".join(value or "–" for value in line["group"].values()),
        "before": Decimal(line["before"]["amount"]),
        "after": Decimal(line["after"]["amount"]),
        "difference": Decimal(line["difference"]),
    }


add_panel(Simulation, _results_panel)
