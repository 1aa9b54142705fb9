from typing import Any

from invoicing.management.run_command import RunCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RunCommand):
    help = "Rate what is open and bring the draft invoices up to date."

    def run(self, **options: Any) -> RunSummary:
        return runs.rate_and_draft(**options)
