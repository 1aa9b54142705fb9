from typing import Any

from invoicing.management.run_command import RunCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RunCommand):
    help = "Push finalized invoices to Stripe, and try failed pushes again that are due."

    def run(self, **options: Any) -> RunSummary:
        return runs.push_pending(**options)
