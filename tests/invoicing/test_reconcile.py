"""Reconciling finds what was not reported, takes over what it can, and shows the rest."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from invoicing.services.finalize import finalize_invoice
from invoicing.stripe.client import stripe_client
from invoicing.stripe.push import push_invoice
from invoicing.stripe.reconcile import reconcile_stripe
from tests.invoicing.company import AFTER_JULY

NOW = AFTER_JULY + timedelta(days=3)


@pytest.fixture
def invoice(draft, standin):
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    return push_invoice(invoice_id=draft.pk, now=AFTER_JULY)


def found(**options):
    return [(finding.number, finding.text, finding.settled) for finding in reconcile_stripe(now=NOW, **options)]


def test_what_agrees_is_no_finding(invoice):
    assert found() == []


@pytest.mark.parametrize(
    ("call", "status"),
    [("pay", "paid"), ("void_invoice", "void"), ("mark_uncollectible", "uncollectible")],
)
def test_a_missed_webhook_is_made_up_for(invoice, call, status):
    params = {"paid_out_of_band": True} if call == "pay" else {}
    getattr(stripe_client().v1.invoices, call)(invoice.stripe_invoice_id, params)
    text = f"Stripe's {invoice.stripe_invoice_id} is {status}, here it was open."
    assert found(dry_run=True) == [("AF-00001", text, True)]
    invoice.refresh_from_db()
    assert invoice.status == "open"
    assert found() == [("AF-00001", text, True)]
    invoice.refresh_from_db()
    assert (invoice.status, invoice.push_state) == (status, "pushed")
    assert found() == []


def test_an_invoice_that_stripe_does_not_have_is_shown(invoice, standin):
    standin.fail_next(rf"{invoice.stripe_invoice_id}$", status=404)
    ((number, text, settled),) = found()
    assert (number, settled) == ("AF-00001", False)
    assert text.startswith(f"Stripe does not have {invoice.stripe_invoice_id}")
    invoice.refresh_from_db()
    assert (invoice.push_state, invoice.push_error, invoice.push_retry_at) == ("failed", text, None)


def test_an_outage_is_reported_and_kept_nowhere(invoice, standin):
    standin.fail_next(rf"{invoice.stripe_invoice_id}$", status=503)
    ((number, text, settled),) = found()
    assert (number, settled) == ("AF-00001", False)
    assert text.startswith("Stripe answered 503")
    invoice.refresh_from_db()
    assert invoice.push_state == "pushed"


def test_the_command_fails_when_a_person_is_needed(invoice, standin):
    out = StringIO()
    call_command("reconcile_stripe", stdout=out)
    assert out.getvalue() == "0 differences, none that needs attention.\n"
    standin.fail_next(rf"{invoice.stripe_invoice_id}$", status=404)
    with pytest.raises(CommandError, match="1 differences need attention"):
        call_command("reconcile_stripe", stdout=out)
