"""The address `/`: people are shown the back office, and the clients that post usage to it are served."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from metering.api.urls import root_view

_to_admin = RedirectView.as_view(url="/admin/", permanent=False)


@csrf_exempt
def root(request: HttpRequest) -> HttpResponseBase:
    """Usage is authenticated by its API key, not by a cookie, so that no token of a form is asked for."""
    return (root_view if request.method == "POST" else _to_admin)(request)
