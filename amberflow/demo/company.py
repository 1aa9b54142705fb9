"""Amber Cloud: what it sells and to whom, as it stands on a day."""

from dataclasses import replace
from datetime import date

from amberflow.demo.customers import in_good_order, worth_a_look
from amberflow.demo.dates import months_before
from amberflow.demo.model import Company
from amberflow.demo.plans import all_plans


def amber_cloud(today: date) -> Company:
    """The company as it stands on a day, after twelve full months of business and the current one."""
    start = months_before(today, 12)
    customers = (*in_good_order(today), *worth_a_look(today))
    return Company(start=start, today=today, plans=all_plans(), customers=customers)


def recent_part(company: Company, months: int) -> Company:
    """The same company as if it had begun so many months ago, with an eighth of the usage."""
    start = months_before(company.today, months)
    customers = tuple(
        replace(
            customer,
            starts_on=max(customer.starts_on, start),
            calls_per_workday=max(1, customer.calls_per_workday // 8),
            discounts=tuple(discount for discount in customer.discounts if discount.ends_on > start),
        )
        for customer in company.customers
        if customer.ends_on is None or customer.ends_on > start
    )
    return replace(company, start=start, customers=customers)
