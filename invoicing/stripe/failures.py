"""Which failures of a push pass by themselves, and how long to wait for that."""

from datetime import timedelta

import stripe

LONGEST_WAIT_MINUTES = 60


class PushRefusedError(Exception):
    """Something that stays wrong until a person does something; the message says what."""


def passes_by_itself(error: Exception) -> bool:
    """True for a network failure, a conflict with a request under way, too many requests, and Stripe's own errors."""
    if isinstance(error, stripe.APIConnectionError):
        return True
    if not isinstance(error, stripe.StripeError):
        return False
    status = error.http_status
    return status is None or status in (409, 429) or status >= 500


def wait_after(attempts: int) -> timedelta:
    """2, 4, 8 … minutes after the first, second, third … failure, an hour at most."""
    return timedelta(minutes=min(2 ** min(attempts, 10), LONGEST_WAIT_MINUTES))


def in_words(error: Exception) -> str:
    """The failure for the person who reads the invoice's page."""
    if isinstance(error, stripe.APIConnectionError):
        return f"Stripe can't be reached: {error}"
    if isinstance(error, stripe.StripeError):
        return f"Stripe answered {error.http_status or 'nothing usable'}: {error.user_message or error}"
    return str(error)
