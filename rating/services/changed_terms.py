"""Carries marks of changed terms over to the open periods that may be charged by them."""

from django.db import connection, transaction

MARKS_PER_STATEMENT = 20_000

# How many marks there were, and whom they are for: each customer once, null where they are for everybody. Marks of a
# plan are for who is on one of its versions or changes to one.
_TAKE = """
WITH taken AS (
    DELETE FROM rating_changedterms
    WHERE id = ANY (ARRAY(
        SELECT id FROM rating_changedterms ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING customer_id, subscription_id, plan_id
), plans AS (
    SELECT v.id FROM pricing_planversion v WHERE v.plan_id IN (SELECT plan_id FROM taken)
)
SELECT (SELECT count(*) FROM taken), ARRAY(
    SELECT customer_id FROM taken WHERE customer_id IS NOT NULL OR (subscription_id IS NULL AND plan_id IS NULL)
    UNION
    SELECT s.customer_id FROM pricing_subscription s WHERE s.id IN (SELECT subscription_id FROM taken)
    UNION
    SELECT s.customer_id FROM pricing_subscription s WHERE s.plan_version_id IN (SELECT id FROM plans)
    UNION
    SELECT s.customer_id FROM pricing_subscription s JOIN pricing_planchange g ON g.subscription_id = s.id
    WHERE g.plan_version_id IN (SELECT id FROM plans)
)
"""

# All open periods of a customer: of which subscription usage is, is a matter of the terms of all of them. A stamp like
# no other: whoever rates the period right now, or has read its terms before, sees that they are not those of then.
# In order, so that two runs wait for each other instead of deadlocking.
_FORGET_STAMPS = """
WITH changed AS (
    SELECT p.id FROM rating_billingperiod p JOIN pricing_subscription s ON s.id = p.subscription_id
    WHERE p.frozen_at IS NULL AND (%(everybody)s OR s.customer_id = ANY(%(customers)s))
    ORDER BY p.id
    FOR NO KEY UPDATE OF p
)
UPDATE rating_billingperiod SET terms_stamp = '?' || pg_current_xact_id()::text
WHERE id = ANY (ARRAY(SELECT id FROM changed))
"""


@transaction.atomic
def carry_over_changed_terms() -> bool:
    """Take the stamps of the open periods whose terms changed; False when there was no mark.

    The marks are gone when the stamps are: if it is cut off they stay. So many at a time: ask until it is False.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"limit": MARKS_PER_STATEMENT})
        ((count, found),) = cursor.fetchall()
        if not count:
            return False
        customers = [customer_id for customer_id in found if customer_id is not None]
        cursor.execute(_FORGET_STAMPS, {"customers": customers, "everybody": None in found})
    return True
