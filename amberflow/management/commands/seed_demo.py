"""Loads the demo company and says how to get in."""

import logging
from datetime import UTC, date, datetime, time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from amberflow.demo import access
from amberflow.demo.loader import load_demo
from amberflow.demo.payments import NotReachableError
from amberflow.demo.progress import find_load
from amberflow.demo.report import Report
from amberflow.demo.tour import tour_links
from amberflow.lib.errors import DomainError

DEFAULT_SEED = 7


class Command(BaseCommand):
    help = "Load the demo company Amber Cloud with a year of usage and invoices, and say how to get in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="Same seed and day, same usage.")
        parser.add_argument("--today", type=date.fromisoformat, help="The company's last day (default: today, UTC).")
        parser.add_argument("--fast", action="store_true", help="Only the last months, and without Stripe.")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)  # one line for each task that waits for the worker
        now = timezone.now()
        today = options["today"] or now.date()
        if today < now.date():
            now = datetime.combine(today, time(23, 59, 59), tzinfo=UTC)
        self.stdout.ending = ""  # the report ends its lines itself
        report = Report(self.stdout, live=self.stdout.isatty())
        load = find_load()
        if load is not None and load.finished:
            report.line(f"The demo company is loaded (seed {load.seed}, up to {load.today}).")
        else:
            report.line("Loading the demo company Amber Cloud" if load is None else "Going on with the demo company")
            try:
                load_demo(seed=options["seed"], today=today, now=now, fast=options["fast"], report=report)
            except (DomainError, NotReachableError) as error:
                raise CommandError(str(error)) from error
        self._say_how_to_get_in(report)

    def _say_how_to_get_in(self, report: Report) -> None:
        access.ensure_admin()
        report.line(f"  Back office            {settings.PUBLIC_URL}/admin/")
        report.line(f"  Log-in                 {access.ADMIN_NAME} / {access.ADMIN_PASSWORD}")
        for name, address in tour_links():
            report.line(f"  {name:<22} {address}")
        report.line(f"  API key                {access.ensure_api_key()}")
