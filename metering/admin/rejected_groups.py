"""Rejected events by the group: what is wrong with how many, and how all of them are fixed and sent again."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from amberflow.admin_base import change_url, list_url, render_page
from amberflow.lib.errors import DomainError
from customers.models import Customer
from customers.models.customer import validate_timezone
from metering.admin.who import made_by
from metering.ingest.canonical import TYPE_LENGTH
from metering.models import EventType, IngestionPolicy, QuarantineRun, RejectedEvent
from metering.rejected import PROPERTY, TOP_FIELDS, Change, RejectedGroup, open_groups
from metering.services.fix_rejected import dismiss_group, replay_group, try_group
from metering.services.missing_customers import add_customer_alias

RESOLVE = "metering.change_rejectedevent"
EXAMPLES = 3
LATEST_RUNS = 5


def groups_page(request: HttpRequest) -> HttpResponse:
    """The groups with open events."""
    if not request.user.has_perm("metering.view_rejectedevent"):
        raise PermissionDenied
    rows = open_groups()
    policy = IngestionPolicy.objects.first()
    return render_page(
        request,
        "admin/metering/rejectedevent/groups.html",
        title="Rejected events",
        rows=[{"row": row, "url": group_url(row.group)} for row in rows],
        events=sum(row.events for row in rows),
        all_events=list_url(RejectedEvent),
        runs=QuarantineRun.objects.all()[:LATEST_RUNS],
        all_runs=list_url(QuarantineRun),
        creates_customers=policy is not None and policy.create_customers,
        policy_url=list_url(IngestionPolicy),
    )


def group_url(group: RejectedGroup) -> str:
    """The address of a group's page."""
    return f"{reverse('admin:rejected_group')}?{urlencode(asdict(group))}"


# --- ways to fix a group -----------------------------------------------------------------------------------------
class MapCustomerForm(forms.Form):
    title = "It is a customer that is there"
    button = "Use this customer and send again"
    customer = forms.CharField(max_length=200, help_text="External id of the customer.")
    from_now_on = forms.BooleanField(
        required=False, initial=True, label="Usage under this id counts for the customer from now on, too"
    )

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        reference = self.cleaned_data["customer"].strip()
        customer = Customer.objects.filter(external_id=reference).first()
        if customer is None:
            raise DomainError(
                "unknown_customer", f"customer {reference!r} is not known: use an external id.", field="customer"
            )
        if self.cleaned_data["from_now_on"]:
            add_customer_alias(reference=group.customer_ref, customer_id=customer.pk, made_by=by)
            return f"{group.customer_ref} counts for {customer}", Change()
        return f"these are {customer}'s", Change(set={"customer": customer.external_id})


class CreateCustomerForm(forms.Form):
    title = "It is a new customer"
    button = "Make the customer and send again"
    name = forms.CharField(max_length=200)
    timezone = forms.CharField(max_length=64, initial="UTC", validators=[validate_timezone])

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        customer, _ = Customer.objects.get_or_create(
            external_id=group.customer_ref,
            defaults={"name": self.cleaned_data["name"], "timezone": self.cleaned_data["timezone"]},
        )
        return f"customer {customer} made", Change()


class AliasForm(forms.Form):
    title = "It is another name of a type"
    button = "Add the name and send again"
    event_type = forms.ModelChoiceField(EventType.objects.all(), label="Type")

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        event_type = EventType.objects.select_for_update().get(pk=self.cleaned_data["event_type"].pk)
        if group.type_ref not in event_type.aliases:
            event_type.aliases.append(group.type_ref)
            event_type.save(update_fields=["aliases"])
        return f"{group.type_ref} is another name of {event_type}", Change()


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


class CreateTypeForm(forms.Form):
    title = "It is a new type"
    button = "Make the type and send again"
    name = forms.CharField(max_length=120)
    is_ai_call = forms.BooleanField(required=False, label="Each event is one call of a model")
    dimensions = forms.CharField(required=False, help_text="Properties that prices tell apart, with commas between.")
    values = forms.CharField(required=False, help_text="Up to four numeric properties that are summed.")

    def clean_values(self) -> list[str]:
        values = _names(self.cleaned_data["values"])
        if len(values) > 4 or len(set(values)) != len(values):
            raise forms.ValidationError("Name up to four, each once.")
        return values

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        event_type, _ = EventType.objects.get_or_create(
            code=group.type_ref,
            defaults={
                "name": self.cleaned_data["name"],
                "is_ai_call": self.cleaned_data["is_ai_call"],
                "dimensions": _names(self.cleaned_data["dimensions"]),
                "values": self.cleaned_data["values"],
            },
        )
        return f"type {event_type} made", Change()


