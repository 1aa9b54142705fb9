"""The addresses of usage: in every dialect, its corrections, what is read, and what clients of other systems read."""

from typing import Any

from django.urls import path
from rest_framework.views import APIView

from metering.api.corrections import BackfillView, CorrectionView, ReplaceEventsView, VoidEventsView
from metering.api.events_list import EventReads, EventView
from metering.api.ingest import ingest_view
from metering.api.lago import LagoEventView, LagoMetricsView, LagoMetricView
from metering.api.live_tail import TailView
from metering.api.openmeter import MeterQueryView, MetersView, MeterView
from metering.api.openmeter_events import EventsV2View
from metering.api.openmeter_names import (
    CustomersView,
    CustomerView,
    GroupValuesView,
    MeterSubjectsView,
    SubjectsView,
    SubjectView,
)
from metering.api.requests import RequestsView
from metering.api.stripe_session import MeterEventSessionView
from metering.api.usage_query import UsageReads
from metering.ingest.dialects import dialects_by_route

ROOT = ""
# Where usage is sent to that can also be read there.
READS: dict[str, type[APIView]] = {"api/v1/usage": UsageReads, "api/v1/events": EventReads}

_routes = dialects_by_route()
# The root is shared with people's browsers: `amberflow.root` calls it.
root_view = ingest_view(_routes[ROOT])


def _ingest_paths() -> list[Any]:
    # An address that differs from another only by its last slash is not described twice.
    return [
        path(
            route,
            ingest_view(dialects, reads=READS.get(route.rstrip("/")), is_documented=route[:-1] not in _routes),
            name=f"ingest-{dialects[-1].name}",
        )
        for route, dialects in _routes.items()
        if route != ROOT
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
    path("v2/billing/meter_event_session", MeterEventSessionView.as_view(), name="meter-event-session"),
    # Any id that a client chose: after the routes with words of their own.
    path("api/v1/events/<str:transaction_id>", LagoEventView.as_view(), name="lago-event"),
    path("api/v1/meters", MetersView.as_view(), name="openmeter-meters"),
    path("api/v1/meters/<str:slug>", MeterView.as_view(), name="openmeter-meter"),
    path("api/v1/meters/<str:slug>/query", MeterQueryView.as_view(), name="openmeter-query"),
    path("api/v1/meters/<str:slug>/subjects", MeterSubjectsView.as_view(), name="openmeter-meter-subjects"),
    path(
        "api/v1/meters/<str:slug>/group-by/<str:dimension>/values", GroupValuesView.as_view(), name="openmeter-groups"
    ),
    path("api/v1/subjects", SubjectsView.as_view(), name="openmeter-subjects"),
    path("api/v1/subjects/<path:name>", SubjectView.as_view(), name="openmeter-subject"),
    path("api/v1/customers", CustomersView.as_view(), name="openmeter-customers"),
    path("api/v1/customers/<str:name>", CustomerView.as_view(), name="openmeter-customer"),
    path("api/v2/events", EventsV2View.as_view(), name="openmeter-events"),
    path("api/v1/billable_metrics", LagoMetricsView.as_view(), name="lago-metrics"),
    path("api/v1/billable_metrics/<str:code>", LagoMetricView.as_view(), name="lago-metric"),
]
