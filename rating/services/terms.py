"""Telling whether terms changed, without reading them: one hash per period over the rows they are made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import connection

from pricing.price_book import PriceBook
from rating.services.inputs import ENGINE_VERSION
from rating.services.shared_terms import SharedTerms, read_shared_terms

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
# table that rating reads adds it here, and to the triggers that mark changes (`changed_terms`): a row too many costs a
# look, a row missing leaves a draft outdated. The rows of published plan versions are not here, as they never change.
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


def _rows(table: str, condition: str = "true", *, columns: str = "t::text") -> str:
    return f"(SELECT coalesce(string_agg({columns}, ';' ORDER BY t.id), '') FROM {table} t WHERE {condition})"  # noqa: S608


# Only names from above are put into the statements; every value is a parameter. What is the same for all
# subscriptions is worked out once for a statement.
_COMMON = f"(SELECT md5({' || '.join(_rows(table) for table in OF_ALL)}))"
# The same with the transaction that wrote each row last: it tells a row that was changed and changed back from one that
# never was. Only while a process runs, as a copy of the database has other numbers.
_VERSIONS = f"(SELECT md5({' || '.join(_rows(table, columns='t.xmin::text || t::text') for table in OF_ALL)}))"
_PERIOD = (
    "concat_ws(' ', p.plan_version_id, p.timezone, p.start_date, p.end_date, p.full_start_date, p.full_end_date, "
    "p.period_start, p.period_end)"
)
_HASH = f"md5({_COMMON} || {_PERIOD} || {' || '.join(_rows(*each) for each in OF_SUBSCRIPTION)})"
# For a period `p` of a subscription `s`; as long as its column.
_STAMP = f"left(%(engine)s || {_HASH}, 32)"
# What every stamp of this engine begins with.
STAMP_OF_ENGINE = f"{ENGINE_VERSION}:"


_STAMPS = f"""
SELECT p.id, s.customer_id, p.terms_stamp, {_STAMP}, {_VERSIONS}
FROM rating_billingperiod p JOIN pricing_subscription s ON s.id = p.subscription_id
WHERE p.id = ANY(%(periods)s)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Stamp:
    """A period's stamp as it stood at the last rating, and as it stands now."""

    rated: str
    now: str


@dataclass(frozen=True, slots=True)
class StampedTerms:
    """The stamps of some periods by id, and the terms of their customers, which were read after the stamps: terms that
    changed in between have another stamp by then, and their periods are due again."""

    stamps: Mapping[int, Stamp]
    terms: SharedTerms


class TermsReader:
    """Reads the terms of some periods after the other. The prices of plan versions are kept from one reading to the
    next, until anything of what is common to all subscriptions was written."""

    def __init__(self) -> None:
        self._versions = ""
        self._book = PriceBook()

    def read(self, period_ids: Collection[int]) -> StampedTerms:
        """The stamps and terms of these periods as the database stands now."""
        with connection.cursor() as cursor:
            cursor.execute(_STAMPS, {"engine": STAMP_OF_ENGINE, "periods": list(period_ids)})
            rows = cursor.fetchall()
        for _, _, _, _, versions in rows[:1]:
            if versions != self._versions:
                self._versions, self._book = versions, PriceBook()
        return StampedTerms(
            stamps={pk: Stamp(rated, now) for pk, _, rated, now, _ in rows},
            terms=read_shared_terms({customer_id for _, customer_id, *_ in rows}, book=self._book),
        )
