"""A small stateful stand-in for Stripe's API, for tests and the demo. It moves no money.

It speaks HTTP in the shapes of API version 2026-08-26.dahlia, keeps what it is told, and delivers signed
webhooks, so that the real `stripe` and `djstripe` packages work against it unchanged. Standard library only.

On purpose it has no clock (`auto_advance` is kept and does nothing), no subscriptions, no search, no refunds.
"""

from amberflow.stripe_standin.standin import StandIn

__all__ = ["StandIn"]
