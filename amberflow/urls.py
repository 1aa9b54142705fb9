"""Every address of the installation."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from amberflow.health import livez, readyz
from amberflow.not_found import not_found
from amberflow.root import root

urlpatterns = [
    path("", root),
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

handler404 = not_found
