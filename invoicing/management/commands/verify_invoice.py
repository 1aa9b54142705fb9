from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amberflow.lib.errors import DomainError
from invoicing.services.verify import verify_invoice
from rating.services.inputs import ENGINE_VERSION


class Command(BaseCommand):
    help = "Rate a finalized invoice again from its usage and compare every line, slice, explanation and total."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="The invoice's number, like AF-00042.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = verify_invoice(number=options["number"])
        except DomainError as error:
            raise CommandError(error.message) from error
        for difference in found.differences:
            self.stdout.write(difference)
        if found.late_usage:
            self.stdout.write("Note: usage of the period changed after it was frozen; the invoice stays as it is.")
        if found.engine not in (None, ENGINE_VERSION):
            self.stdout.write(
                f"Note: version {found.engine} of the engine rated it, and this is version {ENGINE_VERSION}: "
                "docs/operations.md says what was computed otherwise; such a difference is no error of the invoice."
            )
        if found.differences:
            raise CommandError(f"{found.invoice.number}: {len(found.differences)} differences.", returncode=1)
        self.stdout.write(f"{found.invoice.number}: {found.lines} lines and {found.slices} slices reproduced exactly.")
