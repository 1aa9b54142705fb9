from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.datastructures import MultiValueDict
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from amberflow.admin_base import (
    Panel,
    ReadOnlyAdmin,
    add_panel,
    change_url,
    display,
    object_link,
    quantity,
    render_page,
)
from amberflow.formats import days_text
from amberflow.lib.errors import DomainError
from metering.admin.who import made_by
from metering.corrections.effect import CorrectionEffect
from metering.corrections.replacement import Replacement, next_id
from metering.corrections.request import read_window
from metering.corrections.show import period_text
from metering.ingest.canonical import BodyError, decode_json, encode_json
from metering.ingest.dialects import native
from metering.ingest.identity import time_of
from metering.models import CorrectionRun, Event, EventCorrection, EventType
from metering.models.event_correction import CorrectionRunState
from metering.queries import event_payload
from metering.services.backfill_usage import MOST_AT_ONCE, BackfillRefusedError, backfill_usage, void_window
from metering.services.correct_events import REASON_LENGTH, Corrected, replace_events
from metering.services.preview_correction import MOST_PREVIEWED, preview_correction

CORRECT = "metering.add_eventcorrection"
STATES = {"Voiding": "warning", "Sending": "warning", "Done": "success"}
SHOWN_EVENTS = 50
SHOWN_REFUSED = 10

# reason, most events at once -> what was done
Correct = Callable[[str, int], Corrected]


class ReasonedForm(forms.Form):
    """What is corrected, and why; the reason is asked for when the effect has been seen."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For whoever reads the history. Needed to do it, not to see what it would do.",
    )

    def correction(self, by: str) -> Correct:
        """What the form asks for. Raises DomainError."""
        raise NotImplementedError


class WindowFields(forms.Form):
    """A customer's window of time."""

    customer = forms.CharField(max_length=200, help_text="The customer's external id.")
    event_type = forms.ModelChoiceField(EventType.objects.all(), label="Type", required=False, empty_label="All types")
    start = forms.CharField(
        label="From", max_length=40, help_text="A day of the customer, like 2026-01-31, or an instant with an offset."
    )
    end = forms.CharField(label="To", max_length=40, help_text="Not included: 2026-02-01 for all of January.")
    filter = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only with these dimension values, one a line, like model=gpt-4o.",
    )

    def window_document(self) -> dict[str, Any]:
        """The window as the API takes it."""
        values = self.cleaned_data
        chosen: dict[str, list[str]] = {}
        for line in values["filter"].splitlines():
            name, _, value = line.partition("=")
            if name.strip():
                chosen.setdefault(name.strip(), []).append(value.strip())
        return {
            "customer": values["customer"],
            "type": None if values["event_type"] is None else values["event_type"].code,
            "from": values["start"].strip(),
            "to": values["end"].strip(),
            "filter": chosen,
        }


class VoidWindowForm(WindowFields, ReasonedForm):
    field_order = ["customer", "event_type", "start", "end", "filter", "reason"]

    def correction(self, by: str) -> Correct:
        window = read_window(self.window_document())
        return lambda reason, at_once: void_window(
            window=window, reason=reason, made_by=by, wait=False, at_once=at_once
        )


