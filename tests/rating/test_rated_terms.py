"""Negotiated terms end to end: what was agreed is on the rated lines of the period, and in the billing run."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from invoicing.services.draft import refresh_draft
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import rate_and_draft
from invoicing.services.void import void_invoice
from metering.models import Series, UsageDay
from pricing.models import AddOn, Plan, Subscription
from pricing.services.commitments import add_commitment
from pricing.services.discounts import grant_discount
from pricing.services.negotiated_prices import add_one_off_charge, attach_add_on, set_override
from pricing.services.plan_changes import migrate_subscription
from pricing.services.subscriptions import end_subscription
from pricing.terms import TermCommitment
from rating.models import BillingPeriod, RatedLine, VoidedPeriod
from rating.services.committed import billed_before
from rating.services.periods import ensure_periods
from rating.services.rate_period import rate_billing_period
from tests.pricing.terms_office import APR, FEB, JAN, MAR, TermsOffice, flat, output_price

pytestmark = pytest.mark.django_db

IN_JANUARY = datetime(2026, 1, 31, 12, tzinfo=UTC)
IN_MAY = datetime(2026, 5, 31, 12, tzinfo=UTC)


@pytest.fixture
def office():
    return TermsOffice()


def use(office, day, millions, model="gpt-4o"):
    series, _ = Series.objects.get_or_create(
        customer=office.customer,
        event_type=office.event_type,
        dimensions={"model": model, "feature": "chat"},
        defaults={"digest": uuid4()},
    )
    UsageDay.objects.create(series=series, day=day, events=1, visible_output=millions * 1_000_000)


def rated(subscription):
    [period] = ensure_periods(subscription=subscription, until=IN_JANUARY)
    rate_billing_period(period_id=period.pk, now=IN_JANUARY)
    return {line.key: line.amount for line in RatedLine.objects.filter(period=period)}


def test_an_own_price_from_the_eleventh_day_on(office):
    subscription = office.subscribe()
    use(office, date(2026, 1, 10), 3)
    use(office, date(2026, 1, 11), 5)
    set_override(
        subscription_id=subscription.pk,
        key="output",
        document=output_price("7"),
        starts_on=date(2026, 1, 11),
        reason="contract",
    )
    # 3 million at 10 and 5 million at 7.
    assert sum(amount for key, amount in rated(subscription).items() if key.startswith("output")) == 65


def test_add_on_one_off_and_commitment_are_lines(office):
    subscription = office.subscribe()
    use(office, date(2026, 1, 10), 3)
    seats = AddOn.objects.create(code="seats", name="Seats", document={**flat("15"), "currency": "USD"})
    attach_add_on(subscription_id=subscription.pk, add_on_id=seats.pk, starts_on=JAN, times=Decimal(3), reason="order")
    add_one_off_charge(
        subscription_id=subscription.pk, name="Set-up", amount=Decimal("99.5"), on=date(2026, 1, 31), reason="order"
    )
    add_commitment(
        subscription_id=subscription.pk, name="Term", amount=Decimal(250), starts_on=JAN, ends_on=FEB, reason="contract"
    )
    lines = rated(subscription)
    assert {key: lines[key] for key in ("base", "output", "seats", "one-off-1")} == {
        "base": 49,
        "output": 30,
        "seats": 45,
        "one-off-1": Decimal("99.5"),
    }
    # 49 + 30 + 45 + 99.50 = 223.50 of the 250 promised: 26.50 are missing.
    assert sum(lines.values()) == 250
    assert RatedLine.objects.get(key="seats").price is None


@pytest.mark.parametrize(
    ("early_end", "due"),
    # 49 × 14 ÷ 31 = 22.13 are billed; of 300 for 31 + 28 days, 14 ran: 300 × 14 ÷ 59 = 71.1864, less 22.13.
    [("full", Decimal("277.87")), ("prorated", Decimal("49.06")), ("waived", None)],
)
def test_the_end_of_the_subscription_settles_its_commitments(office, early_end, due):
    subscription = office.subscribe()
    promise = commitment(subscription, amount=Decimal(300), ends_on=date(2026, 3, 1), early_end=early_end)
    assert f"commitment:commitment-{promise.pk}" not in rated(subscription)
    end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 1, 15))
    lines = rated(Subscription.objects.get())
    assert lines["base"] == Decimal("22.13")
    assert lines.get(f"commitment:commitment-{promise.pk}") == due


def test_a_void_invoice_no_longer_counts_and_an_end_that_is_taken_back_is_not_settled_twice(office):
    subscription = office.subscribe(name="A")
    promise = commitment(subscription, amount=Decimal(300), ends_on=APR)
    january, february = (finalized(subscription, month) for month in (2, 3))
    due = due_before(subscription, promise, MAR)
    assert due == 98
    # January is taken back: only February's 49 count, for the draft of March too.
    march = BillingPeriod.objects.get(start_date=MAR)
    rate_billing_period(period_id=march.pk, now=IN_JANUARY)
    assert void_invoice(invoice_id=january.pk, now=IN_MAY, reason="Wrong.").events.last().text == "Voided: Wrong."
    assert BillingPeriod.objects.get(pk=march.pk).needs_rating
    assert due_before(subscription, promise, MAR) == 49
    # An end on 15 March settles the rest; taken back, what was settled counts.
    end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 3, 15))
    final = finalized(subscription, 4)
    # 49 of February, 49 × 14 ÷ 31 = 22.13 of March, and 228.87 of the promise.
    assert final.subtotal_minor == 25100
    Subscription.objects.update(ends_on=None)
    subscription.refresh_from_db()
    assert due_before(subscription, promise, APR) == 300
    # Now the invoice that counted it can't be made good by another.
    void_invoice(invoice_id=february.pk, now=IN_MAY, reason="Wrong.")
    assert VoidedPeriod.objects.count() == 2


def test_voiding_names_the_commitments_that_are_settled_already(office):
    subscription = office.subscribe()
    commitment(subscription, amount=Decimal(10), ends_on=MAR)
    january, _february = (finalized(subscription, month) for month in (2, 3))
    text = void_invoice(invoice_id=january.pk, now=IN_MAY, reason="Wrong.").events.last().text
    assert text == "Voided: Wrong. Settled with its lines counted, and not again: Term."


def commitment(subscription, **changes):
    values = {"name": "Term", "starts_on": JAN, "reason": "contract", **changes}
    return add_commitment(subscription_id=subscription.pk, **values)


def due_before(subscription, promise, day):
    term = TermCommitment("x", "Term", Decimal(300), JAN, APR, None)
    return billed_before(
        subscription_id=subscription.pk, promise=replace(term, key=f"commitment-{promise.pk}"), day=day
    )


def finalized(subscription, month):
    """The first open period's invoice, made final in the month."""
    now = datetime(2026, month, 5, 12, tzinfo=UTC)
    period = ensure_periods(subscription=subscription, until=now)[0]
    draft = refresh_draft(period=rate_billing_period(period_id=period.pk, now=now), now=now)
    return finalize_invoice(invoice_id=draft.pk, now=now, skip_grace=True)


