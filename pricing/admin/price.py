from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import BaseAdmin, Panel, TabularInline, add_panel, change_url, display, object_link
from amberflow.lib.exact_json import JsonError, loads
from amberflow.lib.money import plain
from metering.models import Meter
from pricing.admin.price_form import (
    COLUMNS,
    OWN_FIELDS,
    TIER_FIELDS,
    PriceForm,
    TierForm,
    TierFormSet,
    TypedPrice,
    currency_of,
    read_typed_price,
)
from pricing.admin.price_preview import preview_answer, shown_fields, usual_quantity
from pricing.documents import engine_price
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import DocumentError, parse_price
from pricing.engine.summary import summarize
from pricing.models import PlanVersion, Price, PriceTier


def _columns(*names: str) -> list[str]:
    """Those of the engine's fields that a row has."""
    return [name for name in names if name in COLUMNS]


class PriceTierInline(TabularInline):
    model = PriceTier
    form = TierForm
    formset = TierFormSet
    fields = ["starts", "up_to", *TIER_FIELDS]
    readonly_fields = ["starts"]
    hide_title = True

    @display(description="From")
    def starts(self, tier: PriceTier) -> str:
        """Filled in by the preview, which knows the order of the rows as they are typed."""
        return format_html('<span class="af-starts">{}</span>', "–")


@admin.register(Price)
class PriceAdmin(BaseAdmin):
    purpose = (
        "What one meter, or a fixed fee, is charged at in one plan version. Add prices from a draft version's page."
    )
    list_display = ["name", "key", "version_link", "model", "meter", "shown_filter"]
    list_filter = [("model", ChoicesDropdownFilter), "meter", "plan_version__plan"]
    list_select_related = ["plan_version__plan", "meter"]
    search_fields = ["=key", "name__icontains"]
    search_help_text = "Key (whole), or part of the name"
    inlines = [PriceTierInline]
    form = PriceForm
    change_form_after_template = "admin/pricing/price/editor.html"
    fieldsets = [
        (None, {"fields": ["plan_version", "name", "key", "sort_order"]}),
        ("What is charged", {"fields": _columns("model", "meter", "filter", "group_by", "tier_scope")}),
        ("Price", {"fields": [*OWN_FIELDS, *_columns("unit_scale")]}),
        ("Units", {"fields": _columns("unit_rounding", "included_units", "prorate_units")}),
        ("Bounds of the amount", {"fields": _columns("minimum", "maximum")}),
    ]

    class Media:
        js = ["amberflow/price_editor.js"]

    def get_urls(self) -> list[URLPattern]:
        own = path("preview/", self.admin_site.admin_view(self.preview_view), name="pricing_price_preview")
        return [own, *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The price's page with its preview."""
        price = self.get_object(request, object_id) if object_id else None
        context = {**(extra_context or {}), "preview": _preview_context(request, price)}
        return super().changeform_view(request, object_id, form_url, context)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What the typed, or stored, price comes to, as JSON for the editor's script."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        stored = self.get_object(request, request.POST.get("price", "")) if request.POST.get("price") else None
        if stored is not None:
            return JsonResponse(preview_answer(request, _stored(stored), _unit(stored.meter)))
        if "document" in request.POST:
            return JsonResponse(_document_answer(request))
        edited = self.get_object(request, request.POST.get("object", "")) if request.POST.get("object") else None
        typed = read_typed_price(request.POST, currency_of(edited, request.POST))
        chosen = request.POST.get("meter", "")
        meter = Meter.objects.filter(pk=chosen).first() if chosen.isdecimal() else None
        return JsonResponse(preview_answer(request, typed, _unit(meter)))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "plan_version":
            options["queryset"] = PlanVersion.objects.filter(status=PlanVersion.Status.DRAFT).select_related("plan")
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_fieldsets(self, request: HttpRequest, obj: Price | None = None) -> Any:
        """Of a price that can't change any more the panel above tells everything else."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return [(None, {"fields": ["key", "sort_order"]})]

    def get_inlines(self, request: HttpRequest, obj: Price | None) -> Any:
        return self.inlines if obj is None or self.has_change_permission(request, obj) else []

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> list[str]:
        return ["plan_version"] if obj is not None else []

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return obj is not None and _is_draft(obj) and request.user.has_perm("pricing.delete_price")

    def response_add(self, request: HttpRequest, obj: Price, post_url_continue: str | None = None) -> HttpResponse:
        """Back to the version, which says what is still missing."""
        response = super().response_add(request, obj, post_url_continue)
        goes_on = {"_continue", "_addanother", "_popup"} & request.POST.keys()
        return response if goes_on else redirect(change_url(obj.plan_version))

    @display(description="Plan version", ordering="plan_version__plan__name")
    def version_link(self, price: Price) -> str | None:
        return object_link(price.plan_version)

    @display(description="Only for")
    def shown_filter(self, price: Price) -> str:
        return "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in price.filter.items())


def _stored(price: Price) -> TypedPrice:
    try:
        return TypedPrice(engine_price(price), {}, ())
    except DocumentError as error:
        return TypedPrice(None, {"": str(error)}, ())


def _document_answer(request: HttpRequest) -> dict[str, Any]:
    """The same for a price document, like that of an own price; errors are by path in it."""
    try:
        price = parse_price(loads(request.POST["document"]))
    except JsonError as error:
        return preview_answer(request, TypedPrice(None, {"": str(error)}, ()), "unit")
    except DocumentError as error:
        return preview_answer(request, TypedPrice(None, {error.path: error.message}, ()), "unit")
    meter = Meter.objects.filter(code=price.meter).first() if price.meter else None
    return preview_answer(request, TypedPrice(price, {}, ()), _unit(meter))


def _unit(meter: Meter | None) -> str:
    return meter.unit if meter is not None else "unit"


def _preview_context(request: HttpRequest, price: Price | None) -> dict[str, Any]:
    found = _stored(price).price if price is not None else None
    quantity = usual_quantity(found) if found is not None else Decimal(1000)
    is_fixed = price is not None and not _is_draft(price)
    return {
        "url": reverse("admin:pricing_price_preview"),
        "fields": shown_fields(),
        # A price that can't change any more is asked for by its number, an edited one by what is typed.
        "price_id": price.pk if price is not None and is_fixed else "",
        "object_id": price.pk if price is not None else "",
        "model": price.model if price is not None else "",
        "unit": _unit(price.meter if price is not None else None),
        "quantity": plain(quantity),
    }


def _is_draft(price: Price) -> bool:
    return price.plan_version.status == PlanVersion.Status.DRAFT


def price_lines(price: Price) -> tuple[str, ...]:
    """The price in a few lines, or what is missing for a draft's price to be one."""
    typed = _stored(price)
    return (typed.errors[""],) if typed.price is None else summarize(typed.price, _unit(price.meter))


def _price_panel(request: HttpRequest, price: Price) -> Panel:
    context = {
        "price": price,
        "is_draft": _is_draft(price),
        "lines": price_lines(price),
        "has_tiers": bool(CHARGE_MODELS[price.model].tier_fields),
    }
    return Panel("admin/pricing/price/price.html", context)


add_panel(Price, _price_panel)
