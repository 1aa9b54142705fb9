"""The states of an invoice, all of their pairs."""

import pytest

from amberflow.lib.errors import DomainError
from invoicing.engine.states import TRANSITIONS, can_be_void, can_become, check_transition, check_void
from invoicing.models import InvoiceStatus

POSSIBLE = {
    ("draft", "open"),
    ("open", "paid"),
    ("open", "void"),
    ("open", "uncollectible"),
    ("uncollectible", "paid"),
    ("uncollectible", "void"),
}


def test_the_engine_knows_the_states_that_are_stored():
    assert set(TRANSITIONS) == set(InvoiceStatus.values)


@pytest.mark.parametrize("current", InvoiceStatus.values)
@pytest.mark.parametrize("wanted", InvoiceStatus.values)
def test_every_pair_is_either_possible_or_refused(current, wanted):
    if (current, wanted) in POSSIBLE:
        check_transition(current, wanted)
        assert can_become(current, wanted) is True
        return
    assert can_become(current, wanted) is False
    with pytest.raises(DomainError) as caught:
        check_transition(current, wanted)
    assert caught.value.code == "wrong_status"
    assert f"from {current} to {wanted}" in caught.value.message


@pytest.mark.parametrize(
    ("current", "wanted", "message"),
    [
        ("draft", "paid", "The invoice can't go from draft to paid: from draft it can only become open."),
        ("void", "paid", "The invoice can't go from void to paid: void is its last state."),
    ],
)
def test_the_refusal_says_what_is_possible(current, wanted, message):
    with pytest.raises(DomainError) as caught:
        check_transition(current, wanted)
    assert caught.value.message == message


def test_a_paid_invoice_is_void_only_if_there_was_nothing_to_pay():
    check_void("paid", 0)
    assert not can_be_void("paid", 1)
    with pytest.raises(DomainError, match="from paid to void"):
        check_void("paid", 1)
    assert [status for status in TRANSITIONS if can_be_void(status, 5)] == ["open", "uncollectible"]
