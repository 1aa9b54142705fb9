"""What the commands of the billing runs share: their options, and a table that grows as the work is done."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from customers.models import Customer
from invoicing.services.report import RunRow, RunSummary

WIDTHS = "{:<24}  {:<26}  {:<16}  {:>18}  {}"


class RunCommand(BaseCommand):
    """A command around one run; exits with 1 when something needs attention."""

    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Do everything and keep nothing.")
        parser.add_argument("--customer", metavar="ID", help="Only the customer with this external id.")

    def run(self, **options: Any) -> RunSummary:
        """The run itself; `options` are what every run takes."""
        raise NotImplementedError

    def options(self, **options: Any) -> dict[str, Any]:
        """What this run takes beside what every run takes, from the command's options."""
        return {}

    def handle(self, *args: Any, **options: Any) -> None:
        customer = options["customer"]
        if customer is not None and not Customer.objects.filter(external_id=customer).exists():
            raise CommandError(f"--customer {customer!r}: no customer has this external id.")
        self.stdout.write(WIDTHS.format("CUSTOMER", "PERIOD OR INVOICE", "RESULT", "AMOUNT", "").rstrip())
        summary = self.run(
            now=timezone.now(),
            dry_run=options["dry_run"],
            customer=customer,
            on_row=self._print_row,
            **self.options(**options),
        )
        kept = " (dry run, nothing was kept)" if options["dry_run"] else ""
        self.stdout.write(f"{summary}{kept}")
        if summary.needs_attention:
            raise CommandError(f"{len(summary.needs_attention)} need attention, see above.", returncode=1)

    def _print_row(self, row: RunRow) -> None:
        line = WIDTHS.format(row.customer, row.what, row.result, row.amount, row.detail)
        self.stdout.write(line.rstrip())
        self.stdout.flush()
