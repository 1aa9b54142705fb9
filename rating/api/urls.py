"""The addresses of the routes about rating."""

from django.urls import path

from rating.api.lago import LagoCurrentUsageView
from rating.api.views import SimulationsView, SimulationView

urlpatterns = [
    path(
        "api/v1/customers/<str:external_customer_id>/current_usage",
        LagoCurrentUsageView.as_view(),
        name="lago-current-usage",
    ),
    path("api/v1/simulations", SimulationsView.as_view(), name="api-simulations"),
    path("api/v1/simulations/<int:simulation_id>", SimulationView.as_view(), name="api-simulation"),
]
