from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import BaseAdmin, Panel, add_panel, display, list_link, quantity
from pricing.admin.discount import DOCUMENT_FIELDS, TERMS_FIELDSETS, TermsForm, value_text
from pricing.models import Discount, Promotion
from pricing.queries import redemption_report
from pricing.services.promotions import check_promotion


class PromotionForm(TermsForm):
    class Meta:
        model = Promotion
        fields = "__all__"  # a person decides about each of them
        field_classes = DOCUMENT_FIELDS

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip()

    def check(self, instance: Any) -> None:
        check_promotion(promotion=instance)
        self.cleaned_data["currency"] = instance.currency


@admin.register(Promotion)
class PromotionAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "Offers with a code. Redeem a code on a subscription's page; what it grants is a discount there."
    form = PromotionForm
    list_display = ["code", "name", "value", "state", "used", "left", "starts_at", "ends_at"]
    list_filter = [("kind", ChoicesDropdownFilter), "first_time_customers_only"]
    search_fields = ["code__icontains", "name__icontains"]
    search_help_text = "Part of the code or of the name"
    filter_horizontal = ["plans"]
    fieldsets = [
        (None, {"fields": ["code", "starts_at", "ends_at"]}),
        *TERMS_FIELDSETS,
        ("For how long the discount lasts", {"fields": ["duration", "periods", "discount_ends_on"]}),
        (
            "Who may redeem it",
            {"fields": ["max_redemptions", "max_redemptions_per_customer", "first_time_customers_only", "plans"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        return super().get_queryset(request).annotate(times=Count("redemptions"))

    @display(description="Off")
    def value(self, promotion: Promotion) -> str:
        return value_text(promotion)

    @display(description="State", label={"Open": "success", "Over": "info", "Used up": "info", "Not begun": "warning"})
    def state(self, promotion: Any) -> str:
        return state_of(promotion, promotion.times)

    @display(description="Redeemed", ordering="times")
    def used(self, promotion: Any) -> str:
        return list_link(Discount, quantity(promotion.times), redemption__promotion__id__exact=promotion.pk)

    @display(description="Left")
    def left(self, promotion: Any) -> str:
        limit = promotion.max_redemptions
        return "no limit" if limit is None else quantity(max(0, limit - promotion.times))


def state_of(promotion: Promotion, times: int) -> str:
    """Open, Used up, Over or Not begun, now."""
    now = timezone.now()
    if promotion.ends_at is not None and promotion.ends_at <= now:
        return "Over"
    if promotion.starts_at is not None and promotion.starts_at > now:
        return "Not begun"
    used_up = promotion.max_redemptions is not None and times >= promotion.max_redemptions
    return "Used up" if used_up else "Open"


def _report_panel(request: HttpRequest, promotion: Promotion) -> Panel:
    report = redemption_report(promotion=promotion)
    return Panel(
        "admin/pricing/promotion/report.html",
        {
            "promotion": promotion,
            "report": report,
            "value": value_text(promotion),
            "state": state_of(promotion, report.times),
        },
    )


add_panel(Promotion, _report_panel)
