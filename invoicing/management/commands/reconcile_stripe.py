from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from invoicing.stripe.reconcile import reconcile_stripe


class Command(BaseCommand):
    help = "Compare the invoices that wait for payment with Stripe, and take over what was missed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only report.")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = reconcile_stripe(now=timezone.now(), dry_run=options["dry_run"])
        for finding in findings:
            done = "needs attention" if not finding.settled else "found" if options["dry_run"] else "taken over"
            self.stdout.write(f"{finding.number:<16}  {done:<16}  {finding.text}")
        open_findings = sum(not finding.settled for finding in findings)
        if open_findings:
            raise CommandError(f"{open_findings} differences need attention.", returncode=1)
        self.stdout.write(f"{len(findings)} differences, none that needs attention.")
