import argparse
import getpass
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from metering.models import EventMonth
from metering.services.apply_retention import apply_retention, event_months_kept, preview_retention


class Command(BaseCommand):
    help = (
        "Drop the single events of months that are older than the ingestion policy keeps, and settled. Usage by day, "
        "cost, lines and invoices stay. May be repeated; cut off, it goes on where it stood."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say what would go, and what has to wait for what.")

    def handle(self, *args: Any, **options: Any) -> None:
        if event_months_kept() is None:
            self.stdout.write("The ingestion policy keeps events for ever: set “months to keep events” there.")
        if options["dry_run"]:
            self._preview()
            return
        done = apply_retention(made_by=f"command by {getpass.getuser()}", progress=self.stdout.write)
        for month in done:
            self._report(month)
        if not done:
            self.stdout.write("No month is due.")

    def _preview(self) -> None:
        months = preview_retention(now=timezone.now())
        for month in months:
            self.stdout.write(
                f"{month.month:%Y-%m}: {month.events:,} events, {month.table_bytes + month.batch_bytes:,} bytes "
                f"({month.table_bytes:,} of the table, {month.batch_bytes:,} of payloads)"
                f"{' would wait:' if month.holds else ' would be dropped, once a recount of its events agrees.'}"
            )
            for hold in month.holds:
                self.stdout.write(f"  {hold}")
        if not months:
            self.stdout.write("No month is due.")
        self.stdout.write("Dry run: nothing was changed.")

    def _report(self, month: EventMonth) -> None:
        if month.state == EventMonth.State.WAITING:
            self.stdout.write(f"{month.month:%Y-%m} waits:")
            for hold in month.waits_for.splitlines():
                self.stdout.write(f"  {hold}")
        else:
            self.stdout.write(
                f"{month.month:%Y-%m} dropped: {month.events:,} events ({month.voided_events:,} of them voided) that "
                f"cost {month.cost.normalize():f}; {month.table_bytes + month.batch_bytes:,} bytes."
            )
