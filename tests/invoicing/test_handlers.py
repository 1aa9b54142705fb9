"""What Stripe tells happens here: once, in any order, and only to the invoice it is about."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.payment import record_payment
from invoicing.stripe.handlers import on_payment_failed, on_status
from tests.invoicing.company import AFTER_JULY

PAID_AT = datetime(2026, 8, 5, 10, tzinfo=UTC)


@pytest.fixture
def invoice(draft):
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    Invoice.objects.filter(pk=invoice.pk).update(stripe_invoice_id="in_1", push_state="pushed")
    invoice.refresh_from_db()
    return invoice


def tell(event_type, *, stripe_id="in_1", public_id=None, **fields):
    moments = dict.fromkeys(("paid_at", "voided_at", "marked_uncollectible_at"), int(PAID_AT.timestamp()))
    remote = {
        "id": stripe_id,
        "metadata": {"amberflow_invoice": str(public_id)} if public_id else {},
        "status_transitions": moments,
        **fields,
    }
    event = SimpleNamespace(type=event_type, data={"object": remote}, created=PAID_AT)
    handler = on_payment_failed if event_type == "invoice.payment_failed" else on_status
    handler(sender=None, event=event)


def status_of(invoice):
    invoice.refresh_from_db()
    return invoice.status


def test_a_payment_makes_the_invoice_paid(invoice):
    tell("invoice.paid")
    assert status_of(invoice) == "paid"
    assert (invoice.paid_at, invoice.payment_reference, invoice.push_state) == (PAID_AT, "in_1", "pushed")
    assert invoice.events.last().text == "Paid by Stripe: in_1."


def test_the_same_message_twice_counts_once(invoice):
    tell("invoice.paid")
    tell("invoice.paid")
    assert invoice.events.filter(text__startswith="Paid").count() == 1


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        (["invoice.voided"], "void"),
        (["invoice.marked_uncollectible"], "uncollectible"),
        (["invoice.marked_uncollectible", "invoice.paid"], "paid"),
        # Stripe sent the second before the first; the first is old news when it arrives.
        (["invoice.paid", "invoice.marked_uncollectible"], "paid"),
        (["invoice.voided", "invoice.marked_uncollectible"], "void"),
        (["invoice.paid", "invoice.payment_failed"], "paid"),
    ],
)
def test_messages_in_any_order_lead_to_stripes_last_state(invoice, messages, status):
    for message in messages:
        tell(message)
    assert status_of(invoice) == status
    assert invoice.push_state == "pushed"


def test_a_failed_payment_is_kept_in_the_history(invoice):
    tell("invoice.payment_failed", attempt_count=2)
    assert status_of(invoice) == "open"
    assert invoice.events.last().text == "Payment at Stripe failed (attempt 2)."


def test_money_for_a_void_invoice_needs_a_person(invoice):
    tell("invoice.voided")
    tell("invoice.paid")
    tell("invoice.paid")
    assert status_of(invoice) == "void"
    assert (invoice.push_state, invoice.push_error) == ("failed", "Stripe's in_1 is paid, here it is void.")
    assert invoice.events.filter(text=invoice.push_error).count() == 1


def test_stripes_word_of_a_payment_that_it_was_told_of_changes_nothing(invoice):
    record_payment(invoice_id=invoice.pk, paid_at=AFTER_JULY, reference="TX 1", source="bank transfer")
    tell("invoice.paid")
    assert status_of(invoice) == "paid"
    assert (invoice.paid_at, invoice.payment_reference) == (AFTER_JULY, "TX 1")


def test_the_message_may_come_before_the_id_was_kept(invoice):
    Invoice.objects.filter(pk=invoice.pk).update(stripe_invoice_id="")
    tell("invoice.paid", stripe_id="in_9", public_id=invoice.public_id)
    assert status_of(invoice) == "paid"


@pytest.mark.parametrize("public_id", [None, "not-a-uuid", "00000000-0000-4000-8000-000000000000"])
def test_other_invoices_in_the_account_are_ignored(invoice, public_id):
    tell("invoice.paid", stripe_id="in_other", public_id=public_id)
    assert status_of(invoice) == "open"


def test_a_copy_made_by_hand_at_stripe_does_not_pay_the_invoice(invoice):
    """Duplicating an invoice in Stripe's dashboard copies its metadata."""
    tell("invoice.paid", stripe_id="in_copy", public_id=invoice.public_id)
    assert status_of(invoice) == "open"
