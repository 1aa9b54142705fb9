"""What a plan change would do to the money: the computing is handed in by rating, which this app can't import."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pricing.models import PlanVersion, Subscription


@dataclass(frozen=True, slots=True)
class PlanChangeEffect:
    """The running period [start, end) of a subscription in its currency: its amount now, with the change from its day
    on, and as if the whole period were on the new version. `problem` says why there are no amounts."""

    start: date
    end: date
    currency: str
    now: Decimal | None = None
    with_change: Decimal | None = None
    throughout: Decimal | None = None
    unpriced: int = 0
    problem: str = ""


EffectFunction = Callable[[Subscription, PlanVersion, date | None], PlanChangeEffect]
_functions: list[EffectFunction] = []


def set_effect_function(function: EffectFunction) -> None:
    """Let `function(subscription, version, day or None for the period's end)` say what a change would do."""
    _functions[:] = [function]


def effect_of(subscription: Subscription, version: PlanVersion, on: date | None) -> PlanChangeEffect:
    """What moving the subscription to the version would do. Nothing is written."""
    (function,) = _functions
    return function(subscription, version, on)
