"""The addresses of the routes about credits."""

from django.urls import path

from invoicing.api.views import CreditBalanceView, CreditsView, CreditView, RevokeCreditView

urlpatterns = [
    path("api/v1/credits", CreditsView.as_view(), name="api-credits"),
    path("api/v1/credits/balance", CreditBalanceView.as_view(), name="api-credit-balance"),
    path("api/v1/credits/<int:grant_id>", CreditView.as_view(), name="api-credit"),
    path("api/v1/credits/<int:grant_id>/revoke", RevokeCreditView.as_view(), name="api-credit-revoke"),
]
