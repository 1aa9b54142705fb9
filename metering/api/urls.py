"""The addresses of the ingestion routes: those of every dialect."""

from django.urls import path

from metering.api.ingest import ingest_view
from metering.api.stripe_session import MeterEventSessionView
from metering.ingest.dialects import dialects_by_route

urlpatterns = [
    path("v2/billing/meter_event_session", MeterEventSessionView.as_view(), name="meter-event-session"),
    *(
        path(route, ingest_view(dialects), name=f"ingest-{dialects[0].name}")
        for route, dialects in dialects_by_route().items()
    ),
]
