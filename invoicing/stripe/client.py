"""The connection to Stripe, or to the stand-in that `STRIPE_API_HOST` names."""

import stripe
from django.conf import settings

TIMEOUT_S = 30


def stripe_client() -> stripe.StripeClient:
    """A client with the installation's key and API version. Its own retries cover short network failures."""
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={"api": stripe.api_base},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        max_network_retries=2,
    )
