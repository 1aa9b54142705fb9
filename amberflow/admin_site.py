"""The admin site: unfold's, with the project's own pages beside the model pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

THIRD_PARTY_APPS = ("auth", "django_q", "djstripe")


class AmberflowAdminSite(UnfoldAdminSite):
    """The back office."""

    index_title = "Dashboard"

    def extra_urls(self) -> list[URLPattern]:
        """The pages that belong to no single model; asked for when the addresses are built, with all apps ready."""
        from invoicing.admin.attention import attention_page
        from invoicing.admin.credit_report import credit_report_csv, credit_report_page
        from invoicing.admin.margin import margin_csv, margin_page
        from invoicing.admin.preview import preview_page
        from metering.admin.cost_book import uncosted_models_page
        from metering.admin.live import live_feed, live_page
        from metering.admin.storage import storage_page
        from rating.admin.customer_timezone import change_timezone_page
        from rating.admin.dimensions import change_dimensions_page

        return [
            path("live/", self.admin_view(live_page), name="live"),
            path("live/feed", self.admin_view(live_feed), name="live_feed"),
            path("margin/", self.admin_view(margin_page), name="margin"),
            path("margin/margin.csv", self.admin_view(margin_csv), name="margin_csv"),
            path("credit-report/", self.admin_view(credit_report_page), name="credit_report"),
            path("credit-report/credits.csv", self.admin_view(credit_report_csv), name="credit_report_csv"),
            path("needs-attention/", self.admin_view(attention_page), name="needs_attention"),
            path("preview/<int:subscription_id>/", self.admin_view(preview_page), name="invoice_preview"),
            path(
                "customers/customer/<int:customer_id>/timezone/",
                self.admin_view(change_timezone_page),
                name="change_timezone",
            ),
            path(
                "metering/eventtype/<int:event_type_id>/dimensions/",
                self.admin_view(change_dimensions_page),
                name="change_dimensions",
            ),
            path("storage/", self.admin_view(storage_page), name="storage"),
            path("uncosted-models/", self.admin_view(uncosted_models_page), name="uncosted_models"),
        ]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The side bar; an item's `count` callable becomes its badge when it is above zero."""
        groups = super().get_sidebar_list(request)
        for item in (item for group in groups for item in group["items"]):
            count = item["count"](request) if "count" in item else 0
            if count:
                item["badge"] = count
        return groups


def dress_third_party_admins() -> None:
    """Register the admin classes of other packages again on top of unfold's, so that they look and work alike."""
    from amberflow.admin_base import ThirdPartyAdmin

    for model, model_admin in list(admin.site._registry.items()):
        if model._meta.app_label in THIRD_PARTY_APPS:
            admin.site.unregister(model)
            base = type(model_admin)
            admin.site.register(model, type(base.__name__, (base, ThirdPartyAdmin), {}))
