from typing import Any

from django import forms
from django.contrib import admin
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import BaseAdmin, Panel, TabularInline, add_panel, change_url, display, object_link
from pricing.models import PlanVersion, Price, PriceTier


class TierFormSet(BaseInlineFormSet):
    """The tiers of a price: the last one is open-ended, and each begins where the one before ends."""

    def clean(self) -> None:
        super().clean()
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        tiered = self.instance.model in (Price.ChargeModel.GRADUATED, Price.ChargeModel.VOLUME)
        if kept and not tiered:
            raise forms.ValidationError(f"A {self.instance.get_model_display().lower()} price has no tiers.")
        if kept and sum(tier["up_to"] is None for tier in kept) != 1:
            raise forms.ValidationError("Leave “up to” empty in exactly one tier: the last one has no end.")


class PriceTierInline(TabularInline):
    model = PriceTier
    formset = TierFormSet
    fields = ["up_to", "unit_price", "flat_fee"]


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
    fieldsets = [
        (None, {"fields": ["plan_version", "name", "key", "sort_order"]}),
        ("What is charged", {"fields": ["model", "meter", "filter", "group_by"]}),
        ("Fixed fee or price per unit", {"fields": ["amount", "unit_price", "unit_scale", "unit_rounding"]}),
        ("Around it", {"fields": ["included_units", "minimum", "maximum", "flat_fee_at_zero"]}),
    ]

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


def _is_draft(price: Price) -> bool:
    return price.plan_version.status == PlanVersion.Status.DRAFT


def _price_panel(request: HttpRequest, price: Price) -> Panel:
    return Panel("admin/pricing/price/price.html", {"price": price, "is_draft": _is_draft(price)})


add_panel(Price, _price_panel)
