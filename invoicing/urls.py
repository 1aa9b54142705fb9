"""The customer's pages."""

from django.urls import path

from invoicing.views import invoice_page

app_name = "invoicing"
urlpatterns = [path("invoices/<str:token>/", invoice_page, name="invoice")]
