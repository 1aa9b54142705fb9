"""What is to be rated: periods whose usage or terms changed since the last time, and those that begin.

Usage and terms that change leave a mark in their own transaction. A run carries the marks over to the periods that they
are for, and rating a period takes its flag away in the transaction that reads the usage. So a change is either seen or
still flagged, whatever is killed in between; and a run in which nothing changed looks at flags only.
"""

from datetime import datetime

from django.db import connection, transaction

from metering.services.changed_usage import take_changed_usage
from rating.models import BillingPeriod, TouchedPeriod
from rating.services.changed_terms import carry_over_changed_terms
from rating.services.terms import STAMP_OF_ENGINE, StampedTerms

# Of a period `p` of a subscription `s`. Changed terms have taken its stamp away, and another engine stamps otherwise.
_PERIOD_IS_DUE = """
p.frozen_at IS NULL AND (
    %(everything)s OR p.needs_rating OR (%(draft)s AND p.needs_draft) OR p.problem <> ''
    OR NOT starts_with(p.terms_stamp, %(engine)s)
)
"""
_DUE = f"""
SELECT s.id FROM pricing_subscription s JOIN customers_customer c ON c.id = s.customer_id
WHERE (%(customer)s::text IS NULL OR c.external_id = %(customer)s)
  AND (
    EXISTS (SELECT FROM rating_billingperiod p WHERE p.subscription_id = s.id AND {_PERIOD_IS_DUE})
    OR (
        NOT EXISTS (SELECT FROM rating_billingperiod p WHERE p.subscription_id = s.id AND p.period_end > %(now)s)
        AND NOT EXISTS (SELECT FROM rating_billingperiod p WHERE p.subscription_id = s.id AND p.end_date >= s.ends_on)
    )
  )
ORDER BY s.id
"""  # noqa: S608

# All open periods from the change on: a level that is carried over comes from the days before. Flagged ones are
# locked too, and only then looked at: whoever rates one right now read it before the change and takes the flag away.
_CHANGED = """
SELECT p.id, p.frozen_at IS NULL, p.needs_rating
FROM unnest(%(customers)s::bigint[], %(first_days)s::date[], %(last_days)s::date[]) AS c (id, first_day, last_day)
JOIN pricing_subscription s ON s.customer_id = c.id
JOIN rating_billingperiod p ON p.subscription_id = s.id
WHERE p.end_date > c.first_day AND (p.frozen_at IS NULL OR p.start_date <= c.last_day)
ORDER BY p.id
FOR NO KEY UPDATE OF p
"""


def note_changes() -> None:
    """Flag the open periods whose usage or terms changed."""
    note_changed_usage()
    while carry_over_changed_terms():
        pass


def note_changed_usage() -> None:
    """Flag the open periods whose usage changed; frozen ones are kept for the search for late usage."""
    while _carry_over_changed_usage():
        pass


@transaction.atomic
def _carry_over_changed_usage() -> bool:
    changes = take_changed_usage()
    if not changes:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGED,
            {
                "customers": [change.customer_id for change in changes],
                "first_days": [change.first_day for change in changes],
                "last_days": [change.last_day for change in changes],
            },
        )
        found = cursor.fetchall()
    to_flag = [pk for pk, is_open, is_flagged in found if is_open and not is_flagged]
    BillingPeriod.objects.filter(pk__in=to_flag).update(needs_rating=True)
    touched = [TouchedPeriod(period_id=pk) for pk, is_open, _ in found if not is_open]
    TouchedPeriod.objects.bulk_create(touched, ignore_conflicts=True)
    return True


def due_subscriptions(
    *, now: datetime, customer: str | None = None, draft: bool = True, everything: bool = False
) -> list[int]:
    """The ids of the subscriptions with something to do, in order. `customer` (an external id) limits them to one's.

    `draft`: also those with lines that are not in their draft yet. `everything`: all that have a period which is not
    frozen, changed or not.
    """
    parameters = {
        "now": now,
        "customer": customer,
        "draft": draft,
        "everything": everything,
        "engine": STAMP_OF_ENGINE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, parameters)
        return [subscription_id for (subscription_id,) in cursor.fetchall()]


def is_due(*, period: BillingPeriod, known: StampedTerms, draft: bool) -> bool:
    """Whether there is something to do for an open period, given its stamp; `draft` as for `due_subscriptions`."""
    stamp = known.stamps.get(period.pk)
    if stamp is None or stamp.now != stamp.rated:
        return True
    # Not what was read before: rating a period flags those after it.
    flags = BillingPeriod.objects.filter(pk=period.pk).values_list("needs_rating", "needs_draft", "problem")
    return any(needs_rating or (draft and needs_draft) or problem for needs_rating, needs_draft, problem in flags)
