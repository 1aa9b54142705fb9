import argparse
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from customers.models import Customer
from metering.models import EventType
from metering.retention.kept import counted_from
from metering.services.rebuild_usage import rebuild_usage


class Command(BaseCommand):
    help = (
        "Count anew from the events what meters need beside sums: statistics, single values, distinct texts. May be "
        "repeated and run while usage comes in; cut off, it goes on where it stood."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--event-type", help="Code of an event type; otherwise all.")
        parser.add_argument("--customer", help="External id of a customer; otherwise all.")
        parser.add_argument("--since", type=date.fromisoformat, help="First local day, like 2026-01-31.")

    def handle(self, *args: Any, **options: Any) -> None:
        days = rebuild_usage(
            event_type=self._event_type(options["event_type"]),
            customer=self._customer(options["customer"]),
            since=options["since"],
            progress=lambda done, days: self.stdout.write(f"  {done:,} of {days:,} days"),
        )
        self.stdout.write(f"{days:,} days counted.")
        if (first := counted_from()) is not None:
            self.stdout.write(f"Days before {first} stay as they were counted: events of that time were dropped.")

    def _event_type(self, code: str | None) -> EventType | None:
        event_type = None if code is None else EventType.objects.filter(code=code).first()
        if code is not None and event_type is None:
            raise CommandError(f"--event-type {code!r}: no event type has this code.")
        return event_type

    def _customer(self, external_id: str | None) -> Customer | None:
        customer = None if external_id is None else Customer.objects.filter(external_id=external_id).first()
        if external_id is not None and customer is None:
            raise CommandError(f"--customer {external_id!r}: no customer has this external id.")
        return customer