class BackfillForm(WindowFields, ReasonedForm):
    field_order = ["events", "file", "customer", "event_type", "start", "end", "filter", "reason"]
    events = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "af-tall af-mono"}),
        help_text="One event a line, in the native JSON format, each with its time.",
    )
    file = forms.FileField(required=False, help_text="Or a file of such lines. Larger ones: manage.py correct_usage.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("customer", "start", "end"):
            self.fields[name].required = False
        self.fields[
            "customer"
        ].help_text = (
            "Only to put the events in the place of what is there: then whose usage. Empty: nothing is voided."
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("file"):
            # The page that shows the effect can't hold a file, but a text.
            values["events"] = values["file"].read().decode("utf-8", "replace")
            sent = cast("MultiValueDict[str, Any]", self.data)
            self.data = MultiValueDict({**dict(sent.lists()), "events": [values["events"]]})
        items = []
        for number, line in enumerate(values.get("events", "").splitlines(), start=1):
            if line.strip():
                try:
                    items.append(decode_json(line.encode()))
                except BodyError as error:
                    self.add_error("events", f"Line {number}: {error}")
                    break
        values["items"] = items
        return values

    def correction(self, by: str) -> Correct:
        batch = native.decode_items(self.cleaned_data["items"])
        window = read_window(self.window_document()) if self.cleaned_data["customer"] else None
        return lambda reason, at_once: backfill_usage(
            events=batch.events,
            rejections=batch.rejections,
            reason=reason,
            made_by=by,
            replaces=window,
            wait=False,
            at_once=at_once,
        )


class ReplaceForm(ReasonedForm):
    field_order = ["properties", "id", "time", "reason"]
    properties = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "af-tall af-mono"}),
        help_text="All properties of the new event.",
    )
    id = forms.CharField(label="Id of the new event", max_length=200, required=False)
    time = forms.CharField(max_length=40, required=False, help_text="Empty: the time of the replaced event.")

    def __init__(self, *args: Any, event: Event, **options: Any) -> None:
        super().__init__(*args, **options)
        self.event = event
        old = event_payload(event)
        self.fields["properties"].initial = msgspec.json.format(encode_json(old["properties"]), indent=2).decode()
        self.fields["id"].help_text = f"Empty: {next_id(str(old['id']))}"

    def clean_properties(self) -> Any:
        try:
            return decode_json(self.cleaned_data["properties"].encode())
        except BodyError as error:
            raise forms.ValidationError(str(error)) from error

    def correction(self, by: str) -> Correct:
        values = self.cleaned_data
        document = {"properties": values["properties"]}
        document |= {name: values[name].strip() for name in ("id", "time") if values[name].strip()}
        replacement = Replacement(self.event.key, document)
        return lambda reason, _: replace_events(replacements=[replacement], reason=reason, made_by=by)


def void_window_page(request: HttpRequest) -> HttpResponse:
    """Take all usage of a window out."""
    return _correction_page(
        request,
        VoidWindowForm(request.POST or None, initial={"customer": request.GET.get("customer", "")}),
        title="Void the usage of a window",
        text="All events of a customer in a window of time stop counting. They are kept and marked; rollups, cost and "
        "drafts follow. What is invoiced stays, and the difference becomes late usage to decide on.",
        button="Void",
        back=reverse("admin:metering_correctionrun_changelist"),
    )


def backfill_page(request: HttpRequest) -> HttpResponse:
    """Send usage of the past."""
    return _correction_page(
        request,
        BackfillForm(request.POST or None, request.FILES or None),
        title="Backfill usage",
        text="Events of the past are sent as one correction. With a window, they take the place of what it has: events "
        "that are not among them are voided, those with the same content stay. One bad event stops all of it.",
        button="Send",
        back=reverse("admin:metering_correctionrun_changelist"),
    )


def replace_page(request: HttpRequest, object_id: str) -> HttpResponse:
    """Count another event in the place of one."""
    event = get_object_or_404(Event.objects.select_related("series__customer"), pk=object_id)
    return _correction_page(
        request,
        ReplaceForm(request.POST or None, event=event),
        title=f"Replace an event of {event.series.customer}",
        text="The event stops counting, and another one of the same customer and type counts in its place.",
        button="Replace",
        back=change_url(event),
    )


def _correction_page(
    request: HttpRequest, form: ReasonedForm, *, title: str, text: str, button: str, back: str
) -> HttpResponse:
    """The form, then with what it would do, then done: always the same form, sent again."""
    if not request.user.has_perm(CORRECT):
        raise PermissionDenied
    effect, refused = None, []
    if request.method == "POST" and form.is_valid():
        try:
            correct = form.correction(made_by(request))
            if request.POST.get("confirmed") == "yes":
                done = correct(form.cleaned_data["reason"], MOST_AT_ONCE)
                messages.success(request, done_text(done))
                return redirect(back if done.run is None else change_url(done.run))
            effect = preview_correction(lambda: correct(form.cleaned_data["reason"] or "preview", MOST_PREVIEWED))
        except BackfillRefusedError as error:
            refused = [f"Event {index}: {each.message}" for index, each in error.refused.items()]
        except DomainError as error:
            form.add_error("reason" if error.field == "reason" else None, error.message)
    return render_page(
        request,
        "admin/metering/correctionrun/page.html",
        title=title,
        text=text,
        button=button,
        back=back,
        form=form,
        effect=None if effect is None else effect_panel(request, effect),
        refused=refused[:SHOWN_REFUSED],
        more_refused=max(0, len(refused) - SHOWN_REFUSED),
    )


