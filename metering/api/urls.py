"""The addresses of the routes about usage."""

from django.urls import path

from metering.api.events_list import EventView
from metering.api.live_tail import TailView
from metering.api.requests import RequestsView
from metering.api.views import OpenMeterEventsView, UsageView

urlpatterns = [
    path("api/v1/usage", UsageView.as_view(), name="api-usage"),
    path("api/v1/events", OpenMeterEventsView.as_view(), name="api-events"),
    path("api/v1/events/tail", TailView.as_view(), name="api-tail"),
    path("api/v1/events/<uuid:key>", EventView.as_view(), name="api-event"),
    path("api/v1/requests", RequestsView.as_view(), name="api-requests"),
]
