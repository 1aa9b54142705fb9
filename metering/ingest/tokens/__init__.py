"""Turns the token counts of a call into disjoint pools, whichever way its source counts them.

`shapes` says for each source where its counts stand and what its sums hold, `places` finds them in a payload,
`read` makes the pools. Counts that can't be are refused with the reason, never bent to fit.
"""

from metering.ingest.tokens.places import MAX_TOKENS
from metering.ingest.tokens.read import Pools, read_pool_columns, read_pools

__all__ = ["MAX_TOKENS", "Pools", "read_pool_columns", "read_pools"]
