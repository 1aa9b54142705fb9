"""Plans, prices, subscriptions with their negotiated terms, discounts and promotions in the back office."""

from pricing.admin import (
    add_on,
    commitment,
    discount,
    plan,
    plan_example,
    plan_version,
    price,
    promotion,
    subscription,
    subscription_panels,
    subscription_price,
)

__all__ = [
    "add_on",
    "commitment",
    "discount",
    "plan",
    "plan_example",
    "plan_version",
    "price",
    "promotion",
    "subscription",
    "subscription_panels",
    "subscription_price",
]
