"""Every address of the installation."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from amberflow.health import livez, readyz

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("livez", livez),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("", include("metering.api.urls")),
    path("", include("pricing.api.urls")),
    path("", include("rating.api.urls")),
    path("", include("invoicing.api.urls")),
    path("", include("invoicing.urls")),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
]
