from django.contrib import admin

from amberflow.admin_base import BaseAdmin, display
from rating.models import ExchangeRate


@admin.register(ExchangeRate)
class ExchangeRateAdmin(BaseAdmin):
    purpose = "Turns provider cost into the currency of an invoice; needed for each one besides the cost book's."
    list_display = ["shown_rate", "from_currency", "to_currency", "effective_from", "created_at"]
    list_filter = ["from_currency", "to_currency"]
    search_fields = ["=from_currency", "=to_currency"]
    search_help_text = "Currency code"

    def has_change_permission(self, request, obj=None):
        """Rates are only added: a period that was rated with one must find it again."""
        return False

    @display(description="Rate", ordering="rate")
    def shown_rate(self, rate: ExchangeRate) -> str:
        return str(rate)
