from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from amberflow.admin_base import BaseAdmin, Panel, add_panel, display, object_link
from amberflow.lib.errors import DomainError
from metering.models import ModelAlias
from metering.services.model_aliases import (
    check_alias,
    delete_model_alias,
    save_model_alias,
    uncosted_models_of,
)
from metering.services.recost import recost_events

SAVED = "model_alias_saved"


class ModelAliasForm(forms.ModelForm):
    class Meta:
        model = ModelAlias
        fields = ["provider", "pattern", "cost_model", "note"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "pattern" in values and "provider" in values:
            try:
                names = check_alias(provider=values["provider"], pattern=values["pattern"])
                values["provider"], values["pattern"] = names
            except DomainError as error:
                self.add_error("pattern", error.message)
        return values


@admin.register(ModelAlias)
class ModelAliasAdmin(BaseAdmin):
    purpose = "Names that your calls carry and no price list knows, like those of deployments, and what they cost like."
    form = ModelAliasForm
    list_display = ["pattern", "provider", "costs_like", "note", "created_by"]
    list_filter = ["provider"]
    list_select_related = ["cost_model", "created_by"]
    search_fields = ["pattern__icontains", "cost_model__name__icontains"]
    search_help_text = "Part of the model as sent, or of the model of the cost book"
    autocomplete_fields = ["cost_model"]
    fields = ["provider", "pattern", "cost_model", "note"]

    class Media:
        js = ["amberflow/alias_preview.js"]

    @display(description="Costs like", ordering="cost_model__name")
    def costs_like(self, alias: ModelAlias) -> str | None:
        return object_link(alias.cost_model)

    def get_urls(self) -> list[URLPattern]:
        matches = self.admin_site.admin_view(self.matches_view)
        return [path("matches/", matches, name="metering_modelalias_matches"), *super().get_urls()]

    def matches_view(self, request: HttpRequest) -> HttpResponse:
        """The piece of page that says which uncosted models the names in the form would match."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = _matches(request.GET.get("provider", ""), request.GET.get("pattern", ""))
        return render(request, "admin/metering/modelalias/matches.html", {"panel": found})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form with what it matches; once an alias is stored, the calls that waited for it get their cost."""
        extra_context = dict(extra_context or {})
        if object_id is None:
            names = request.POST or request.GET
            extra_context["panels"] = [_panel(names.get("provider", ""), names.get("pattern", ""))]
        answer = super().changeform_view(request, object_id, form_url, extra_context)
        if hasattr(request, SAVED):
            messages.success(request, f"{recost_events():,} calls that had no cost have it now.")
        return answer

    def save_model(self, request: HttpRequest, obj: ModelAlias, form: forms.ModelForm, change: bool) -> None:
        if not change and request.user.is_authenticated:
            obj.created_by = request.user
        save_model_alias(alias=obj)
        setattr(request, SAVED, True)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An alias is only a name: what was costed by it keeps its cost."""
        return request.user.has_perm("metering.delete_modelalias")

    def delete_model(self, request: HttpRequest, obj: ModelAlias) -> None:
        delete_model_alias(alias=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ModelAlias]) -> None:
        for alias in queryset:
            delete_model_alias(alias=alias)


def _panel(provider: str, pattern: str) -> Panel:
    url = reverse("admin:metering_modelalias_matches")
    return Panel("admin/metering/modelalias/panel.html", {"url": url, **_matches(provider, pattern)})


def _matches(provider: str, pattern: str) -> dict[str, Any]:
    """The uncosted models of an alias; None if no name was typed."""
    if not pattern.strip():
        return {"models": None}
    try:
        models = uncosted_models_of(provider=provider, pattern=pattern)
    except DomainError as error:
        return {"error": error.message}
    return {"models": models, "calls": sum(model.events for model in models)}


add_panel(ModelAlias, lambda request, alias: _panel(alias.provider, alias.pattern))