def test_a_new_version_in_the_middle_of_the_period(office):
    subscription, v2 = office.subscribe(), office.v2()
    use(office, date(2026, 1, 15), 1)
    use(office, date(2026, 1, 16), 2)
    migrate_subscription(
        subscription_id=subscription.pk, plan_version_id=v2.pk, effective_on=date(2026, 1, 16), now=IN_JANUARY
    )
    lines = rated(Subscription.objects.get())
    # 1 million at 10 and 2 million at 8.
    assert sum(amount for key, amount in lines.items() if key.startswith("output")) == 26
    # 15 days of 49 and 16 of 59: 49 × 15/31 + 59 × 16/31 = 23.7097 + 30.4516 = 54.1613.
    assert abs(sum(amount for key, amount in lines.items() if key.startswith("base")) - Decimal("54.16")) <= Decimal(
        "0.01"
    )
    assert BillingPeriod.objects.get().plan_version == office.v1


def test_discounts_of_customer_and_subscription_and_a_trial(office):
    subscription = office.subscribe(trial_ends_on=date(2026, 1, 11))
    use(office, date(2026, 1, 10), 5)
    use(office, date(2026, 1, 11), 4)
    row = grant_discount(customer=office.customer, name="Partner", percent=Decimal(50), meter_codes=["output_tokens"])
    grant_discount(
        subscription=subscription, name="Sorry", kind="amount", amount=Decimal(3), price_keys=["output"], priority=5
    )
    lines = rated(subscription)
    # The trial's 50 are free; of the 40 after it half is off, then 3: 17.
    assert lines["output"] == 17
    # 21 of 31 days: 49 × 21/31 = 33.1935.
    assert lines["base"] == Decimal("33.19")
    assert f"discount-{row.pk}" in str(RatedLine.objects.get(key="output").explanation)


def test_the_billing_run_follows_plan_changes_and_subscribes_strays(office):
    v2 = office.v2()
    other = office.subscribe(customer=type(office.customer).objects.create(external_id="other", name="Other"))
    migrate_subscription(
        subscription_id=other.pk, plan_version_id=v2.pk, effective_on="period_end", now=datetime(2026, 1, 5, tzinfo=UTC)
    )
    Plan.objects.update(is_default=True)
    use(office, date(2026, 1, 20), 1)
    rate_and_draft(now=datetime(2026, 2, 1, 12, tzinfo=UTC), draft=False)
    other.refresh_from_db()
    assert other.plan_version == v2
    made = office.customer.subscriptions.get()
    assert (made.plan_version, made.starts_on) == (v2, date(2026, 1, 20))
    # 12 of 31 days of 59 are 22.8387, and 1 million at 8.
    lines = dict(
        RatedLine.objects.filter(period__subscription=made, period__start_date__lt=FEB).values_list("key", "amount")
    )
    assert lines == {"base": Decimal("22.84"), "output": 8}
    assert [period.plan_version.number for period in other.periods.order_by("start_date")] == [1, 2]


def test_a_dry_run_subscribes_nobody(office):
    Plan.objects.update(is_default=True)
    use(office, date(2026, 1, 20), 1)
    rate_and_draft(now=IN_JANUARY, dry_run=True, draft=False)
    assert not Subscription.objects.exists()
