"""The page on which an event type gets other dimensions, and how far the last change is."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from amberflow.admin_base import Item, Panel, add_panel, change_url, confirm
from amberflow.lib.errors import DomainError
from metering.admin.who import made_by
from metering.models import DimensionChange, EventType
from metering.properties_seen import properties_seen
from metering.services.change_dimensions import checked_names
from rating.services.change_dimensions import change_event_type_dimensions, removal_uses, usage_to_follow

CHANGE = "metering.change_eventtype"
SHOWN_PROPERTIES = 50
# Of fewer events nothing can be said.
FEW = 20


class DimensionsForm(forms.Form):
    dimensions = forms.CharField(
        required=False,
        help_text="Properties of the events, with commas between, like provider, model, feature. Ids make a series "
        "each: count those by a meter with a unique count instead.",
    )

    def __init__(self, *args: Any, kind: EventType, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind

    def clean_dimensions(self) -> list[str]:
        text = self.cleaned_data["dimensions"].strip().strip(",")
        try:
            names = checked_names(text.split(",") if text else [])
        except DomainError as error:
            raise forms.ValidationError(error.message) from None
        uses = removal_uses(kind=self.kind, dimensions=names, now=timezone.now())
        if uses:
            raise forms.ValidationError([f"Still named by {use}: retire or end it first." for use in uses[:5]])
        return names


def change_dimensions_page(request: HttpRequest, event_type_id: int) -> HttpResponse:
    """Say what is to be counted anew, ask for the dimensions, and change them."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    kind = get_object_or_404(EventType, pk=event_type_id)
    usage = usage_to_follow(event_type_id=kind.pk)

    def run(values: Mapping[str, Any]) -> str:
        names = values["dimensions"]
        change_event_type_dimensions(
            event_type_id=kind.pk, dimensions=names, made_by=made_by(request), now=timezone.now()
        )
        return f"{kind} is told apart by {', '.join(names) or 'nothing'}. Usage that is not invoiced follows now."

    class KindForm(DimensionsForm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, kind=kind, **kwargs)

    return confirm(
        request,
        title=f"Dimensions of {kind}",
        text=f"{usage.events:,} events of {usage.customers:,} customers are not invoiced. Each is read again as it "
        "was sent, and counted by the new dimensions, while usage goes on coming in. What is invoiced stays as it "
        "is. Drafts follow; no invoice of these customers is finalized before its usage is done.",
        button="Change the dimensions",
        items=[Item(kind.name, note=f"now {', '.join(kind.dimensions) or 'none'}", run=run)],
        back=change_url(kind),
        form_class=KindForm,
        initial={"dimensions": ", ".join(kind.dimensions)},
        details=_properties(kind),
    )


def _properties(kind: EventType) -> list[Panel]:
    read, seen = properties_seen(event_type_id=kind.pk)
    rows = [
        {
            "seen": each,
            "is_dimension": each.name in kind.dimensions,
            # As good as one for each event: an id, a duration, a count.
            "is_many": each.events >= FEW and each.values * 2 > each.events,
        }
        for each in seen[:SHOWN_PROPERTIES]
    ]
    return [Panel("admin/rating/eventtype/properties.html", {"read": read, "properties": rows})] if rows else []


def _dimensions_panel(request: HttpRequest, kind: EventType) -> Panel | None:
    if kind.pk is None:
        return None
    change = DimensionChange.objects.filter(event_type=kind).first()
    return Panel(
        "admin/rating/eventtype/dimensions.html",
        {
            "kind": kind,
            "change": change,
            "share": 0 if change is None else min(99, 100 * change.read // max(change.expected, 1)),
            "may_change": request.user.has_perm(CHANGE) and (change is None or change.moved_at is not None),
        },
    )


add_panel(EventType, _dimensions_panel)
