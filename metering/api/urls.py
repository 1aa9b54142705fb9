"""The addresses of the ingestion routes: those of every dialect."""

from django.urls import path

from metering.api.ingest import ingest_view
from metering.ingest.dialects import dialects_by_route

urlpatterns = [
    path(route, ingest_view(dialects), name=f"ingest-{dialects[0].name}")
    for route, dialects in dialects_by_route().items()
]
