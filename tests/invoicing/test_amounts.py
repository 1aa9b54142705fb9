"""Minor units as Stripe wants them (docs.stripe.com/currencies)."""

import pytest

from invoicing.stripe.amounts import stripe_amount
from invoicing.stripe.failures import PushRefusedError


@pytest.mark.parametrize(
    ("amount_minor", "currency", "expected"),
    [
        (1050, "USD", 1050),
        (0, "USD", 0),
        (500, "JPY", 500),
        (5120, "KWD", 5120),
        # Without decimals by ISO 4217, with two at Stripe.
        (5, "ISK", 500),
        (5, "UGX", 500),
        # The other way round.
        (500, "MGA", 5),
        (10**15, "USD", 10**15),
    ],
)
def test_amounts_are_converted(amount_minor, currency, expected):
    assert stripe_amount(amount_minor, currency) == expected


@pytest.mark.parametrize(
    ("amount_minor", "currency", "said"),
    [
        (5124, "KWD", "Stripe takes KWD with 2 decimals only, and 5.124 KWD has more"),
        (550, "MGA", "Stripe takes MGA with 0 decimals only, and 5.50 MGA has more"),
    ],
)
def test_amounts_that_stripe_cant_hold_are_refused(amount_minor, currency, said):
    with pytest.raises(PushRefusedError, match=said):
        stripe_amount(amount_minor, currency)
