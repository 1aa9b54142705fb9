from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from amberflow.admin_base import ReadOnlyAdmin, display, money, quantity
from metering.admin.storage import size_text
from metering.models import EventMonth


@admin.register(EventMonth)
class EventMonthAdmin(ReadOnlyAdmin):
    purpose = (
        "Months whose single events were dropped, or wait to be. The ingestion policy says how long events are kept; "
        "without it they are kept for ever."
    )
    list_display = ["name", "shown_state", "shown_events", "shown_cost", "size", "when", "dropped_by", "waits_for"]
    list_display_links = ["name"]
    list_filter = ["state"]
    fields = [
        "name", "shown_state", "waits_for", "checked_at", "dropped_by", "dropped_at", "shown_events", "shown_voided",
        "shown_cost", "shown_table", "batches", "shown_batches",
    ]  # fmt: skip

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = super().get_list_display(request)
        if request.user.has_perm("invoicing.view_cost"):
            return list(columns)
        return [column for column in columns if column != "shown_cost"]

    def get_fields(self, request: HttpRequest, obj: EventMonth | None = None) -> list[str]:
        sees_cost = request.user.has_perm("invoicing.view_cost")
        return [name for name in self.fields if sees_cost or name != "shown_cost"]

    @display(description="Month (UTC)", ordering="month")
    def name(self, month: EventMonth) -> str:
        return f"{month.month:%B %Y}"

    @display(
        description="State",
        ordering="state",
        label={"Waits": "warning", "Being dropped": "info", "Dropped": "success"},
    )
    def shown_state(self, month: EventMonth) -> str:
        return month.get_state_display()

    @display(description="Events", ordering="events")
    def shown_events(self, month: EventMonth) -> str:
        return "–" if month.state == EventMonth.State.WAITING else quantity(month.events)

    @display(description="Of those voided")
    def shown_voided(self, month: EventMonth) -> str:
        return quantity(month.voided_events)

    @display(description="Cost", ordering="cost")
    def shown_cost(self, month: EventMonth) -> str:
        return "–" if month.state == EventMonth.State.WAITING else money(month.cost, settings.COST_CURRENCY)

    @display(description="Freed")
    def size(self, month: EventMonth) -> str:
        return "–" if month.state == EventMonth.State.WAITING else size_text(month.table_bytes + month.batch_bytes)

    @display(description="Size of the events")
    def shown_table(self, month: EventMonth) -> str:
        return size_text(month.table_bytes)

    @display(description="Size of the payloads")
    def shown_batches(self, month: EventMonth) -> str:
        return size_text(month.batch_bytes)

    @display(description="When (UTC)", ordering="checked_at")
    def when(self, month: EventMonth) -> str:
        return f"{month.dropped_at or month.checked_at:%Y-%m-%d %H:%M}"
