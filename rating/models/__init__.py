"""Usage priced: billing periods, rated lines, their slices, and usage that no price selects."""

from rating.models.billing_period import BillingPeriod
from rating.models.changed_terms import ChangedTerms
from rating.models.exchange_rate import ExchangeRate
from rating.models.late_usage import LateUsage
from rating.models.line_credit import LineCredit
from rating.models.rated_line import RatedLine, SeriesSlices, Slice
from rating.models.simulation import Simulation, SimulationStatus
from rating.models.touched_period import TouchedPeriod
from rating.models.unpriced_usage import UnbilledCost, UnpricedUsage
from rating.models.voided_period import VoidedPeriod

__all__ = [
    "BillingPeriod",
    "ChangedTerms",
    "ExchangeRate",
    "LateUsage",
    "LineCredit",
    "RatedLine",
    "SeriesSlices",
    "Simulation",
    "SimulationStatus",
    "Slice",
    "TouchedPeriod",
    "UnbilledCost",
    "UnpricedUsage",
    "VoidedPeriod",
]
