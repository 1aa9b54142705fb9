"""Plans, prices, subscriptions and discounts in the back office."""

from pricing.admin import discount, plan, plan_example, plan_version, price, subscription

__all__ = ["discount", "plan", "plan_example", "plan_version", "price", "subscription"]
