"""What of 1,200 for 2026 (365 days) is due when, if the subscription ends on 1 July (after 181 days)."""

from datetime import date
from decimal import Decimal

import pytest

from pricing.engine.commitments import Due, due_of

YEAR = {"amount": Decimal(1200), "starts": date(2026, 1, 1), "ends": date(2027, 1, 1)}
JULY = date(2026, 7, 1)
# 1200 × 181 ÷ 365
PART = Decimal("595.068493150685")


@pytest.mark.parametrize("early_end", ["full", "prorated", "waived"])
@pytest.mark.parametrize("subscription_ends", [None, date(2027, 1, 1), date(2028, 1, 1)])
def test_a_term_that_is_served_is_due_at_its_end(early_end, subscription_ends):
    due = due_of(**YEAR, early_end=early_end, subscription_ends=subscription_ends)
    assert due == Due(Decimal(1200), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("early_end", "due"),
    [("full", Due(Decimal(1200), JULY)), ("prorated", Due(PART, JULY)), ("waived", None)],
)
def test_a_subscription_that_ends_in_the_middle_of_the_term(early_end, due):
    assert due_of(**YEAR, early_end=early_end, subscription_ends=JULY) == due


@pytest.mark.parametrize("ends", [date(2025, 7, 1), date(2026, 1, 1)])
def test_a_term_that_never_began_was_promised_all_the_same(ends):
    assert due_of(**YEAR, early_end="full", subscription_ends=ends) == Due(Decimal(1200), ends)
    assert due_of(**YEAR, early_end="prorated", subscription_ends=ends) is None


def test_one_day_of_a_huge_promise_and_a_tiny_one():
    second = date(2026, 1, 2)
    huge = due_of(**{**YEAR, "amount": Decimal(10**15)}, early_end="prorated", subscription_ends=second)
    # 10^15 ÷ 365 = 2739726027397.260273972602…
    assert huge == Due(Decimal("2739726027397.260273972603"), second)
    tiny = due_of(**{**YEAR, "amount": Decimal("1E-9")}, early_end="prorated", subscription_ends=second)
    # 10^-9 ÷ 365 = 2.74 × 10^-12
    assert tiny == Due(Decimal("3E-12"), second)
