import argparse
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from customers.models import Customer
from metering.queries import has_moving_usage
from metering.retention.kept import counted_from
from metering.services.recount_usage import recount_usage


class Command(BaseCommand):
    help = "Count all usage anew from the events and compare it with the rollups. Exits with 1 if anything differs."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--customer", help="External id of a customer; otherwise all.")
        parser.add_argument("--since", type=date.fromisoformat, help="First local day, like 2026-01-31.")

    def handle(self, *args: Any, **options: Any) -> None:
        customer = None
        if options["customer"] is not None:
            customer = Customer.objects.filter(external_id=options["customer"]).first()
            if customer is None:
                raise CommandError(f"--customer {options['customer']!r}: no customer has this external id.")
        differences = recount_usage(customer=customer, since=options["since"])
        for each in differences:
            self.stdout.write(
                f"series {each.series} on {each.day}: {each.column} is {each.stored}, its events say {each.counted}"
            )
        if differences:
            if has_moving_usage():
                self.stdout.write(
                    "Usage is being moved or counted anew at this moment: what is kept beside sums (counts, minimum, "
                    "maximum, latest, single values, texts) is right again when that is done."
                )
            raise CommandError(f"{len(differences)} sums differ from a recount of the events.")
        self.stdout.write("The rollups are what the events add up to.")
        if (first := counted_from()) is not None:
            self.stdout.write(f"Days before {first} can't be counted any more: events of that time were dropped.")
