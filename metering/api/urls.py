"""The addresses of the routes for usage and its corrections."""

from django.urls import path

from metering.api.corrections import BackfillView, CorrectionView, ReplaceEventsView, VoidEventsView
from metering.api.views import OpenMeterEventsView, UsageView

urlpatterns = [
    path("api/v1/usage", UsageView.as_view(), name="api-usage"),
    path("api/v1/events", OpenMeterEventsView.as_view(), name="api-events"),
    path("api/v1/events/void", VoidEventsView.as_view(), name="api-events-void"),
    path("api/v1/events/replace", ReplaceEventsView.as_view(), name="api-events-replace"),
    path("api/v1/events/backfill", BackfillView.as_view(), name="api-events-backfill"),
    path("api/v1/corrections/<int:correction_id>", CorrectionView.as_view(), name="api-correction"),
]
