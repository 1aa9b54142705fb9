"""The admin's look and its side bar. Imported by the settings, so it names everything by strings."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _item(title: str, icon: str, url: str, permission: str = "", **more: Any) -> dict[str, Any]:
    """One line of the side bar, shown to those who have the permission."""
    item = {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{url}"), **more}
    if permission:
        item["permission"] = lambda request: request.user.has_perm(permission)
    return item


def _model(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return _item(title, icon, f"{app}_{model}_changelist", f"{app}.view_{model}")


def _attention_count(request: HttpRequest) -> int:
    from invoicing.admin.attention import badge_count

    return badge_count(request)


_NAVIGATION = [
    {
        "items": [
            _item("Dashboard", "dashboard", "index"),
            _item(
                "Needs attention",
                "notification_important",
                "needs_attention",
                "invoicing.view_invoice",
                count=_attention_count,
            ),
            _item("Margin", "percent", "margin", "invoicing.view_cost"),
        ],
    },
    {
        "title": "Customers",
        "separator": True,
        "items": [
            _model("Customers", "apartment", "customers", "customer"),
            _model("Subscriptions", "sync", "pricing", "subscription"),
            _model("API keys", "key", "customers", "apikey"),
        ],
    },
    {
        "title": "Billing",
        "separator": True,
        "items": [
            _model("Invoices", "receipt_long", "invoicing", "invoice"),
            _model("Credits", "redeem", "invoicing", "creditgrant"),
            _item("Credit report", "account_balance_wallet", "credit_report", "invoicing.view_creditgrant"),
            _model("Billing periods", "date_range", "rating", "billingperiod"),
            _model("Rated lines", "format_list_numbered", "rating", "ratedline"),
        ],
    },
    {
        "title": "Usage",
        "separator": True,
        "items": [
            _item("Live", "stream", "live", "metering.view_event"),
            _model("Events", "bolt", "metering", "event"),
            _model("Corrections", "published_with_changes", "metering", "correctionrun"),
            _item("Rejected events", "error", "rejected_groups", "metering.view_rejectedevent"),
            _model("API requests", "swap_vert", "metering", "apirequest"),
            _model("Meters", "speed", "metering", "meter"),
            _model("Event types", "category", "metering", "eventtype"),
            _model("Imports", "upload_file", "metering", "usageimport"),
            _model("Ingestion policy", "rule", "metering", "ingestionpolicy"),
        ],
    },
    {
        "title": "Pricing",
        "separator": True,
        "items": [
            _model("Plans", "sell", "pricing", "plan"),
            _model("Plan versions", "layers", "pricing", "planversion"),
            _model("Add-ons", "add_shopping_cart", "pricing", "addon"),
            _model("Negotiated prices", "handshake", "pricing", "subscriptionprice"),
            _model("Commitments", "flag", "pricing", "commitment"),
            _model("Discounts", "money_off", "pricing", "discount"),
            _model("Promotions", "campaign", "pricing", "promotion"),
            _model("Simulations", "science", "rating", "simulation"),
        ],
    },
    {
        "title": "Costs",
        "separator": True,
        "items": [
            _model("Cost models and rates", "menu_book", "metering", "costmodel"),
            _model("Model aliases", "alternate_email", "metering", "modelalias"),
            _item("Uncosted models", "help", "uncosted_models", "metering.view_costmodel"),
            _model("Exchange rates", "currency_exchange", "rating", "exchangerate"),
        ],
    },
    {
        "title": "System",
        "separator": True,
        "collapsible": True,
        "items": [
            _model("Failed tasks", "running_with_errors", "django_q", "failure"),
            _model("Finished tasks", "task_alt", "django_q", "success"),
            _model("Queued tasks", "pending_actions", "django_q", "ormq"),
            _model("Schedules", "schedule", "django_q", "schedule"),
            _item("Storage", "database", "storage", "metering.view_eventmonth"),
            _model("Users", "person", "auth", "user"),
            _model("Groups", "group", "auth", "group"),
        ],
    },
    {
        "title": "Stripe mirror",
        "separator": True,
        "collapsible": True,
        "items": [
            _model("Customers", "person_pin", "djstripe", "customer"),
            _model("Invoices", "description", "djstripe", "invoice"),
            _model("Events", "webhook", "djstripe", "event"),
            _model("Webhook endpoints", "link", "djstripe", "webhookendpoint"),
            _model("Webhook calls", "call_received", "djstripe", "webhookeventtrigger"),
            _model("API keys", "vpn_key", "djstripe", "apikey"),
        ],
    },
]

_AMBER = {
    "50": "#fffaeb",
    "100": "#fef0c7",
    "200": "#fedf89",
    "300": "#fec84b",
    "400": "#fdb022",
    "500": "#dc8a0b",
    "600": "#b45f06",
    "700": "#93480a",
    "800": "#7a3c0d",
    "900": "#66320f",
    "950": "#3a1a05",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "amberflow",
    "SITE_HEADER": "amberflow",
    "SITE_SUBHEADER": "Usage in, invoices out",
    "SITE_SYMBOL": "speed",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("amberflow/favicon.svg")}
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": _AMBER},
    "STYLES": [lambda request: static("amberflow/admin.css")],
    "SCRIPTS": [lambda request: static("amberflow/charts.js")],
    "DASHBOARD_CALLBACK": "amberflow.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": _NAVIGATION,
    },
}
