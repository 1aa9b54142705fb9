"""Connects the installation with its Stripe account: the account's record, and the webhook that reports payments."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import stripe
from django.conf import settings
from djstripe.models import Account, WebhookEndpoint

from invoicing.stripe.client import stripe_client
from invoicing.stripe.handlers import HANDLED_EVENTS
from invoicing.stripe.remote_invoice import metadata_of

UUID_KEY = "djstripe_uuid"


@dataclass(frozen=True, slots=True)
class StripeSetup:
    """The account's id, the webhook's address, and whether it was made now.

    `unknown` are endpoints at Stripe with this installation's address whose signing secret is not known here.
    """

    account: str
    webhook_url: str
    webhook_made: bool
    unknown: tuple[str, ...]


def setup_stripe() -> StripeSetup:
    """Take in the account and make sure that a webhook endpoint at PUBLIC_URL works; safe to repeat.

    Endpoints that another installation may have made are never touched: without them it would hear of no payment any
    more. Raises StripeError.
    """
    client = stripe_client()
    account = Account.sync_from_stripe_data(client.v1.accounts.retrieve_current(), api_key=settings.STRIPE_SECRET_KEY)
    here = [
        endpoint
        for endpoint in client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()
        if endpoint.url.startswith(_webhook_url(""))
    ]
    known = [endpoint for endpoint in here if _is_known(endpoint)]
    unknown = tuple(endpoint.id for endpoint in here if endpoint not in known)
    if not known:
        # A record of an endpoint that Stripe doesn't have any more would only look as if it worked.
        WebhookEndpoint.objects.filter(url__startswith=_webhook_url("")).delete()
        return StripeSetup(account.id, _make_endpoint(client).url, webhook_made=True, unknown=unknown)
    usable = known[0]
    if usable.status != "enabled" or sorted(usable.enabled_events) != sorted(HANDLED_EVENTS):
        changes: Any = {"enabled_events": HANDLED_EVENTS, "disabled": False}
        client.v1.webhook_endpoints.update(usable.id, changes)
    return StripeSetup(account.id, usable.url, webhook_made=False, unknown=unknown)


def _make_endpoint(client: stripe.StripeClient) -> stripe.WebhookEndpoint:
    uuid = str(uuid4())
    params: Any = {
        "url": _webhook_url(f"{uuid}/"),
        "enabled_events": HANDLED_EVENTS,
        "api_version": settings.STRIPE_API_VERSION,
        "metadata": {UUID_KEY: uuid},
    }
    endpoint = client.v1.webhook_endpoints.create(params)
    WebhookEndpoint.sync_from_stripe_data(endpoint, api_key=settings.STRIPE_SECRET_KEY)
    return endpoint


def _is_known(endpoint: stripe.WebhookEndpoint) -> bool:
    uuid = metadata_of(endpoint).get(UUID_KEY)
    return (
        endpoint.api_version == settings.STRIPE_API_VERSION
        and WebhookEndpoint.objects.filter(id=endpoint.id, djstripe_uuid=uuid).exclude(secret="").exists()
    )


def _webhook_url(rest: str) -> str:
    return f"{settings.PUBLIC_URL}/stripe/webhook/{rest}"
