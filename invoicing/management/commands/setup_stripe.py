from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError

from invoicing.stripe.failures import in_words
from invoicing.stripe.setup import setup_stripe


class Command(BaseCommand):
    help = "Connect with the Stripe account: take in its record and make its webhook report here. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = setup_stripe()
        except stripe.StripeError as error:
            raise CommandError(
                f"{in_words(error)} Check STRIPE_SECRET_KEY and the network, then run it again."
            ) from error
        made = "made" if done.webhook_made else "there already"
        self.stdout.write(f"account {done.account}\nwebhook {done.webhook_url} ({made})")
        for endpoint in done.unknown:
            self.stdout.write(
                f"note: Stripe also has {endpoint} at this address, whose secret is not known here. "
                "Delete it at Stripe if no other installation uses it."
            )
