"""Minor units as Stripe counts them, which for some currencies is not as ISO 4217 does."""

from amberflow.lib.money import exponent, from_minor
from invoicing.stripe.failures import PushRefusedError

# https://docs.stripe.com/currencies: what Stripe takes without decimals, and with three of which the last is 0.
ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMAL = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


def stripe_amount(amount_minor: int, currency: str) -> int:
    """An amount of ISO 4217 minor units as the integer that Stripe's API wants.

    Raises PushRefusedError for an amount that Stripe can't hold.
    """
    scaled = amount_minor * int(10 ** stripe_exponent(currency))
    amount, rest = divmod(scaled, int(10 ** exponent(currency)))
    if rest:
        raise _finer(amount_minor, currency, f"{stripe_exponent(currency)} decimals")
    if currency in THREE_DECIMAL and amount % 10:
        raise _finer(amount_minor, currency, "2 decimals")
    return amount


def stripe_exponent(currency: str) -> int:
    """How many decimals an amount of the currency has in Stripe's API; two for ISK and UGX, which must be 00."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def _finer(amount_minor: int, currency: str, places: str) -> PushRefusedError:
    return PushRefusedError(
        f"Stripe takes {currency} with {places} only, and {from_minor(amount_minor, currency)} {currency} has more: "
        "collect this invoice outside of Stripe and record its payment."
    )
