from typing import Any

from invoicing.management.run_command import RunCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RunCommand):
    help = "Rate every billing period that is not frozen; drafts stay as they are."

    def run(self, **options: Any) -> RunSummary:
        return runs.rate_and_draft(draft=False, **options)
