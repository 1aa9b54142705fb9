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
    """The account's id, the webhook's address, and whether it was made now."""

    account: str
    webhook_url: str
    webhook_made: bool


def setup_stripe() -> StripeSetup:
    """Take in the account and make sure that one webhook endpoint at PUBLIC_URL works; safe to repeat.

    An endpoint at Stripe whose signing secret is not known here (Stripe tells it once) is replaced. Raises StripeError.
    """
    client = stripe_client()
    account = Account.sync_from_stripe_data(client.v1.accounts.retrieve_current(), api_key=settings.STRIPE_SECRET_KEY)
    usable: stripe.WebhookEndpoint | None = None
    for endpoint in client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter():
        if not endpoint.url.startswith(_webhook_url("")):
            continue
        if usable is None and _is_known(endpoint):
            usable = endpoint
        else:
            client.v1.webhook_endpoints.delete(endpoint.id)
    # What Stripe doesn't have any more would only look as if it worked.
    stale = WebhookEndpoint.objects.filter(url__startswith=_webhook_url(""))
    stale.exclude(id=usable.id if usable else "").delete()
    if usable is None:
        made = _make_endpoint(client)
        return StripeSetup(account.id, made.url, webhook_made=True)
    if usable.status != "enabled" or sorted(usable.enabled_events) != sorted(HANDLED_EVENTS):
        changes: Any = {"enabled_events": HANDLED_EVENTS, "disabled": False}
        client.v1.webhook_endpoints.update(usable.id, changes)
    return StripeSetup(account.id, usable.url, webhook_made=False)


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
