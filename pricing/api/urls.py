"""The addresses of the pricing routes."""

from django.urls import path

from pricing.api.views import PreviewView

urlpatterns = [path("api/v1/pricing/preview", PreviewView.as_view(), name="api-pricing-preview")]
