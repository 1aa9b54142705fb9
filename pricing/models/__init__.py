"""What usage should be charged at: plans and their versions, prices, subscriptions, discounts."""

from pricing.models.discount import Discount
from pricing.models.plan import Plan, PlanVersion
from pricing.models.plan_example import ExampleLine, ExampleUsage, PlanExample
from pricing.models.price import Price, PriceTier
from pricing.models.subscription import Subscription

__all__ = [
    "Discount",
    "ExampleLine",
    "ExampleUsage",
    "Plan",
    "PlanExample",
    "PlanVersion",
    "Price",
    "PriceTier",
    "Subscription",
]
