from typing import Any

from invoicing.management.run_command import RunCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RunCommand):
    help = "Finalize the drafts whose grace time is over: number, freeze, ask for payment."

    def run(self, **options: Any) -> RunSummary:
        return runs.finalize_due(**options)
