from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import Panel, ReadOnlyAdmin, add_panel, display, list_url, quantity
from metering.models import QuarantineRun, RejectedEvent


@admin.register(QuarantineRun)
class QuarantineRunAdmin(ReadOnlyAdmin):
    purpose = "What was decided about groups of rejected events. Nothing so far."
    list_display = [
        "title",
        "reason_of_group",
        "what",
        "total_count",
        "accepted_count",
        "still_rejected",
        "by",
        "made_at",
    ]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["description__icontains", "made_by__icontains"]
    search_help_text = "Part of what was done, or of who did it"
    fields = ["made_at", "finished_at"]

    @display(description="Run", ordering="pk")
    def title(self, run: QuarantineRun) -> str:
        return str(run)

    @display(description="Events")
    def reason_of_group(self, run: QuarantineRun) -> str:
        return ", ".join(filter(None, (run.group["code"], run.group["customer_ref"], run.group["type_ref"])))

    @display(description="What was done")
    def what(self, run: QuarantineRun) -> str:
        text = run.reason or run.description
        return text if len(text) <= 80 else f"{text[:79]}…"

    @display(description="Events", ordering="total")
    def total_count(self, run: QuarantineRun) -> str:
        return quantity(run.total)

    @display(description="Accepted", ordering="accepted")
    def accepted_count(self, run: QuarantineRun) -> str:
        return quantity(run.accepted)

    @display(description="Still rejected", ordering="rejected")
    def still_rejected(self, run: QuarantineRun) -> str:
        return quantity(run.rejected)

    @display(description="By", ordering="made_by")
    def by(self, run: QuarantineRun) -> str:
        return run.made_by


def _run_panel(request: HttpRequest, run: QuarantineRun) -> Panel:
    return Panel(
        "admin/metering/quarantinerun/run.html",
        {
            "run": run,
            "share": round(100 * run.done / run.total) if run.total else 100,
            "events": list_url(RejectedEvent, run__id__exact=run.pk),
            "still": list_url(RejectedEvent, run__id__exact=run.pk, status__exact="open"),
        },
    )


add_panel(QuarantineRun, _run_panel)
