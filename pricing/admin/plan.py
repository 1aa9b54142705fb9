from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

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
    list_url,
    quantity,
)
from pricing.models import Plan, PlanVersion
from pricing.services.plans import create_plan, create_version


class PlanForm(forms.ModelForm):
    currency = forms.CharField(max_length=3, initial="USD", help_text="ISO code, like USD or EUR.", required=False)

    class Meta:
        model = Plan
        fields = ["code", "name", "description", "is_default"]

    def clean_currency(self) -> str:
        return self.cleaned_data["currency"].upper() or "USD"


class NewVersionForm(forms.Form):
    note = forms.CharField(max_length=200, required=False, help_text="What is new in this version.")


@admin.register(Plan)
class PlanAdmin(BaseAdmin):
    purpose = "What you offer. A plan's prices are in its versions; add a plan to begin with version 1."
    form = PlanForm
    list_display = ["name", "code", "version_count", "subscription_count", "created_at"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"
    actions_detail = ["new_version"]

    def get_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        return ["code", "name", "description", *(["is_default"] if obj else ["currency"])]

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        return ["code"] if obj else []

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .annotate(
                versions_known=Count("versions", distinct=True),
                used_by=Count("versions__subscriptions", distinct=True),
            )
        )

    def save_model(self, request: HttpRequest, obj: Plan, form: PlanForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        version = create_plan(
            code=obj.code, name=obj.name, description=obj.description, currency=form.cleaned_data["currency"]
        )
        obj.pk = version.plan_id
        obj._state.adding = False

    def response_add(self, request: HttpRequest, obj: Plan, post_url_continue: str | None = None) -> HttpResponse:
        """On to the first version: that is where the prices go."""
        super().response_add(request, obj, post_url_continue)
        return redirect(change_url(obj.versions.get()))

    @display(description="Versions", ordering="versions_known")
    def version_count(self, plan: Any) -> str:
        return list_link(PlanVersion, quantity(plan.versions_known), plan__id__exact=plan.pk)

    @display(description="Subscriptions", ordering="used_by")
    def subscription_count(self, plan: Any) -> str:
        return list_link("pricing_subscription", quantity(plan.used_by), plan_version__plan__id__exact=plan.pk)

    @action(description="New version", icon="add", permissions=["new_version"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        plan = Plan.objects.get(pk=object_id)
        return start_version(request, plan, back=change_url(plan))

    def has_new_version_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.add_planversion")


def start_version(request: HttpRequest, plan: Plan, *, back: str) -> HttpResponse:
    """Ask, then make a draft version with copies of the newest version's prices."""

    def run(values: Any) -> str:
        version = create_version(plan_id=plan.pk, note=values["note"])
        return f"{version} is a draft with the prices of the version before: change them, then publish it."

    return confirm(
        request,
        title=f"New version of {plan.name}",
        text="The new draft begins with copies of the newest version's prices. Subscriptions stay on their version.",
        button="Make the draft",
        items=[Item(plan.name, run=run)],
        back=list_url(PlanVersion, plan__id__exact=plan.pk) if request.method == "POST" else back,
        form_class=NewVersionForm,
    )


def _versions_panel(request: HttpRequest, plan: Plan) -> Panel:
    versions = plan.versions.annotate(used_by=Count("subscriptions")).order_by("-number")
    return Panel("admin/pricing/plan/versions.html", {"versions": versions})


add_panel(Plan, _versions_panel)
