from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from amberflow.admin_base import DateInput, ReadOnlyAdmin, TabularInline, display, list_url, quantity, render_page
from amberflow.formats import exact_text
from amberflow.lib.errors import DomainError
from metering.costbook.calculate import CHARGED_UNITS, DETAIL_UNITS
from metering.models import CostModel, CostRate, Event
from metering.models.event import CostState
from metering.queries import UncostedModel, uncosted_models
from metering.services.cost_rates import add_cost_rate
from metering.services.recost import recost_events


class CostRateInline(TabularInline):
    model = CostRate
    fields = readonly_fields = ["unit", "shown_price", "above_input_tokens", "effective_from", "known_since", "source"]
    can_delete = False
    hide_title = True
    ordering = ["unit", "above_input_tokens", "-effective_from"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Price")
    def shown_price(self, rate: CostRate) -> str:
        return f"{exact_text(rate.price, settings.COST_CURRENCY)} per {rate.per:,}"


@admin.register(CostModel)
class CostModelAdmin(ReadOnlyAdmin):
    purpose = "What providers charge per model. Fill the book with: manage.py import_cost_book"
    list_display = ["name", "provider", "rate_count", "latest_source"]
    list_filter = ["provider"]
    search_fields = ["name__icontains", "=provider"]
    search_help_text = "Part of the model's name, or the provider (whole)"
    fields = ["provider", "name", "created_at"]
    inlines = [CostRateInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(rates_known=Count("rates"), source_of_rates=Max("rates__source"))

    @display(description="Rates", ordering="rates_known")
    def rate_count(self, model: Any) -> str:
        return quantity(model.rates_known)

    @display(description="Source", ordering="source_of_rates")
    def latest_source(self, model: Any) -> str:
        return model.source_of_rates


def _price(label: str, help_text: str = "", *, required: bool = False) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, required=required, min_value=0, max_digits=38, decimal_places=18
    )


class AddRateForm(forms.Form):
    """Prices of one model, in the cost book's currency: per million tokens, and per thousand calls and searches."""

    provider = forms.CharField(
        max_length=64, required=False, help_text="As usage names it, like openai. Empty: for usage that names none."
    )
    model = forms.CharField(max_length=200, help_text="The name as usage carries it.")
    effective_from = forms.DateField(required=False, widget=DateInput(), help_text="Empty: since ever.")
    input_mtok = _price("Input", required=True)
    output_mtok = _price("Output", required=True)
    cache_read_mtok = _price("Cached input", "Empty: charged like other input.")
    cache_write_5m_mtok = _price("Written to the cache for 5 minutes", "Empty: like other input.")
    cache_write_1h_mtok = _price("Written to the cache for an hour", "Empty: like other input.")
    output_reasoning_mtok = _price("Reasoning", "Empty: like other output.")
    input_audio_mtok = _price("Audio input", "Empty: like other input.")
    input_image_mtok = _price("Image input", "Empty: like other input.")
    input_video_mtok = _price("Video input", "Empty: like other input.")
    cache_audio_read_mtok = _price("Cached audio", "Empty: like other cached input.")
    cache_image_read_mtok = _price("Cached images", "Empty: like other cached input.")
    output_audio_mtok = _price("Audio output", "Empty: like other output.")
    output_image_mtok = _price("Image output", "Empty: like other output.")
    output_video_mtok = _price("Video output", "Empty: like other output.")
    output_citation_mtok = _price("Citations", "On top of input and output. Empty: nothing.")
    web_searches_kcount = _price("Per thousand web searches", "On top of the tokens. Empty: nothing.")
    requests_kcount = _price(
        "Per thousand calls", "On top of the tokens. Empty: the cost of a call without tokens is unknown."
    )

    def unit_prices(self) -> dict[str, Decimal]:
        """The prices that were filled in, by unit."""
        units = CHARGED_UNITS | DETAIL_UNITS
        return {unit: price for unit, price in self.cleaned_data.items() if unit in units and price is not None}


@staff_member_required(login_url="admin:login")
def uncosted_models_page(request: HttpRequest) -> HttpResponse:
    """Models that usage names and the cost book doesn't know, and the form that adds their rates."""
    if not request.user.has_perm("metering.view_costmodel"):
        raise PermissionDenied
    may_add = request.user.has_perm("metering.add_costrate")
    first = {"provider": request.GET.get("provider", ""), "model": request.GET.get("model", "")}
    form = AddRateForm(request.POST or None, initial=first)
    if request.method == "POST" and not may_add:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        try:
            recosted = _add_and_recost(form)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, f"The rate is in the book, and {recosted:,} calls have their cost now.")
            return redirect("admin:uncosted_models")
    return render_page(
        request,
        "admin/metering/costmodel/uncosted.html",
        title="Models without a cost rate",
        models=[
            {
                "row": row,
                "events": list_url(Event, cost_state__exact=CostState.NO_RATE.value, day=_days(row)),
                "rate": f"?{urlencode(_names(row, 'model'))}#add-rate",
                "alias": f"{reverse('admin:metering_modelalias_add')}?{urlencode(_names(row, 'pattern'))}",
            }
            for row in uncosted_models()
        ],
        form=form,
        may_add=may_add,
        may_alias=request.user.has_perm("metering.add_modelalias"),
        chosen=bool(first["model"] or request.method == "POST"),
        currency=settings.COST_CURRENCY,
        today=timezone.now().date(),
    )


def _add_and_recost(form: AddRateForm) -> int:
    values = form.cleaned_data
    add_cost_rate(
        provider=values["provider"],
        model=values["model"],
        unit_prices=form.unit_prices(),
        effective_from=values["effective_from"],
    )
    return recost_events()


def _names(row: UncostedModel, name_of_model: str) -> dict[str, str]:
    """The names of an uncosted model as a form is filled in with them."""
    return {"provider": row.provider, name_of_model: row.model}


def _days(row: UncostedModel) -> str:
    return f"{row.first_day}..{row.last_day}"
