"""Amber Cloud: what it sells and to whom, as it stands on a day."""

from dataclasses import replace
from datetime import date
from typing import Any

from amberflow.demo.customers import in_good_order, with_terms, worth_a_look
from amberflow.demo.dates import months_before
from amberflow.demo.model import Company
from amberflow.demo.plans import all_add_ons, all_plans, all_promotions


def amber_cloud(today: date) -> Company:
    """The company as it stands on a day, after twelve full months of business and the current one."""
    start = months_before(today, 12)
    customers = (*in_good_order(today), *worth_a_look(today), *with_terms(today))
    return Company(
        start=start,
        today=today,
        plans=all_plans(),
        add_ons=all_add_ons(),
        promotions=all_promotions(today),
        customers=customers,
    )


def recent_part(company: Company, months: int) -> Company:
    """The same company as if it had begun so many months ago, with an eighth of the usage."""
    start = months_before(company.today, months)
    customers = tuple(
        replace(
            customer,
            starts_on=max(customer.starts_on, start),
            calls_per_workday=max(1, customer.calls_per_workday // 8),
            discounts=tuple(discount for discount in customer.discounts if discount.ends_on > start),
            commitments=_since(start, customer.commitments),
            own_prices=_since(start, customer.own_prices),
            add_ons=_since(start, customer.add_ons),
            one_offs=_since(start, customer.one_offs),
            credits=_since(start, customer.credits),
            second=next(iter(_since(start, (customer.second,))), None) if customer.second is not None else None,
            # A code can't be redeemed any more once it is over.
            redeems=customer.redeems if customer.starts_on >= start else "",
        )
        for customer in company.customers
        if customer.ends_on is None or customer.ends_on > start
    )
    return replace(company, start=start, customers=customers)


def _since(start: date, terms: tuple[Any, ...]) -> tuple[Any, ...]:
    """The terms as far as they hold from the day on."""
    return tuple(
        replace(term, starts_on=max(term.starts_on, start))
        for term in terms
        if getattr(term, "ends_on", None) is None or term.ends_on > start
    )
