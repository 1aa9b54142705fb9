import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amberflow.lib.errors import DomainError
from pricing.exchange.text import FORMATS
from pricing.models import PlanVersion
from pricing.services.plan_files import export_version


class Command(BaseCommand):
    help = "Write a plan version with its prices and example invoices as a file (docs/plan-files.md)."

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """With a --version that is the plan's, in the place of Django's own."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **options)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("code", help="The plan's code.")
        parser.add_argument("--version", type=int, help="Its version's number; the newest one if it is left out.")
        parser.add_argument("--format", choices=FORMATS, default="yaml")

    def handle(self, *args: Any, **options: Any) -> None:
        versions = PlanVersion.objects.filter(plan__code=options["code"]).select_related("plan").order_by("-number")
        if options["version"] is not None:
            versions = versions.filter(number=options["version"])
        version = versions.first()
        if version is None:
            raise CommandError(_not_found(options["code"], options["version"]))
        try:
            self.stdout.write(export_version(version=version, form=options["format"]), ending="")
        except DomainError as error:
            raise CommandError(error.message) from None


def _not_found(code: str, number: int | None) -> str:
    numbers = PlanVersion.objects.filter(plan__code=code).order_by("number").values_list("number", flat=True)
    if not numbers:
        return f"There is no plan {code!r}: use the code that the admin shows under Plans."
    return f"Plan {code!r} has no version {number}: use one of {', '.join(map(str, numbers))}."
