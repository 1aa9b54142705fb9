"""The addresses of the routes for usage, in every dialect, and its corrections."""

from django.urls import path

from metering.api.corrections import BackfillView, CorrectionView, ReplaceEventsView, VoidEventsView
from metering.api.ingest import ingest_view
from metering.ingest.dialects import dialects_by_route

urlpatterns = [
    path("api/v1/events/void", VoidEventsView.as_view(), name="api-events-void"),
    path("api/v1/events/replace", ReplaceEventsView.as_view(), name="api-events-replace"),
    path("api/v1/events/backfill", BackfillView.as_view(), name="api-events-backfill"),
    path("api/v1/corrections/<int:correction_id>", CorrectionView.as_view(), name="api-correction"),
    *(
        path(route, ingest_view(dialects), name=f"ingest-{dialects[0].name}")
        for route, dialects in dialects_by_route().items()
    ),
]
