from typing import Any

from invoicing.management.rate_command import RateCommand
from invoicing.services import runs
from invoicing.services.report import RunSummary


class Command(RateCommand):
    help = "Rate the billing periods whose usage or terms changed; drafts stay as they are."

    def run(self, **options: Any) -> RunSummary:
        return runs.rate_and_draft(draft=False, **options)
