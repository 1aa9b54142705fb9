from typing import Any

from django import forms
from django.contrib import admin
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminTextInputWidget

from amberflow.admin_base import BaseAdmin, TabularInline, change_url, display, money, object_link
from pricing.admin.dimension_fields import DimensionsField
from pricing.models import ExampleLine, ExampleUsage, PlanExample, PlanVersion

_PLACEHOLDER = {"placeholder": "model: gpt-4o, feature: chat"}


class UsageForm(forms.ModelForm):
    """What one meter counted for some dimension values."""

    dimensions = DimensionsField(required=False, widget=UnfoldAdminTextInputWidget(attrs=_PLACEHOLDER))


class LineForm(forms.ModelForm):
    """The amount that one line must have."""

    group = DimensionsField(required=False, widget=UnfoldAdminTextInputWidget(attrs=_PLACEHOLDER))


class OnceFormSet(BaseInlineFormSet):
    """Rows of which no two are about the same."""

    about: tuple[str, ...] = ()

    def kept(self) -> list[dict[str, Any]]:
        """The values of the rows that stay."""
        filled = [form for form in self.forms if form.is_valid() and form.cleaned_data]
        return [form.cleaned_data for form in filled if not form.cleaned_data.get("DELETE")]

    def validate_unique(self) -> None:
        """In `clean`, in words that say what is there twice."""

    def clean(self) -> None:
        super().clean()
        seen: list[list[Any]] = []
        for row in self.kept():
            key = [row.get(name) for name in self.about]
            if key in seen:
                raise forms.ValidationError(f"{key[0]} is there twice for the same values: put the rows together.")
            seen.append(key)


class UsageFormSet(OnceFormSet):
    about = ("meter", "dimensions")


class LineFormSet(OnceFormSet):
    """The expected lines; there is at least one of them if no total is expected."""

    about = ("price_key", "group")

    def clean(self) -> None:
        super().clean()
        if not self.kept() and self.instance.total is None:
            raise forms.ValidationError("An example needs a total or lines to compare with: add one.")


class UsageInline(TabularInline):
    model = ExampleUsage
    form = UsageForm
    formset = UsageFormSet
    fields = ["meter", "dimensions", "quantity", "events", "cost"]
    hide_title = True


class LineInline(TabularInline):
    model = ExampleLine
    form = LineForm
    formset = LineFormSet
    fields = ["price_key", "group", "amount"]
    hide_title = True


@admin.register(PlanExample)
class PlanExampleAdmin(BaseAdmin):
    purpose = "What some usage of a full month must cost. A plan version is not published while one comes out wrong."
    list_display = ["name", "version_link", "shown_total"]
    list_filter = ["plan_version__plan"]
    list_select_related = ["plan_version__plan"]
    search_fields = ["name__icontains", "=plan_version__plan__code"]
    search_help_text = "Part of the name, or the plan's code (whole)"
    fields = ["plan_version", "name", "total"]
    inlines = [UsageInline, LineInline]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "plan_version":
            options["queryset"] = PlanVersion.objects.filter(status=PlanVersion.Status.DRAFT).select_related("plan")
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: PlanExample | None = None) -> list[str]:
        return ["plan_version"] if obj is not None else []

    def has_change_permission(self, request: HttpRequest, obj: PlanExample | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: PlanExample | None = None) -> bool:
        return obj is not None and _is_draft(obj) and request.user.has_perm("pricing.delete_planexample")

    def response_add(
        self, request: HttpRequest, obj: PlanExample, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to its page, which says how it comes out."""
        response = super().response_add(request, obj, post_url_continue)
        goes_on = {"_addanother", "_popup"} & request.POST.keys()
        return response if goes_on else redirect(change_url(obj))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        """Back to the plans: the list of all examples is nobody's way."""
        super().response_delete(request, obj_display, obj_id)
        return redirect("admin:pricing_planversion_changelist")

    @display(description="Plan version", ordering="plan_version__plan__name")
    def version_link(self, example: PlanExample) -> str | None:
        return object_link(example.plan_version)

    @display(description="Expected total", ordering="total")
    def shown_total(self, example: PlanExample) -> str:
        return money(example.total, example.plan_version.currency)


def _is_draft(example: PlanExample) -> bool:
    return example.plan_version.status == PlanVersion.Status.DRAFT
