from collections.abc import Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from amberflow.admin_base import BaseAdmin, Item, action, change_url, confirm, display, render_page
from customers.models import ApiKey
from customers.services.api_keys import create_api_key, limit_api_key, revoke_api_key

MAX_RATE = 10_000_000
RATES = ["requests_per_second", "events_per_second"]


class RatesForm(forms.Form):
    """How much a key may send."""

    requests_per_second = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_RATE, help_text="Empty: as set for the installation; 0: no limit."
    )
    events_per_second = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_RATE, help_text="Empty: as set for the installation; 0: no limit."
    )


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=[ApiKey.Scope.USAGE_WRITE],
        help_text="What the key may be used for.",
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", *RATES]


@admin.register(ApiKey)
class ApiKeyAdmin(BaseAdmin):
    purpose = "Keys with which your systems send usage. A key is shown once, when it is made."
    form = ApiKeyForm
    list_display = ["name", "shown_prefix", "shown_scopes", "state", "created_at", "last_used_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["prefix__startswith", "name__icontains"]
    search_help_text = "First characters of the key, or part of the name"
    actions = ["revoke_selected"]
    actions_detail = ["change_rates", "revoke"]
    readonly_fields = ["shown_prefix", "created_at", "last_used_at", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        fields = ["name", "scopes", *RATES]
        return fields if obj is None else [*fields, *self.readonly_fields]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key's scopes are what its holder relies on; another need is another key."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        key, plaintext = create_api_key(
            name=obj.name,
            scopes=obj.scopes,
            requests_per_second=obj.requests_per_second,
            events_per_second=obj.events_per_second,
        )
        obj.pk, obj.prefix = key.pk, key.prefix
        # Kept for the response to this very request only.
        request.META["amberflow.new_api_key"] = plaintext

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        response = render_page(
            request,
            "admin/customers/apikey/created.html",
            title="API key made",
            key=obj,
            plaintext=request.META.pop("amberflow.new_api_key"),
            back=change_url(obj),
        )
        response["Cache-Control"] = "no-store"
        return response

    @display(description="Key", ordering="prefix")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="May")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(str(ApiKey.Scope(scope).label) for scope in key.scopes)

    @display(description="State", ordering="revoked_at", label={"Valid": "success", "Revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        return "Revoked" if key.revoked_at else "Valid"

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm_revoking(request, list(queryset), back=request.get_full_path())

    @action(description="Revoke", icon="block", permissions=["revoke"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_queryset(request).get(pk=object_id)
        return self._confirm_revoking(request, [key], back=change_url(key))

    @action(description="Change limits", icon="speed", permissions=["revoke"])
    def change_rates(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_queryset(request).get(pk=object_id)

        def change(values: Mapping[str, Any]) -> str:
            limit_api_key(key_id=key.pk, **{name: values[name] for name in RATES})
            return f"The limits of {key} are changed."

        return confirm(
            request,
            title="Change limits",
            text="What the key sends above its rate is refused with 429, and clients send it again later. Each web "
            "process counts on its own. The limits hold from the next request on.",
            button="Change limits",
            items=[Item(str(key), run=change)],
            form_class=RatesForm,
            initial={name: getattr(key, name) for name in RATES},
            back=change_url(key),
        )

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("customers.change_apikey")

    def _confirm_revoking(self, request: HttpRequest, keys: list[ApiKey], *, back: str) -> HttpResponse:
        def revoke(key: ApiKey, _values: Mapping[str, Any]) -> str:
            revoke_api_key(key_id=key.pk)
            return f"{key} is revoked."

        return confirm(
            request,
            title="Revoke API keys",
            text="A revoked key is refused from its next request on. This can't be undone.",
            button="Revoke",
            items=[
                Item(str(key), note=self.shown_scopes(key), run=partial(revoke, key))
                for key in keys
                if key.revoked_at is None
            ],
            excluded=[Item(str(key), note="revoked already") for key in keys if key.revoked_at],
            back=back,
            danger=True,
        )
