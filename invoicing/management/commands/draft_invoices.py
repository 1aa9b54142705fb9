from typing import Any

from invoicing.management.rate_command import RateCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RateCommand):
    help = "Rate what changed since the last run and bring the draft invoices up to date."

    def run(self, **options: Any) -> RunSummary:
        return runs.rate_and_draft(**options)
