import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amberflow.lib.errors import DomainError
from metering.imports.lines import FileError
from metering.imports.mapping import MappingError
from metering.services.import_usage import ImportSummary, import_usage, rejection_summary

SHOWN_PER_REASON = 20


class Command(BaseCommand):
    help = "Load usage from a CSV file. Repeating it changes nothing; cut off, it goes on where it stood."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV with a first line of column names.")
        parser.add_argument("--mapping", type=Path, required=True, help="Which column is what (docs/import.md).")
        parser.add_argument("--dry-run", action="store_true", help="Read and check everything, keep nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summary = import_usage(
                path=options["file"],
                mapping_path=options["mapping"],
                dry_run=options["dry_run"],
                progress=lambda lines: self.stdout.write(f"  {lines:,} lines"),
            )
        except (MappingError, FileError) as error:
            raise CommandError(str(error)) from None
        except DomainError as error:
            raise CommandError(error.message) from None
        self._report(summary, dry_run=options["dry_run"])

    def _report(self, summary: ImportSummary, *, dry_run: bool) -> None:
        if summary.skipped:
            self.stdout.write(f"{summary.skipped:,} lines were done before and skipped.")
        self.stdout.write(
            f"{summary.lines:,} lines: {summary.counts['accepted']:,} accepted, "
            f"{summary.counts['duplicate']:,} duplicate, {summary.counts['rejected']:,} rejected."
        )
        for code, lines in rejection_summary(summary.rejected_lines).items():
            self.stdout.write(f"{code}: {len(lines):,}")
            for number, result in lines[:SHOWN_PER_REASON]:
                self.stdout.write(f"  line {number}: {result.message}")
            if len(lines) > SHOWN_PER_REASON:
                self.stdout.write(f"  … and {len(lines) - SHOWN_PER_REASON:,} more")
        if dry_run:
            self.stdout.write("Dry run: nothing was kept.")
        elif summary.rejected_lines:
            self.stdout.write("Rejected lines are kept under Rejected events in the admin, to be fixed and replayed.")
