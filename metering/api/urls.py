"""The addresses of the routes for usage, in every dialect, its corrections, and what clients of other systems read."""

from django.urls import path

from metering.api.corrections import BackfillView, CorrectionView, ReplaceEventsView, VoidEventsView
from metering.api.ingest import ingest_view
from metering.api.lago import LagoEventView, LagoMetricsView, LagoMetricView
from metering.api.stripe_session import MeterEventSessionView
from metering.ingest.dialects import dialects_by_route

ROOT = ""

_routes = dialects_by_route()
# The root is shared with people's browsers: `amberflow.root` calls it.
root_view = ingest_view(_routes[ROOT])
urlpatterns = [
    path("api/v1/events/void", VoidEventsView.as_view(), name="api-events-void"),
    path("api/v1/events/replace", ReplaceEventsView.as_view(), name="api-events-replace"),
    path("api/v1/events/backfill", BackfillView.as_view(), name="api-events-backfill"),
    path("api/v1/corrections/<int:correction_id>", CorrectionView.as_view(), name="api-correction"),
    *(
        # An address that differs from another only by its last slash is not described twice.
        path(route, ingest_view(dialects, is_documented=route[:-1] not in _routes), name=f"ingest-{dialects[-1].name}")
        for route, dialects in _routes.items()
        if route != ROOT
    ),
    # Any id that a client chose: after the routes with words of their own.
    path("api/v1/events/<str:transaction_id>", LagoEventView.as_view(), name="lago-event"),
    path("v2/billing/meter_event_session", MeterEventSessionView.as_view(), name="meter-event-session"),
    path("api/v1/billable_metrics", LagoMetricsView.as_view(), name="lago-metrics"),
    path("api/v1/billable_metrics/<str:code>", LagoMetricView.as_view(), name="lago-metric"),
]
