from django.contrib import admin

from amberflow.admin_base import ReadOnlyAdmin, display, quantity
from metering.models import UsageImport


@admin.register(UsageImport)
class UsageImportAdmin(ReadOnlyAdmin):
    purpose = "Files of usage. Load one with: manage.py import_usage FILE --mapping MAPPING"
    list_display = ["file_name", "state", "started_at", "finished_at", "line_count", "taken", "repeated", "refused"]
    search_fields = ["file_name__icontains", "=digest"]
    search_help_text = "Part of the file name"

    @display(description="State", label={"Done": "success", "Not finished": "warning"})
    def state(self, run: UsageImport) -> str:
        return "Done" if run.finished_at else "Not finished"

    @display(description="Lines", ordering="lines")
    def line_count(self, run: UsageImport) -> str:
        return quantity(run.lines)

    @display(description="Accepted", ordering="accepted")
    def taken(self, run: UsageImport) -> str:
        return quantity(run.accepted)

    @display(description="Duplicates", ordering="duplicates")
    def repeated(self, run: UsageImport) -> str:
        return quantity(run.duplicates)

    @display(description="Rejected", ordering="rejected")
    def refused(self, run: UsageImport) -> str:
        return quantity(run.rejected)
