"""What a person does to subscriptions beyond their fields: each asks first, then calls one service."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from amberflow.admin_base import DateInput, Item, Panel, PlainDecimalField, ReasonForm, change_url, confirm
from amberflow.formats import money_text
from pricing.admin.subscription_price import first_free_day
from pricing.models import AddOn, PlanVersion, Subscription
from pricing.plan_change_effect import effect_of
from pricing.services.negotiated_prices import add_one_off_charge, attach_add_on
from pricing.services.plan_changes import PERIOD_END, migrate_subscription
from pricing.services.promotions import redeem_code

# Each is rated three times while the page is waited for.
SHOWN_EFFECTS = 20


class PlanChangeForm(ReasonForm):
    plan_version = forms.ModelChoiceField(
        queryset=PlanVersion.objects.filter(status=PlanVersion.Status.PUBLISHED).select_related("plan"),
        help_text="Own prices stay as they were agreed.",
    )
    effective_on = forms.DateField(
        required=False,
        widget=DateInput(),
        help_text="The first day on the new version; empty for the end of the billing period that runs now.",
    )
    effect_shown = forms.BooleanField(required=False, widget=forms.HiddenInput())
    field_order = ["plan_version", "effective_on", "reason", "effect_shown"]


class AddOnForm(ReasonForm):
    add_on = forms.ModelChoiceField(queryset=AddOn.objects.all())
    times = PlainDecimalField(label="Quantity", initial=1, min_value=0, help_text="Of a fixed fee; 1 for usage.")
    starts_on = forms.DateField(widget=DateInput())
    ends_on = forms.DateField(widget=DateInput(), required=False, help_text="The first day without it.")
    field_order = ["add_on", "times", "starts_on", "ends_on", "reason"]


class ChargeForm(ReasonForm):
    name = forms.CharField(max_length=120, help_text="What the customer reads on the invoice line.")
    amount = PlainDecimalField(min_value=0)
    on = forms.DateField(widget=DateInput(), help_text="It is on the invoice of the period that holds this day.")
    field_order = ["name", "amount", "on", "reason"]


class CodeForm(forms.Form):
    code = forms.CharField(max_length=40)


def change_plan(request: HttpRequest, subscriptions: Sequence[Subscription], *, back: str) -> HttpResponse:
    """Move subscriptions to another plan version; one that can't be moved says why, and the others go on."""

    def run(subscription: Subscription, values: Mapping[str, Any]) -> str:
        change = migrate_subscription(
            subscription_id=subscription.pk,
            plan_version_id=values["plan_version"].pk,
            effective_on=values["effective_on"] or PERIOD_END,
            reason=values["reason"].strip(),
        )
        return f"{subscription.customer} is on {change.plan_version} from {change.starts_on:%-d %B %Y} on."

    form = PlanChangeForm(request.POST) if request.POST.get("confirmed") == "yes" else None
    details: list[Panel] = []
    initial: dict[str, Any] | None = None
    if form is not None and form.is_valid() and not form.cleaned_data["effect_shown"]:
        # The money is shown for the version and day that were chosen, before anything is done.
        details = [_effect_panel(subscriptions, form.cleaned_data)]
        initial = {**form.cleaned_data, "effect_shown": True}
        again = request.POST.copy()
        del again["confirmed"]
        request.POST = again  # type: ignore[assignment]
    return confirm(
        request,
        title="Change plan version",
        text="Usage and fees of the days from the change on are charged by the new version; earlier days and what is "
        "invoiced stay. What was planned for a later day is replaced.",
        button="Change the plan" if details else "Show what it does",
        items=[
            Item(f"{row.customer}{f' ({row.name})' if row.name else ''}", str(row.plan_version), partial(run, row))
            for row in subscriptions
        ],
        back=back,
        form_class=PlanChangeForm,
        initial=initial,
        details=details,
    )


def _effect_panel(subscriptions: Sequence[Subscription], values: Mapping[str, Any]) -> Panel:
    rows = [
        {"name": str(row.customer), "effect": effect_of(row, values["plan_version"], values["effective_on"])}
        for row in subscriptions[:SHOWN_EFFECTS]
    ]
    return Panel("admin/pricing/subscription/effect.html", {"rows": rows})


def attach(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Sell an add-on of the catalogue."""

    def run(values: Mapping[str, Any]) -> str:
        row = attach_add_on(
            subscription_id=subscription.pk,
            add_on_id=values["add_on"].pk,
            times=values["times"],
            starts_on=values["starts_on"],
            ends_on=values["ends_on"],
            reason=values["reason"],
        )
        return f"{row.name} is charged from {row.starts_on:%-d %B %Y} on."

    return confirm(
        request,
        title=f"Sell an add-on to {subscription.customer}",
        text="It is charged besides the plan from its first day on; a change of the catalogue doesn't change it.",
        button="Sell it",
        items=[Item(str(subscription), run=run)],
        back=change_url(subscription),
        form_class=AddOnForm,
        initial={"starts_on": first_free_day(subscription), "times": 1},
    )


def charge_once(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Add an amount to one invoice."""
    currency = subscription.plan_version.currency

    def run(values: Mapping[str, Any]) -> str:
        add_one_off_charge(
            subscription_id=subscription.pk,
            name=values["name"],
            amount=values["amount"],
            on=values["on"],
            reason=values["reason"],
        )
        return f"{values['name']}: {money_text(values['amount'], currency)} is charged on {values['on']:%-d %B %Y}."

    return confirm(
        request,
        title=f"Charge {subscription.customer} once",
        text=f"One line with this amount in {currency}, on the invoice of the period that holds the day.",
        button="Charge it",
        items=[Item(str(subscription), run=run)],
        back=change_url(subscription),
        form_class=ChargeForm,
        initial={"on": first_free_day(subscription)},
    )


def redeem(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Redeem a promotion's code for the subscription."""

    def run(values: Mapping[str, Any]) -> str:
        discount = redeem_code(code=values["code"], subscription_id=subscription.pk, now=timezone.now())
        return f"{discount.name} is granted from {discount.starts_on:%-d %B %Y} on."

    return confirm(
        request,
        title=f"Redeem a code for {subscription.customer}",
        text="The discount counts from the start of the billing period that runs now.",
        button="Redeem",
        items=[Item(str(subscription), run=run)],
        back=change_url(subscription),
        form_class=CodeForm,
    )
