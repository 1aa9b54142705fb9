"""The parts of a demo company, as plain values. `company` fills them in, `generator` reads them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

LLM_CALL = "llm_call"
PAGE_EXTRACTION = "page_extraction"


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of call that a customer makes. Sizes are log-normal: a median and a spread (sigma).

    `share` is relative to the customer's other workloads on the same day; `since` and `until` (exclusive)
    are local days. `cached` is the typical part of the input that is read from the provider's cache,
    `reasoning` the typical part of the output that is reasoning. `pages` set: sizes are per page.
    """

    feature: str
    provider: str
    model: str
    share: int
    input_median: int
    output_median: int
    input_sigma: float = 0.6
    output_sigma: float = 0.6
    cached: float = 0.0
    reasoning: float = 0.0
    pages: int = 0
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class PromisedDiscount:
    """A percentage off all usage of the local days [starts_on, ends_on)."""

    name: str
    percent: Decimal
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class PromisedCommitment:
    """At least `amount` for the local days [starts_on, ends_on)."""

    name: str
    amount: Decimal
    starts_on: date
    ends_on: date
    early_end: str = "full"


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """A negotiated price from a local day on, in the place of the plan's price of the same key."""

    key: str
    document: dict[str, Any] = field(hash=False)
    starts_on: date
    reason: str


@dataclass(frozen=True, slots=True)
class SoldAddOn:
    """So many of an add-on from a local day on."""

    code: str
    times: Decimal
    starts_on: date


@dataclass(frozen=True, slots=True)
class OneOff:
    """A charge that is due once, on a local day."""

    name: str
    amount: Decimal
    starts_on: date


@dataclass(frozen=True, slots=True)
class GrantedCredit:
    """Credits that count on the local days [starts_on, ends_on); `paid` is their price, None for a gift."""

    name: str
    amount: Decimal
    paid: Decimal | None
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class SecondSubscription:
    """Another subscription of the same customer, beside the first one."""

    plan: str
    name: str
    starts_on: date


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """Who buys what from when, how much is used, and how the invoices are paid.

    `calls_per_workday` is the level in the middle of the year, `growth` the factor over a whole year. `redeems` is the
    code of a promotion that is redeemed on the first day.
    """

    external_id: str
    name: str
    email: str
    address: str
    timezone: str
    plan: str
    plan_version: int
    starts_on: date
    workloads: tuple[Workload, ...]
    calls_per_workday: int
    growth: float = 1.5
    ends_on: date | None = None
    billing_cycle: str = "calendar"
    tax_id: str = ""
    payment_term_days: int | None = None
    auto_finalize: bool = True
    trial_ends_on: date | None = None
    discounts: tuple[PromisedDiscount, ...] = ()
    commitments: tuple[PromisedCommitment, ...] = ()
    own_prices: tuple[OwnPrice, ...] = ()
    add_ons: tuple[SoldAddOn, ...] = ()
    one_offs: tuple[OneOff, ...] = ()
    credits: tuple[GrantedCredit, ...] = ()
    second: SecondSubscription | None = None
    redeems: str = ""
    unpaid_since: date | None = None


@dataclass(frozen=True, slots=True)
class DemoPrice:
    """A price document with the key and the name of its invoice line."""

    key: str
    name: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """A plan with its versions, oldest first: (note, prices). `proposal` is a further one that stays a draft."""

    code: str
    name: str
    description: str
    currency: str
    versions: tuple[tuple[str, tuple[DemoPrice, ...]], ...]
    proposal: tuple[str, tuple[DemoPrice, ...]] | None = None


@dataclass(frozen=True, slots=True)
class DemoPromotion:
    """An offer with a code: the terms of the discount, and what limits it (fields of the model)."""

    code: str
    name: str
    terms: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """One reported call in the words of the native route."""

    id: str
    customer: str
    type: str
    occurred_at: datetime
    properties: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Company:
    """Everything of the demo that does not depend on chance. Usage is of [start, today)."""

    start: date
    today: date
    plans: tuple[DemoPlan, ...]
    add_ons: tuple[DemoPrice, ...]
    promotions: tuple[DemoPromotion, ...]
    customers: tuple[DemoCustomer, ...]
