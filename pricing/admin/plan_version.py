from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import (
    BaseAdmin,
    Item,
    Panel,
    action,
    add_panel,
    change_url,
    confirm,
    display,
    list_link,
    object_link,
    quantity,
)
from pricing.admin.plan import start_version
from pricing.admin.price import price_lines
from pricing.admin.version_diff import diff_words
from pricing.admin.version_files import export_file, import_page
from pricing.admin.version_pages import compare_page, previous_version, publishing_panel
from pricing.comparison import compare_versions
from pricing.models import PlanVersion, Price
from pricing.services.plans import find_problems, publish_version, retire_version
from pricing.version_warnings import find_warnings

SHOWN_LINES = 6
STATUS_LABELS = {"Draft": "warning", "Published": "success", "Retired": "info"}


@admin.register(PlanVersion)
class PlanVersionAdmin(BaseAdmin):
    purpose = "Sets of prices. A published version never changes; a change is a new version of the plan."
    list_display = [
        "version",
        "plan_link",
        "shown_status",
        "currency",
        "price_count",
        "used_by",
        "published_at",
        "note",
    ]
    list_display_links = ["version"]
    list_filter = [("status", ChoicesDropdownFilter), "plan", "currency"]
    list_select_related = ["plan"]
    search_fields = ["=plan__code", "plan__name__icontains"]
    search_help_text = "Plan's code (whole), or part of its name"
    fields = ["currency", "note"]
    actions_detail = [
        "publish",
        "retire",
        "new_version",
        "compare",
        {"title": "File", "icon": "description", "items": ["import_file", "export_yaml", "export_json"]},
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.compare_view)
        return [path("<int:version_id>/compare/", view, name="pricing_planversion_compare"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .annotate(
                prices_known=Count("prices", distinct=True), subscriptions_known=Count("subscriptions", distinct=True)
            )
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Versions are made from their plan, so that they get their number and the prices before."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        if obj is not None and obj.status != PlanVersion.Status.DRAFT:
            return False
        return super().has_change_permission(request, obj)

    @display(description="Version", ordering="number")
    def version(self, version: PlanVersion) -> str:
        return str(version)

    @display(description="Plan", ordering="plan__name")
    def plan_link(self, version: PlanVersion) -> str | None:
        return object_link(version.plan)

    @display(description="Status", ordering="status", label=STATUS_LABELS)
    def shown_status(self, version: PlanVersion) -> str:
        return version.get_status_display()

    @display(description="Prices", ordering="prices_known")
    def price_count(self, version: Any) -> str:
        return list_link(Price, quantity(version.prices_known), plan_version__id__exact=version.pk)

    @display(description="Subscriptions", ordering="subscriptions_known")
    def used_by(self, version: Any) -> str:
        return list_link(
            "pricing_subscription", quantity(version.subscriptions_known), plan_version__id__exact=version.pk
        )

    @action(description="Publish", icon="publish", permissions=["publish"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_queryset(request).get(pk=object_id)
        already = f"{version} is {version.get_status_display().lower()} already."
        problems = find_problems(version=version) if version.status == PlanVersion.Status.DRAFT else [already]

        def run(_values: Any) -> str:
            publish_version(version_id=version.pk)
            return f"{version} is published: customers can be put on it, and it never changes."

        return confirm(
            request,
            title=f"Publish {version}",
            text="The version can't be published as it is."
            if problems
            else "A published version can be subscribed to, and can't be changed any more.",
            button="Publish",
            items=[Item(str(version), note=f"{version.prices_known} prices", run=run)] if not problems else [],
            back=change_url(version),
            details=[publishing_panel(version, problems)],
        )

    @action(description="Retire", icon="archive", permissions=["retire"])
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_queryset(request).get(pk=object_id)

        def run(_values: Any) -> str:
            retire_version(version_id=version.pk)
            return f"{version} is retired."

        return confirm(
            request,
            title=f"Retire {version}",
            text="Nobody new can be put on a retired version; the subscriptions that have it keep it.",
            button="Retire",
            items=[Item(str(version), note=f"{version.subscriptions_known} subscriptions", run=run)],
            back=change_url(version),
        )

    @action(description="New version", icon="add", permissions=["new_version"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_queryset(request).get(pk=object_id)
        return start_version(request, version.plan, back=change_url(version))

    @action(description="Compare", icon="difference", permissions=["compare"])
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:pricing_planversion_compare", object_id)

    def compare_view(self, request: HttpRequest, version_id: int) -> HttpResponse:
        version = self.get_object(request, str(version_id))
        if version is None or not self.has_view_permission(request, version):
            raise PermissionDenied
        return compare_page(request, version)

    @action(description="Import", icon="upload_file", permissions=["import"])
    def import_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return import_page(request, self.get_queryset(request).get(pk=object_id))

    @action(description="Export YAML", icon="download", permissions=["compare"])
    def export_yaml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return export_file(request, self.get_queryset(request).get(pk=object_id), "yaml")

    @action(description="Export JSON", icon="download", permissions=["compare"])
    def export_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return export_file(request, self.get_queryset(request).get(pk=object_id), "json")

    def has_compare_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.view_planversion")

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Of prices and examples, as these are what an import replaces."""
        needed = [f"pricing.{verb}_{model}" for verb in ("add", "delete") for model in ("price", "planexample")]
        return (
            _may_change(request) and request.user.has_perms(needed) and _has_status(object_id, PlanVersion.Status.DRAFT)
        )

    def has_new_version_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.add_planversion")

    def has_publish_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may_change(request) and _has_status(object_id, PlanVersion.Status.DRAFT)

    def has_retire_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may_change(request) and _has_status(object_id, PlanVersion.Status.PUBLISHED)


def _may_change(request: HttpRequest) -> bool:
    return request.user.has_perm("pricing.change_planversion")


def _has_status(version_id: Any, status: str) -> bool:
    return version_id is None or PlanVersion.objects.filter(pk=version_id, status=status).exists()


def _version_panel(request: HttpRequest, version: PlanVersion) -> Panel:
    is_draft = version.status == PlanVersion.Status.DRAFT
    previous = previous_version(version)
    return Panel(
        "admin/pricing/planversion/version.html",
        {
            "version": version,
            "is_draft": is_draft,
            "problems": find_problems(version=version) if is_draft else [],
            "warnings": find_warnings(version=version) if is_draft else [],
            "previous": previous,
            "difference": diff_words(compare_versions(previous, version)) if previous else "",
            "prices": [
                _price_entry(row)
                for row in version.prices.select_related("meter", "plan_version").prefetch_related("tiers")
            ],
            "examples": version.examples.prefetch_related("usage", "lines"),
            "subscriptions": version.subscriptions.count(),
            "may_add": is_draft and request.user.has_perm("pricing.add_price"),
            "may_add_example": is_draft and request.user.has_perm("pricing.add_planexample"),
        },
    )


def _price_entry(row: Price) -> dict[str, Any]:
    lines = price_lines(row)
    shown = SHOWN_LINES if len(lines) > SHOWN_LINES + 1 else len(lines)
    return {"row": row, "first": lines[:shown], "rest": lines[shown:]}


add_panel(PlanVersion, _version_panel)
