"""Connecting with Stripe: one webhook endpoint that works, however often it is run."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from djstripe.models import Account, WebhookEndpoint

from invoicing.stripe.client import stripe_client
from invoicing.stripe.handlers import HANDLED_EVENTS
from invoicing.stripe.setup import setup_stripe

pytestmark = pytest.mark.django_db


def test_the_account_is_known_and_the_endpoint_made(standin, settings):
    settings.PUBLIC_URL = "https://billing.example.com"
    done = setup_stripe()
    (endpoint,) = standin.objects("webhook_endpoint")
    stored = WebhookEndpoint.objects.get()
    assert endpoint["url"] == done.webhook_url == f"https://billing.example.com/stripe/webhook/{stored.djstripe_uuid}/"
    assert sorted(endpoint["enabled_events"]) == sorted(HANDLED_EVENTS)
    assert endpoint["api_version"] == settings.STRIPE_API_VERSION
    assert (stored.id, stored.secret.startswith("whsec_")) == (endpoint["id"], True)
    assert Account.objects.get().id == done.account
    assert done.webhook_made is True


def test_a_second_time_changes_nothing(standin):
    first = setup_stripe()
    second = setup_stripe()
    assert (second.webhook_url, second.webhook_made) == (first.webhook_url, False)
    assert len(standin.objects("webhook_endpoint")) == WebhookEndpoint.objects.count() == 1


def test_an_endpoint_that_another_installation_may_use_is_left_alone_and_told(standin):
    setup_stripe()
    theirs = standin.objects("webhook_endpoint")[0]["id"]
    WebhookEndpoint.objects.all().delete()
    done = setup_stripe()
    assert (done.webhook_made, done.unknown) == (True, (theirs,))
    assert [endpoint["id"] for endpoint in standin.objects("webhook_endpoint")] == [
        theirs,
        WebhookEndpoint.objects.get().id,
    ]
    out = StringIO()
    call_command("setup_stripe", stdout=out)
    assert f"note: Stripe also has {theirs} at this address" in out.getvalue()


def test_an_endpoint_deleted_at_stripe_is_made_again(standin):
    setup_stripe()
    stripe_client().v1.webhook_endpoints.delete(standin.objects("webhook_endpoint")[0]["id"])
    assert setup_stripe().webhook_made is True
    assert WebhookEndpoint.objects.get().id == standin.objects("webhook_endpoint")[0]["id"]


def test_an_endpoint_that_was_switched_off_works_again(standin):
    setup_stripe()
    endpoint = standin.objects("webhook_endpoint")[0]["id"]
    stripe_client().v1.webhook_endpoints.update(endpoint, {"disabled": True, "enabled_events": ["invoice.paid"]})
    assert setup_stripe().webhook_made is False
    (found,) = standin.objects("webhook_endpoint")
    assert (found["status"], sorted(found["enabled_events"])) == ("enabled", sorted(HANDLED_EVENTS))


def test_endpoints_of_others_are_left_alone(standin):
    stripe_client().v1.webhook_endpoints.create({"url": "https://other.example/hook", "enabled_events": ["*"]})
    setup_stripe()
    assert len(standin.objects("webhook_endpoint")) == 2


def test_the_command_says_what_it_did(standin):
    out = StringIO()
    call_command("setup_stripe", stdout=out)
    assert out.getvalue().endswith("(made)\n")


def test_a_wrong_key_is_told_with_the_remedy(standin):
    standin.fail_next(r"^/v1/account", status=401)
    with pytest.raises(CommandError, match=r"Stripe answered 401.*Check STRIPE_SECRET_KEY"):
        call_command("setup_stripe")
