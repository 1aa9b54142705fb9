"""What every admin class builds on; the only module that names unfold's ModelAdmin."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.admin import StackedInline as UnfoldStackedInline
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.decorators import action, display

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor, plain
from amberflow.templatetags import back_office

__all__ = [
    "BaseAdmin",
    "DateInput",
    "InfinitePaginator",
    "Item",
    "Panel",
    "PlainDecimalField",
    "ReadOnlyAdmin",
    "ReasonForm",
    "StackedInline",
    "TabularInline",
    "ThirdPartyAdmin",
    "action",
    "add_column",
    "add_panel",
    "change_url",
    "confirm",
    "display",
    "link",
    "list_link",
    "list_url",
    "money",
    "money_minor",
    "object_link",
    "percent",
    "quantity",
    "render_page",
]

SHOWN_ITEMS = 20


# --- cells ---------------------------------------------------------------------------------------------------
def link(url: str, text: object) -> str:
    """A link as the pages draw it."""
    return render_to_string("admin/amberflow/link.html", {"url": url, "text": text})


def change_url(obj: Model) -> str:
    """The address of an object's page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])


def object_link(obj: Model | None, text: object = None) -> str | None:
    """A link to an object's page, by its name or `text`; None without an object."""
    return None if obj is None else link(change_url(obj), obj if text is None else text)


def list_url(model: type[Model] | str, **filters: object) -> str:
    """The address of a list page (a model, or app_model), filtered."""
    name = model if isinstance(model, str) else f"{model._meta.app_label}_{model._meta.model_name}"
    query = f"?{urlencode(filters)}" if filters else ""
    return f"{reverse(f'admin:{name}_changelist')}{query}"


def list_link(model: type[Model] | str, text: object, **filters: object) -> str:
    """A link to a filtered list page."""
    return link(list_url(model, **filters), text)


def money(amount: Decimal | None, currency: str) -> str:
    """An amount in major units, the unrounded value on hovering."""
    return render_to_string("admin/amberflow/number.html", back_office.money(amount, currency))


def money_minor(amount_minor: int, currency: str) -> str:
    """An amount in minor units."""
    return money(from_minor(amount_minor, currency), currency)


def quantity(number: Decimal | int | None, unit: str = "") -> str:
    """A quantity with its unit."""
    return render_to_string("admin/amberflow/number.html", back_office.quantity(number, unit))


def percent(number: Decimal | None) -> str:
    """A percentage."""
    return render_to_string("admin/amberflow/number.html", back_office.percent(number))


# --- panels: parts of an object's page, which later apps may add to the pages of earlier ones ------------------
@dataclass(frozen=True, slots=True)
class Panel:
    """A template and what it shows; it stands above the fields of an object's page."""

    template: str
    context: Mapping[str, Any]


PanelFunction = Callable[[HttpRequest, Any], Panel | None]
_panels: dict[str, list[PanelFunction]] = {}


def add_panel(model: type[Model], function: PanelFunction, *, first: bool = False) -> None:
    """Show what `function(request, object)` returns on the pages of a model, after (or before) those added so far."""
    panels = _panels.setdefault(model._meta.label, [])
    panels.insert(0 if first else len(panels), function)


def _panels_of(request: HttpRequest, obj: Model) -> list[Panel]:
    found = (function(request, obj) for function in _panels.get(obj._meta.label, []))
    return [panel for panel in found if panel is not None]


# --- columns of list pages, which later apps may add too ------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Column:
    """A cell's function (with a display decorator) and what it needs prefetched."""

    function: Callable[[Any], Any]
    prefetch: tuple[str, ...] = ()


_columns: dict[str, list[Column]] = {}


def add_column(model: type[Model], function: Callable[[Any], Any], *, prefetch: tuple[str, ...] = ()) -> None:
    """Show a column on the list page of a model, after its own ones."""
    _columns.setdefault(model._meta.label, []).append(Column(function, prefetch))


# --- admin classes -------------------------------------------------------------------------------------------
class NextPage(Page):
    """There is a next page as long as this one is full."""

    def has_next(self) -> bool:
        return len(self.object_list) == self.paginator.per_page


# The name is what unfold's page title looks at, so that it doesn't show the made-up count.
class InfinitePaginator(Paginator):
    """Pages of a table that is too large to be counted."""

    template_name = "unfold/helpers/pagination_infinite.html"

    @cached_property
    def count(self) -> int:
        return 9_999_999

    def _get_page(self, *args: Any, **options: Any) -> Page:
        return NextPage(*args, **options)


