"""The addresses of the routes about usage: in every dialect, its corrections, and what is read."""

from typing import Any

from django.urls import path
from rest_framework.views import APIView

from metering.api.corrections import BackfillView, CorrectionView, ReplaceEventsView, VoidEventsView
from metering.api.events_list import EventReads, EventView
from metering.api.ingest import ingest_view
from metering.api.live_tail import TailView
from metering.api.requests import RequestsView
from metering.api.usage_query import UsageReads
from metering.ingest.dialects import dialects_by_route

# Where usage is sent to that can also be read there.
READS: dict[str, type[APIView]] = {"api/v1/usage": UsageReads, "api/v1/events": EventReads}


def _ingest_paths() -> list[Any]:
    return [
        path(route, ingest_view(dialects, reads=READS.get(route)), name=f"ingest-{dialects[0].name}")
        for route, dialects in dialects_by_route().items()
    ]


urlpatterns = [
    path("api/v1/events/void", VoidEventsView.as_view(), name="api-events-void"),
    path("api/v1/events/replace", ReplaceEventsView.as_view(), name="api-events-replace"),
    path("api/v1/events/backfill", BackfillView.as_view(), name="api-events-backfill"),
    path("api/v1/corrections/<int:correction_id>", CorrectionView.as_view(), name="api-correction"),
    path("api/v1/events/tail", TailView.as_view(), name="api-tail"),
    path("api/v1/events/<uuid:key>", EventView.as_view(), name="api-event"),
    path("api/v1/requests", RequestsView.as_view(), name="api-requests"),
    *_ingest_paths(),
]