class ChangeForm(forms.Form):
    title = "A field of all of them is wrong"
    button = "Change it and send again"
    tries = True
    how = forms.ChoiceField(choices=[("set", "Set"), ("rename", "Rename"), ("remove", "Remove")], label="What to do")
    field = forms.CharField(max_length=120, help_text=f"{', '.join(TOP_FIELDS)}, or a property like properties.pages.")
    value = forms.CharField(
        required=False, max_length=2000, help_text="The value to set, or the new name. Numbers are read as numbers."
    )

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        name, value = self.cleaned_data["field"].strip(), self.cleaned_data["value"]
        if self.cleaned_data["how"] == "remove":
            return "", Change(remove=(name,))
        if self.cleaned_data["how"] == "rename":
            new = value.strip()
            return "", Change(rename={name: new if new in TOP_FIELDS else f"{PROPERTY}{new.removeprefix(PROPERTY)}"})
        return "", Change(set={name: value})


class AgainForm(forms.Form):
    title = "It was fixed elsewhere"
    button = "Send again as they are"
    tries = True

    def fix(self, group: RejectedGroup, by: str) -> tuple[str, Change]:
        return "", Change()


class DismissForm(forms.Form):
    title = "They are not needed"
    button = "Dismiss"
    danger = True
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


FIXES: Mapping[str, Any] = {
    "map_customer": MapCustomerForm,
    "create_customer": CreateCustomerForm,
    "alias": AliasForm,
    "create_type": CreateTypeForm,
    "change": ChangeForm,
    "again": AgainForm,
    "dismiss": DismissForm,
}


def _fixes_of(group: RejectedGroup) -> list[str]:
    """The ways to fix the group, the likeliest first."""
    first = []
    if group.code == "unknown_customer" and group.customer_ref:
        first = ["map_customer", "create_customer"]
    if group.code == "unknown_type" and 0 < len(group.type_ref) < TYPE_LENGTH:
        first = ["alias", "create_type"]
    return [*first, "change", "again", "dismiss"]


def group_page(request: HttpRequest) -> HttpResponse:
    """One group: examples of it, and every way to fix it."""
    if not request.user.has_perm("metering.view_rejectedevent"):
        raise PermissionDenied
    group = RejectedGroup(*(request.GET.get(name, "") for name in ("code", "source", "customer_ref", "type_ref")))
    may_resolve = request.user.has_perm(RESOLVE)
    chosen = request.POST.get("fix", "")
    names = _fixes_of(group)
    initial = {"create_customer": {"name": group.customer_ref}, "create_type": {"name": group.type_ref}}
    forms_by_name = {
        name: FIXES[name](request.POST if name == chosen else None, prefix=name, initial=initial.get(name))
        for name in names
    }
    trials = None
    if request.method == "POST":
        if not may_resolve or chosen not in forms_by_name:
            raise PermissionDenied
        form = forms_by_name[chosen]
        if form.is_valid():
            try:
                if "try" in request.POST:
                    trials = _try(group, form, made_by(request))
                else:
                    return _done(request, _fix(group, form, made_by(request)))
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, error.message)
    events = group.events()
    return render_page(
        request,
        "admin/metering/rejectedevent/group.html",
        title="Rejected events of one kind",
        group=group,
        count=events.count(),
        examples=list(events.order_by("-last_seen_at")[:EXAMPLES]),
        list_url=list_url(
            RejectedEvent, code=group.code, status__exact="open", source=group.source, customer_ref=group.customer_ref
        ),
        fixes=[{"name": name, "form": form} for name, form in forms_by_name.items()] if may_resolve else [],
        trials=trials,
        back=reverse("admin:rejected_groups"),
    )


@transaction.atomic
def _fix(group: RejectedGroup, form: Any, by: str) -> QuarantineRun:
    """What is fixed for the events and what becomes of them is done together or not at all."""
    if isinstance(form, DismissForm):
        return dismiss_group(group=group, made_by=by, reason=form.cleaned_data["reason"])
    note, change = form.fix(group, by)
    return replay_group(group=group, made_by=by, change=change, note=note)


def _try(group: RejectedGroup, form: Any, by: str) -> list[Any]:
    with transaction.atomic():
        _, change = form.fix(group, by)
        trials = try_group(group=group, change=change)
        transaction.set_rollback(True)
    return trials


def _done(request: HttpRequest, run: QuarantineRun) -> HttpResponse:
    tell: Callable[[HttpRequest, str], None] = messages.success
    if run.finished_at is None:
        text = f"A task works on the {run.total:,} events. This page shows how far it is."
    elif run.kind == QuarantineRun.Kind.DISMISS:
        text = f"{run.dismissed:,} events dismissed."
    else:
        text = f"{run.accepted:,} events accepted, {run.duplicates:,} counted already, {run.rejected:,} still rejected."
        tell = messages.warning if run.rejected else messages.success
    tell(request, text)
    return redirect(change_url(run))
