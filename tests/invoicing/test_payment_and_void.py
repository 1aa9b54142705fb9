"""Payment, voiding, giving up and the link: each once, each kept in the history."""

from datetime import timedelta

import pytest

from amberflow.lib.errors import DomainError
from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.links import rotate_link
from invoicing.services.payment import record_payment
from invoicing.services.push import retry_push
from invoicing.services.uncollectible import mark_uncollectible
from invoicing.services.void import void_invoice
from tests.invoicing.company import AFTER_JULY

NEXT_DAY = AFTER_JULY + timedelta(days=1)


@pytest.fixture
def invoice(draft):
    return finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)


def pay(invoice, reference="TX 1", source="bank transfer"):
    return record_payment(invoice_id=invoice.pk, paid_at=NEXT_DAY, reference=reference, source=source)


def test_a_payment_is_recorded_once(invoice):
    pay(invoice)
    paid = pay(invoice, reference="TX 2")
    assert (paid.status, paid.paid_at, paid.payment_reference) == ("paid", NEXT_DAY, "TX 1")
    assert [event.text for event in paid.events.all()] == [
        "Draft made.",
        "Finalized as AF-00001.",
        "Paid by bank transfer: TX 1.",
    ]


def test_an_invoice_that_stripe_never_saw_needs_no_push_once_it_is_paid(invoice):
    assert pay(invoice).push_state == "not_due"


def test_stripe_is_told_of_a_payment_that_came_another_way(invoice):
    Invoice.objects.filter(pk=invoice.pk).update(push_state="pushed", stripe_invoice_id="in_1")
    assert pay(invoice).push_state == "pending"


def test_stripe_is_not_told_of_what_it_told(invoice):
    Invoice.objects.filter(pk=invoice.pk).update(push_state="pushed", stripe_invoice_id="in_1")
    assert pay(invoice, reference="in_1", source="Stripe").push_state == "pushed"


def test_a_draft_cant_be_paid_voided_or_given_up(draft):
    for change in (
        lambda: pay(draft),
        lambda: void_invoice(invoice_id=draft.pk, now=NEXT_DAY, reason="mistake"),
        lambda: mark_uncollectible(invoice_id=draft.pk, now=NEXT_DAY),
    ):
        with pytest.raises(DomainError) as caught:
            change()
        assert caught.value.code == "wrong_status"


def test_voiding_needs_a_reason_and_keeps_the_number(invoice):
    with pytest.raises(DomainError) as caught:
        void_invoice(invoice_id=invoice.pk, now=NEXT_DAY, reason=" ")
    assert caught.value.field == "reason"
    void_invoice(invoice_id=invoice.pk, now=NEXT_DAY, reason="Wrong customer.")
    void = void_invoice(invoice_id=invoice.pk, now=NEXT_DAY + timedelta(days=1), reason="Again.")
    assert (void.status, void.voided_at, void.number) == ("void", NEXT_DAY, "AF-00001")
    assert void.events.last().text == "Voided: Wrong customer."


def test_a_paid_invoice_cant_be_voided(invoice):
    pay(invoice)
    with pytest.raises(DomainError, match="from paid to void: paid is its last state"):
        void_invoice(invoice_id=invoice.pk, now=NEXT_DAY, reason="late")


def test_a_void_invoice_cant_be_paid(invoice):
    void_invoice(invoice_id=invoice.pk, now=NEXT_DAY, reason="Wrong.")
    with pytest.raises(DomainError, match="from void to paid"):
        pay(invoice)


def test_an_uncollectible_invoice_can_still_be_paid(invoice):
    given_up = mark_uncollectible(invoice_id=invoice.pk, now=NEXT_DAY, reason="Insolvent.")
    assert (given_up.status, given_up.events.last().text) == (
        "uncollectible",
        "Marked as uncollectible: Insolvent.",
    )
    assert pay(invoice).status == "paid"


def test_a_new_link_replaces_the_old_one(invoice):
    rotated = rotate_link(invoice_id=invoice.pk, now=NEXT_DAY)
    assert rotated.token != invoice.token
    assert len(rotated.token) == 43
    assert rotated.events.last().text == "The customer's link was renewed."


def test_only_a_failed_push_is_tried_again(invoice):
    with pytest.raises(DomainError) as caught:
        retry_push(invoice_id=invoice.pk, now=NEXT_DAY)
    assert caught.value.code == "push_not_failed"
    Invoice.objects.filter(pk=invoice.pk).update(push_state="failed", push_error="No.", push_retry_at=NEXT_DAY)
    again = retry_push(invoice_id=invoice.pk, now=NEXT_DAY)
    assert (again.push_state, again.push_retry_at) == ("pending", None)
