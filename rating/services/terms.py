"""Noticing that terms changed, without reading them: one hash per period over the rows they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from pricing.price_book import PriceBook
from rating.services.inputs import ENGINE_VERSION

# Of all subscriptions of the customer: which of them a part of the usage belongs to is a matter of all their terms.
_SUBSCRIPTIONS = "(SELECT o.id FROM pricing_subscription o WHERE o.customer_id = s.customer_id)"
_PLANS = """(
    SELECT v.plan_id FROM pricing_planversion v WHERE v.id IN (
        SELECT o.plan_version_id FROM pricing_subscription o WHERE o.customer_id = s.customer_id
        UNION
        SELECT g.plan_version_id
        FROM pricing_subscription o JOIN pricing_planchange g ON g.subscription_id = o.id
        WHERE o.customer_id = s.customer_id
    )
)"""
# Tables whose rows say what a subscription is charged, and which rows are those of the subscription `s`. Whoever adds a
# table that rating reads adds it here: a row too many costs a look, a row missing leaves a draft outdated. The rows of
# published plan versions are not here, as they never change.
OF_SUBSCRIPTION = (
    ("pricing_subscription", "t.customer_id = s.customer_id"),
    ("pricing_planchange", f"t.subscription_id IN {_SUBSCRIPTIONS}"),
    ("pricing_subscriptionprice", f"t.subscription_id IN {_SUBSCRIPTIONS}"),
    ("pricing_commitment", f"t.subscription_id IN {_SUBSCRIPTIONS}"),
    ("pricing_discount", f"t.subscription_id IN {_SUBSCRIPTIONS}"),
    ("pricing_discount", "t.customer_id = s.customer_id"),
    ("pricing_discount", f"t.plan_id IN {_PLANS}"),
)
# Tables of which any row may matter to any subscription; few rows that seldom change.
OF_ALL = ("metering_meter", "metering_eventtype", "rating_exchangerate")


def _rows(table: str, condition: str = "true") -> str:
    return f"(SELECT coalesce(string_agg(t::text, ';' ORDER BY t.id), '') FROM {table} t WHERE {condition})"  # noqa: S608


# Only names from above are put into the statements; every value is a parameter. What is the same for all
# subscriptions is worked out once for a statement.
_COMMON = f"(SELECT md5({' || '.join(_rows(table) for table in OF_ALL)}))"
_PERIOD = (
    "concat_ws(' ', p.plan_version_id, p.timezone, p.start_date, p.end_date, p.full_start_date, p.full_end_date, "
    "p.period_start, p.period_end)"
)
# For a period `p` of a subscription `s`, with `stamp_parameters`.
TERMS_STAMP = f"md5(%(engine)s || {_COMMON} || {_PERIOD} || {' || '.join(_rows(*each) for each in OF_SUBSCRIPTION)})"


def stamp_parameters() -> Mapping[str, Any]:
    """What `TERMS_STAMP` needs beside the rows."""
    return {"engine": str(ENGINE_VERSION)}


@dataclass(frozen=True, slots=True)
class Stamps:
    """Hashes of all terms of a period, and of the rows among them that are common to all subscriptions."""

    terms: str
    common: str


def read_stamps(*, period_id: int) -> Stamps:
    """The stamps of a period as the database stands now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {TERMS_STAMP}, {_COMMON} "  # noqa: S608
            "FROM rating_billingperiod p JOIN pricing_subscription s ON s.id = p.subscription_id "
            "WHERE p.id = %(period)s",
            {**stamp_parameters(), "period": period_id},
        )
        return Stamps(*cursor.fetchone())


class SharedPrices:
    """One price book for the subscriptions of a run, and a new one when what is common to all of them changed."""

    def __init__(self) -> None:
        self._common = ""
        self._book = PriceBook()

    def book(self, stamps: Stamps) -> PriceBook:
        """The book to read terms with, given stamps that were read before."""
        if stamps.common != self._common:
            self._common, self._book = stamps.common, PriceBook()
        return self._book