def effect_panel(request: HttpRequest, effect: CorrectionEffect) -> Panel:
    """The effect, as a card."""
    return Panel(
        "admin/metering/correctionrun/effect.html",
        {
            "effect": effect,
            "periods": [
                {
                    "effect": each,
                    "text": period_text(each),
                    "days": days_text(each.before.start, each.before.end),
                }
                for each in effect.periods
            ],
            "currency": settings.COST_CURRENCY,
            "sees_cost": request.user.has_perm("invoicing.view_cost"),
        },
    )


def done_text(done: Corrected) -> str:
    """What was done, for the person who asked."""
    if done.run is None:
        return "Nothing to do: these events were voided before."
    if done.run.state != CorrectionRunState.DONE:
        return f"{done.run} is large: a task does it. This page shows how far it is."
    added = f", {done.run.accepted:,} events sent" if done.run.to_send or done.run.accepted else ""
    return f"{done.run.voided:,} events voided{added}."


@admin.register(CorrectionRun)
class CorrectionRunAdmin(ReadOnlyAdmin):
    purpose = "Usage that was voided, replaced or sent later, each with its reason. None so far."
    list_display = [
        "title",
        "shown_state",
        "short_reason",
        "customer_link",
        "voided_count",
        "sent_count",
        "by",
        "made_at",
    ]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
    ]
    list_select_related = ["customer"]
    search_fields = ["reason__icontains", "made_by__icontains"]
    search_help_text = "Part of the reason, or of who did it"
    fields = ["made_at", "finished_at"]
    list_before_template = "admin/metering/correctionrun/start.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("void/", self.admin_site.admin_view(void_window_page), name="void_window"),
            path("backfill/", self.admin_site.admin_view(backfill_page), name="backfill"),
            path("replace/<uuid:object_id>/", self.admin_site.admin_view(replace_page), name="replace_event"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "may_correct": request.user.has_perm(CORRECT)}
        return super().changelist_view(request, context)

    @display(description="Correction", ordering="pk")
    def title(self, run: CorrectionRun) -> str:
        return str(run)

    @display(description="State", ordering="state", label=STATES)
    def shown_state(self, run: CorrectionRun) -> str:
        return run.get_state_display()

    @display(description="Reason")
    def short_reason(self, run: CorrectionRun) -> str:
        return run.reason if len(run.reason) <= 80 else f"{run.reason[:79]}…"

    @display(description="Customer", ordering="customer__name")
    def customer_link(self, run: CorrectionRun) -> str | None:
        return object_link(run.customer)

    @display(description="Voided", ordering="voided")
    def voided_count(self, run: CorrectionRun) -> str:
        return quantity(run.voided)

    @display(description="Sent", ordering="accepted")
    def sent_count(self, run: CorrectionRun) -> str:
        return quantity(run.accepted)

    @display(description="By", ordering="made_by")
    def by(self, run: CorrectionRun) -> str:
        return run.made_by


def _run_panel(request: HttpRequest, run: CorrectionRun) -> Panel:
    corrections = list(run.corrections.select_related("series__customer", "series__event_type")[:SHOWN_EVENTS])
    keys = [key for each in corrections for key in (each.key, each.replaced_by) if key is not None]
    events = Event.objects.in_bulk(keys)
    return Panel(
        "admin/metering/correctionrun/run.html",
        {
            "run": run,
            "rows": [
                {
                    "correction": each,
                    # An event that was dropped still has its time, in its key.
                    "at": time_of(each.key),
                    "event": events.get(each.key),
                    "new": events.get(each.replaced_by),
                }
                for each in corrections
            ],
            "more": max(0, run.voided - len(corrections)),
            "is_open": run.state != CorrectionRunState.DONE,
            "state_kind": STATES[run.get_state_display()],
        },
    )


def correction_of(event: Event) -> EventCorrection | None:
    """What took the event out of usage."""
    return EventCorrection.objects.filter(pk=event.key).select_related("run").first()


def replaced_event(event: Event) -> Mapping[str, Any] | None:
    """The event that this one stands for."""
    correction = EventCorrection.objects.filter(replaced_by=event.key).select_related("run").first()
    return None if correction is None else {"key": correction.key, "run": correction.run}


add_panel(CorrectionRun, _run_panel)
