"""The addresses of the ingestion routes."""

from django.urls import path

from metering.api.views import OpenMeterEventsView, UsageView

urlpatterns = [
    path("api/v1/usage", UsageView.as_view(), name="api-usage"),
    path("api/v1/events", OpenMeterEventsView.as_view(), name="api-events"),
]
