from typing import Any

from django.core.management.base import BaseCommand

from metering.costbook.import_genai import import_cost_book


class Command(BaseCommand):
    help = "Take the prices of the installed genai-prices package into the cost book. Repeating it adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        result = import_cost_book()
        self.stdout.write(
            f"{result.source}: {result.models_added} models added, {result.models_changed} with new prices, "
            f"{result.rates_added} rates added."
        )
        for reason in result.skipped:
            self.stderr.write(f"Skipped {reason}")