class PlainDecimalField(forms.DecimalField):
    """A number without the zeros that its column would pad it with."""

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, Decimal) else value


class PlainNumbers:
    """Forms whose numbers are PlainDecimalFields."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if isinstance(db_field, models.DecimalField):
            options["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]  # of the admin class


class TabularInline(PlainNumbers, UnfoldTabularInline):
    """Rows of another model on an object's page."""

    extra = 0
    show_change_link = False


class StackedInline(PlainNumbers, UnfoldStackedInline):
    """Forms of another model on an object's page."""

    extra = 0


class BaseAdmin(PlainNumbers, ModelAdmin):
    """A model in the back office. `purpose` tells, on an empty list, what it is for and what fills it."""

    purpose = ""
    empty_value_display = "–"
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    change_form_outer_before_template = "admin/amberflow/panels.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The object's page with its panels. A service that refuses is a message, and nothing is written."""
        extra_context = dict(extra_context or {})
        obj = self.get_object(request, object_id) if object_id else None
        if obj is not None and request.method == "GET":
            extra_context["panels"] = _panels_of(request, obj)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.message)
            return redirect(request.get_full_path())

    def get_list_display(self, request: HttpRequest) -> Any:
        """The class's own columns, then those that other apps added."""
        added = _columns.get(self.model._meta.label, [])
        return [*super().get_list_display(request), *(column.function for column in added)]

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what the added columns need."""
        prefetch = [name for column in _columns.get(self.model._meta.label, []) for name in column.prefetch]
        return super().get_queryset(request).prefetch_related(*prefetch)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing that bills is deleted by hand; classes of harmless rows say otherwise."""
        return False


class ReadOnlyAdmin(BaseAdmin):
    """Rows that only services write: nobody adds, changes or deletes them here, superusers included."""

    actions: Sequence[str] | None = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ThirdPartyAdmin(ModelAdmin):
    """The look of the back office for the admin classes of other packages."""

    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False


# --- pages and confirmations ---------------------------------------------------------------------------------
def render_page(request: HttpRequest, template: str, *, title: str, **context: Any) -> TemplateResponse:
    """A page of the admin site that is not a model's."""
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


class DateInput(forms.DateInput):
    """The browser's own date field."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ReasonForm(forms.Form):
    """Why something is done, for whoever reads the history."""

    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that an action is about to change, or leaves alone: its name, and its amount or the reason."""

    name: str
    note: str = ""
    run: Callable[[Mapping[str, Any]], str] | None = field(default=None, compare=False)


def confirm(
    request: HttpRequest,
    *,
    title: str,
    text: str,
    button: str,
    items: Sequence[Item],
    back: str,
    excluded: Sequence[Item] = (),
    total: str = "",
    form_class: type[forms.Form] | None = None,
    initial: dict[str, Any] | None = None,
    danger: bool = False,
    details: Sequence[Panel] = (),
) -> HttpResponse:
    """Show what will happen to which items; once a person agrees, run each and go `back`.

    Each item's `run` gets the form's values, does its work by one service call and returns a sentence for
    the person. A DomainError becomes a message; the other items go on. `details` are shown below the items,
    for a decision that needs more than a list.
    """
    agreed = request.method == "POST" and request.POST.get("confirmed") == "yes"
    form = form_class(request.POST if agreed else None, initial=initial) if form_class else None
    if agreed and (form is None or form.is_valid()):
        _run(request, items, form.cleaned_data if form else {})
        return redirect(back)
    repeated = [
        (name, value)
        for name in ("action", "_selected_action", "select_across", "index")
        for value in request.POST.getlist(name)
    ]
    return render_page(
        request,
        "admin/amberflow/confirm.html",
        title=title,
        text=text,
        button=button,
        items=items[:SHOWN_ITEMS],
        count=len(items),
        more=max(0, len(items) - SHOWN_ITEMS),
        excluded=excluded,
        total=total,
        form=form,
        back=back,
        danger=danger,
        details=details,
        repeated=repeated,
    )


def _run(request: HttpRequest, items: Iterable[Item], values: Mapping[str, Any]) -> None:
    for item in items:
        if item.run is None:
            continue
        try:
            messages.success(request, item.run(values))
        except DomainError as error:
            messages.error(request, f"{item.name}: {error.message}")
