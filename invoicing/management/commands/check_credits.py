from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invoicing.services.check_credits import check_credits


class Command(BaseCommand):
    help = "Work out each credit grant's balance from its ledger, and compare what was spent with the invoices."

    def handle(self, *args: Any, **options: Any) -> None:
        found = check_credits()
        for difference in found.differences:
            self.stdout.write(difference)
        if found.differences:
            raise CommandError(f"{len(found.differences)} differences.", returncode=1)
        self.stdout.write(f"{found.grants} grants and {found.entries} entries add up, and say what the invoices say.")
