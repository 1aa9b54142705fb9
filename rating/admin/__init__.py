"""Billing periods, rated lines, usage without a price, late usage and exchange rates in the back office."""

from rating.admin import (
    billing_period,
    customer_timezone,
    dimensions,
    exchange_rate,
    late_usage,
    plan_example,
    promotion_money,
    rated_line,
    simulation,
    unpriced_usage,
)

__all__ = [
    "billing_period",
    "customer_timezone",
    "dimensions",
    "exchange_rate",
    "late_usage",
    "plan_example",
    "promotion_money",
    "rated_line",
    "simulation",
    "unpriced_usage",
]
