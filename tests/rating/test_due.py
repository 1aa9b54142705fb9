"""A run looks at what changed and at nothing else, and never misses a change."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from invoicing.services.credits import grant_credits
from invoicing.services.runs import rate_and_draft
from metering.models import ChangedUsage, Meter, UsageDelta
from metering.services.changed_usage import UsageChange, take_changed_usage
from pricing.models import Commitment, Discount, PlanChange, SubscriptionPrice
from rating.models import BillingPeriod, ChangedTerms, ExchangeRate, TouchedPeriod
from rating.services import freeze, rate_period
from rating.services.changed_terms import carry_over_changed_terms
from rating.services.due import due_subscriptions, note_changed_usage, note_changes
from rating.services.freeze import find_late_usage, freeze_period
from rating.services.periods import ensure_periods
from rating.services.rate_period import rate_billing_period
from rating.services.terms import OF_ALL, OF_SUBSCRIPTION, TermsReader
from tests.invoicing.company import AFTER_JULY, DEFAULT_PRICES, IN_JULY, JULY, Company


@pytest.fixture
def company(db):
    return Company()


@pytest.fixture
def two(company):
    """Two subscriptions, rated and drafted in July."""
    plan = company.plan()
    found = []
    for name in ("acme", "beta"):
        customer = company.customer(name)
        found.append(company.subscribe(customer, plan))
        company.use(customer, 100)
    rate_and_draft(now=IN_JULY)
    return found


def due(now=IN_JULY, **options):
    note_changes()
    return due_subscriptions(now=now, **options)


# --- usage ------------------------------------------------------------------------------------------------------
def test_nothing_is_due_when_nothing_changed(two):
    assert due() == []
    assert not ChangedUsage.objects.exists()


def test_a_run_without_a_change_reads_no_usage(two, monkeypatch):
    monkeypatch.setattr(rate_period, "period_input", None)
    assert str(rate_and_draft(now=IN_JULY)) == "2 unchanged"


def test_changed_usage_makes_its_customer_due_and_no_other(company, two):
    company.use(two[1].customer, 101)
    assert due() == [two[1].pk]
    assert str(rate_and_draft(now=IN_JULY)) == "1 drafted, 1 unchanged"
    assert due() == []


def test_usage_that_is_not_merged_yet_is_seen_by_the_run(company, two):
    series = company.use(two[0].customer, 100)
    rate_and_draft(now=IN_JULY)
    UsageDelta.objects.create(series=series, day=date(2026, 7, 4), events=1, value_1=Decimal(7))
    assert str(rate_and_draft(now=IN_JULY)) == "1 drafted, 1 unchanged"


def test_a_change_makes_the_periods_from_it_on_due_and_none_before(company, two):
    rate_and_draft(now=AFTER_JULY)
    july, august = BillingPeriod.objects.filter(subscription=two[0]).order_by("start_date")
    company.use(two[0].customer, 5, day=date(2026, 8, 1))
    note_changed_usage()
    flags = dict(BillingPeriod.objects.values_list("pk", "needs_rating"))
    assert (flags[july.pk], flags[august.pk]) == (False, True)
    rate_and_draft(now=AFTER_JULY)
    # The last day of July is July's; August may begin with what July ends with.
    company.use(two[0].customer, 5, day=date(2026, 7, 31))
    note_changed_usage()
    flags = dict(BillingPeriod.objects.values_list("pk", "needs_rating"))
    assert (flags[july.pk], flags[august.pk]) == (True, True)
    assert sum(flags.values()) == 2


def test_a_period_that_begins_makes_its_subscription_due(two):
    assert due(datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC)) == []
    assert due(datetime(2026, 8, 1, tzinfo=UTC)) == [subscription.pk for subscription in two]


def test_everything_is_every_open_period(two):
    assert due(everything=True) == [subscription.pk for subscription in two]
    assert due(everything=True, customer="beta") == [two[1].pk]
    assert str(rate_and_draft(now=IN_JULY, everything=True)) == "2 unchanged"


def test_a_period_with_a_problem_stays_due(two):
    BillingPeriod.objects.filter(subscription=two[0]).update(problem="No rate.")
    assert due() == [two[0].pk]


def test_lines_that_are_in_no_draft_are_due_for_one(company, two):
    company.use(two[0].customer, 200)
    assert str(rate_and_draft(now=IN_JULY, draft=False)) == "1 rated, 1 unchanged"
    assert (due(draft=False), due()) == ([], [two[0].pk])
    assert str(rate_and_draft(now=IN_JULY)) == "1 drafted, 1 unchanged"


def test_marks_are_merged_per_customer_and_stay_when_the_taker_is_cut_off(company):
    acme = company.customer()
    company.use(acme, 1, day=date(2026, 7, 9))
    company.use(acme, 1, day=date(2026, 7, 2))
    with transaction.atomic():
        assert take_changed_usage() == [UsageChange(acme.pk, date(2026, 7, 2), date(2026, 7, 9))]
        assert take_changed_usage() == []
        transaction.set_rollback(True)
    assert ChangedUsage.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_marks_can_only_be_taken_in_a_transaction():
    with pytest.raises(RuntimeError, match="outside a transaction"):
        take_changed_usage()


def rate_while(change, note, *, period):
    """Change something after a period was rated and before that is committed; what notes it waits for the commit."""
    is_rated, may_commit = threading.Event(), threading.Event()

    def rate():
        known = TermsReader().read([period.pk])
        with transaction.atomic():
            rate_billing_period(period_id=period.pk, now=IN_JULY, known=known)
            is_rated.set()
            assert may_commit.wait(30)
        connection.close()

    def note_it():
        note()
        connection.close()

    rating, noting = threading.Thread(target=rate), threading.Thread(target=note_it)
    rating.start()
    assert is_rated.wait(30)
    change()
    noting.start()
    noting.join(0.5)
    assert noting.is_alive()
    may_commit.set()
    rating.join(30)
    noting.join(30)


@pytest.mark.django_db(transaction=True)
def test_usage_that_comes_while_its_period_is_rated_keeps_the_period_due():
    company = Company()
    subscription = company.subscribe(company.customer())
    series = company.use(subscription.customer, 100)
    note_changed_usage()
    (period,) = ensure_periods(subscription=subscription, until=IN_JULY)
    # The period is still flagged for everybody else: what rates it now has read the usage before this.
    rate_while(lambda: company.use(subscription.customer, 150), note_changed_usage, period=period)
    assert not ChangedUsage.objects.exists()
    period.refresh_from_db()
    assert period.needs_rating
    assert period.lines.get(key="pages?model=alpha").quantity == 100
    rate_and_draft(now=IN_JULY)
    assert period.lines.get(key="pages?model=alpha").quantity == 150
    assert series.customer_id == subscription.customer_id


# --- terms ------------------------------------------------------------------------------------------------------
def _discount(subscription, **target):
    Discount.objects.create(name="x", percent=10, **(target or {"subscription": subscription}))


CHANGES = {
    "an end": lambda s: type(s).objects.filter(pk=s.pk).update(ends_on=date(2027, 1, 1)),
    "other days of the period": lambda s: BillingPeriod.objects.filter(subscription=s).update(end_date="2026-07-31"),
    "a discount of the subscription": _discount,
    "a discount of the customer": lambda s: _discount(s, customer=s.customer),
    "another plan": lambda s: PlanChange.objects.create(
        subscription=s, plan_version=s.plan_version, starts_on=date(2026, 7, 1)
    ),
    "a negotiated price": lambda s: SubscriptionPrice.objects.create(
        subscription=s,
        kind="override",
        key="base",
        name="Platform fee",
        document={"model": "flat", "currency": "USD", "amount": "1"},
        starts_on=JULY,
        reason="x",
    ),
    "a commitment": lambda s: Commitment.objects.create(
        subscription=s, name="x", amount=1, starts_on=JULY, ends_on=date(2027, 7, 1)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_terms_make_their_subscription_due_and_no_other(two, change):
    change(two[0])
    assert due() == [two[0].pk]


ALL_CHANGES = {
    "a discount of the plan": lambda s: _discount(s, plan=s.plan_version.plan),
    "a meter": lambda s: Meter.objects.update(unit="sheets"),
    "an exchange rate": lambda s: ExchangeRate.objects.create(
        from_currency="USD", to_currency="EUR", effective_from=JULY, rate=1
    ),
    "another version of the engine": lambda s: BillingPeriod.objects.update(terms_stamp="of another engine"),
}


@pytest.mark.parametrize("change", ALL_CHANGES.values(), ids=ALL_CHANGES)
def test_what_holds_for_all_makes_all_due(two, change):
    change(two[0])
    assert due() == [subscription.pk for subscription in two]
    rate_and_draft(now=IN_JULY)
    assert due() == []


def test_a_plan_that_a_subscription_changes_to_is_one_of_its_plans(company, two):
    other = company.plan()
    PlanChange.objects.create(subscription=two[0], plan_version=other, starts_on=date(2026, 12, 1))
    rate_and_draft(now=IN_JULY)
    _discount(two[0], plan=other.plan)
    assert due() == [two[0].pk]


def test_a_subscription_of_the_same_customer_makes_the_others_due(company, two):
    # Usage belongs to one of them.
    fee_only = company.plan(DEFAULT_PRICES[:1])
    company.subscribe(two[0].customer, fee_only, starts_on=date(2026, 9, 1))
    assert due()[0] == two[0].pk
    assert two[1].pk not in due()


def test_rows_that_are_written_as_they_were_are_no_change(two):
    Meter.objects.get().save()
    two[0].save()
    assert not ChangedTerms.objects.exists()
    assert due() == []


def test_every_table_that_terms_are_made_of_marks_its_changes(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgrelid::regclass::text, bit_or(t.tgtype) FROM pg_trigger t "
            "WHERE t.tgfoid = 'rating_mark_changed_terms'::regproc GROUP BY 1"
        )
        marked = dict(cursor.fetchall())
    assert set(marked) == {table for table, _ in OF_SUBSCRIPTION} | set(OF_ALL)
    # For each row (1), after INSERT (4), DELETE (8) and UPDATE (16).
    assert set(marked.values()) == {1 | 4 | 8 | 16}


def test_a_run_without_a_change_works_out_no_stamp(two, monkeypatch):
    monkeypatch.setattr(TermsReader, "read", None)
    assert str(rate_and_draft(now=IN_JULY)) == "2 unchanged"


def test_marks_of_terms_stay_when_who_takes_them_is_cut_off(two):
    _discount(two[0])
    with transaction.atomic():
        assert carry_over_changed_terms()
        transaction.set_rollback(True)
    assert ChangedTerms.objects.count() == 1
    assert due() == [two[0].pk]
    assert not ChangedTerms.objects.exists()


def test_marks_of_what_is_gone_are_taken_too(two):
    ChangedTerms.objects.create(subscription_id=10**9)
    ChangedTerms.objects.create(plan_id=10**9)
    assert due() == []
    assert not ChangedTerms.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_terms_that_change_while_they_are_rated_keep_the_period_due():
    company = Company()
    subscription = company.subscribe(company.customer())
    company.use(subscription.customer, 100)
    rate_and_draft(now=IN_JULY)
    [period] = BillingPeriod.objects.all()
    company.use(subscription.customer, 200)
    note_changes()
    rate_while(lambda: company.discount(subscription, "50"), note_changes, period=period)
    assert not ChangedTerms.objects.exists()
    assert due_subscriptions(now=IN_JULY) == [subscription.pk]


@pytest.mark.django_db(transaction=True)
def test_terms_read_before_their_change_was_noted_are_read_again():
    company = Company()
    subscription = company.subscribe(company.customer())
    company.use(subscription.customer, 100)
    rate_and_draft(now=IN_JULY)
    [period] = BillingPeriod.objects.all()
    company.use(subscription.customer, 200)
    note_changes()
    known = TermsReader().read([period.pk])
    company.discount(subscription, "50")
    note_changes()
    rate_billing_period(period_id=period.pk, now=IN_JULY, known=known)
    assert all(line.discount_amount for line in period.lines.all())
    assert due_subscriptions(now=IN_JULY, draft=False) == []


def test_a_discount_that_is_changed_or_taken_back_is_noticed(company, two):
    discount = company.discount(two[0], "10")
    assert str(rate_and_draft(now=IN_JULY)) == "1 drafted, 1 unchanged"
    Discount.objects.filter(pk=discount.pk).update(percent=20)
    assert due() == [two[0].pk]
    rate_and_draft(now=IN_JULY)
    Discount.objects.filter(pk=discount.pk).delete()
    assert due() == [two[0].pk]


def test_a_draft_that_takes_more_credit_makes_the_later_ones_due(company, two):
    rate_and_draft(now=AFTER_JULY)
    july, august = BillingPeriod.objects.filter(subscription=two[0]).order_by("start_date")
    grant_credits(
        customer_id=two[0].customer_id,
        kind="promotional",
        amount=Decimal(22),
        currency="USD",
        name="Welcome",
        reason="x",
        effective_on=JULY,
        now=IN_JULY,
    )
    rate_and_draft(now=AFTER_JULY, everything=True)
    # July is 20.00 and 100 pages at 0.013; what is left of 22.00 goes to August.
    assert [period.invoice.credits_minor for period in (july, august)] == [2130, 70]
    company.use(two[0].customer, 50)
    rate_and_draft(now=AFTER_JULY)
    # 20.65, so 1.35 is left.
    assert BillingPeriod.objects.get(pk=july.pk).invoice.credits_minor == 2065
    assert BillingPeriod.objects.get(pk=august.pk).invoice.credits_minor == 135


# --- late usage -------------------------------------------------------------------------------------------------
def test_only_frozen_periods_that_usage_touched_are_compared(company, two, monkeypatch):
    periods = [BillingPeriod.objects.get(subscription=subscription) for subscription in two]
    for period in periods:
        freeze_period(period_id=period.pk, now=AFTER_JULY)
    read = []
    real = freeze.period_input
    monkeypatch.setattr(freeze, "period_input", lambda *, period: read.append(period.pk) or real(period=period))
    assert find_late_usage(now=AFTER_JULY) == 0
    assert read == []
    company.use(two[1].customer, 300)
    company.use(two[0].customer, 1, day=date(2026, 8, 1))
    assert find_late_usage(now=AFTER_JULY) == 1
    assert find_late_usage(now=AFTER_JULY) == 1
    assert read == [periods[1].pk]
    company.use(two[1].customer, 100)
    assert find_late_usage(now=AFTER_JULY) == 0
    assert not TouchedPeriod.objects.exists()


# --- terms that are read once for many periods --------------------------------------------------------------------
def test_terms_read_before_somebody_else_rated_the_period_do_not_come_back(company, two):
    [period] = BillingPeriod.objects.filter(subscription=two[0])
    known = TermsReader().read([period.pk])
    company.discount(two[0], "50")
    newer = rate_billing_period(period_id=period.pk, now=IN_JULY)
    assert newer.input_digest != period.input_digest
    assert rate_billing_period(period_id=period.pk, now=IN_JULY, known=known).input_digest == newer.input_digest


def test_terms_that_change_after_they_were_read_make_the_period_due_again(company, two):
    [period] = BillingPeriod.objects.filter(subscription=two[0])
    known = TermsReader().read([period.pk])
    company.discount(two[0], "50")
    company.use(two[0].customer, 200)
    rate_billing_period(period_id=period.pk, now=IN_JULY, known=known)
    assert due(draft=False) == [two[0].pk]


def test_a_meter_that_was_changed_and_changed_back_is_read_again(two):
    reader, periods = TermsReader(), list(BillingPeriod.objects.values_list("pk", flat=True))
    before = reader.read(periods).terms.book
    assert reader.read(periods).terms.book is before
    unit = Meter.objects.get().unit
    for changed in ("sheet", unit):
        with transaction.atomic():
            Meter.objects.update(unit=changed)
    assert reader.read(periods).terms.book is not before
