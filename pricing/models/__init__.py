"""What usage should be charged at: plans and their versions, prices, subscriptions, negotiated terms, discounts."""

from pricing.models.discount import Discount, DiscountTerms
from pricing.models.negotiated import AddOn, Commitment, SubscriptionPrice
from pricing.models.plan import Plan, PlanVersion
from pricing.models.plan_example import ExampleLine, ExampleUsage, PlanExample
from pricing.models.price import Price, PriceTier
from pricing.models.promotion import Promotion, Redemption
from pricing.models.subscription import PlanChange, Subscription

__all__ = [
    "AddOn",
    "Commitment",
    "Discount",
    "DiscountTerms",
    "ExampleLine",
    "ExampleUsage",
    "Plan",
    "PlanChange",
    "PlanExample",
    "PlanVersion",
    "Price",
    "PriceTier",
    "Promotion",
    "Redemption",
    "Subscription",
    "SubscriptionPrice",
]
