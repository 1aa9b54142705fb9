import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from amberflow.lib.errors import DomainError
from pricing.engine.diff import VersionDiff
from pricing.services.plan_files import ImportPreview, import_plan, newest_version, preview_import, read_plan_file
from pricing.services.plans import find_problems, publish_version


class Command(BaseCommand):
    help = "Read a plan version from a file into the plan's draft, or a new version (docs/plan-files.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSON or YAML, as export_plan writes it.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would change and keep nothing.")
        parser.add_argument("--publish", action="store_true", help="Publish it, if its examples come out right.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                self._import(options)
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']}: {error}") from None
        except DomainError as error:
            raise CommandError(error.message) from None
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was kept.")

    def _import(self, options: dict[str, Any]) -> None:
        file = read_plan_file(options["file"].read_text(encoding="utf-8"))
        self._report(preview_import(file=file, version=newest_version(file=file)))
        version = import_plan(file=file)
        problems = find_problems(version=version)
        if options["publish"]:
            publish_version(version_id=version.pk)
            self.stdout.write(f"{version} is published.")
            return
        self.stdout.write(f"{version} is a draft with {len(file.prices)} prices and {len(file.examples)} examples.")
        for problem in problems:
            self.stdout.write(f"Not ready to be published: {problem}")

    def _report(self, preview: ImportPreview) -> None:
        before = f"Compared with {preview.against}:" if preview.against else f"Plan {preview.file.plan} is new:"
        self.stdout.write(before)
        if preview.is_empty:
            self.stdout.write("  nothing is different")
        for line in _price_lines(preview.prices):
            self.stdout.write(f"  {line}")
        for word in ("added", "removed", "changed"):
            for name in getattr(preview, f"{word}_examples"):
                self.stdout.write(f"  example {name}: {word}")


def _price_lines(diff: VersionDiff) -> list[str]:
    lines = [f"price {key}: added" for key, _ in diff.added] + [f"price {key}: removed" for key, _ in diff.removed]
    for change in diff.changed:
        lines += [f"price {change.key}: {field.field} {field.before} → {field.after}" for field in change.fields]
        lines += [
            f"price {change.key}: tier {tier.number} {_tier_text(tier.before)} → {_tier_text(tier.after)}"
            for tier in change.tiers
            if tier.fields or tier.before is None or tier.after is None
        ]
    return lines


def _tier_text(tier: Any) -> str:
    if tier is None:
        return "none"
    return ", ".join(f"{name} {value}" for name, value in tier.items() if value is not None) or "at its defaults"
