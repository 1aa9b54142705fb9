"""Discounts of every kind and scope, and codes that grant them within their limits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.engine.discounts import PercentTier
from pricing.models import Discount, Promotion, Redemption
from pricing.queries import redemption_report
from pricing.services.discounts import check_discount, end_discount, grant_discount
from pricing.services.plan_changes import migrate_subscription
from pricing.services.promotions import check_promotion, redeem_code
from pricing.terms import terms_of
from tests.pricing.terms_office import APR, FEB, JAN, JUL, MAR, TermsOffice, flat, invoice, output_price

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)


def discounts(subscription, start=JAN, end=FEB):
    return list(terms_of(subscription=subscription, start=start, end=end).discounts)


def grant(**terms):
    terms = {"name": "Deal", "kind": "percent", **terms}
    if terms["kind"] == "percent":
        terms.setdefault("percent", Decimal(10))
    return grant_discount(**terms)


# --- values -------------------------------------------------------------------------------------------------------
def test_each_kind_reaches_the_engine(office):
    subscription = office.subscribe()
    grant(
        subscription=subscription,
        kind="free_units",
        units=Decimal(5),
        meter_codes=["output_tokens"],
        filter={"model": ["o3", "gpt-4o"]},
        priority=3,
    )
    grant(subscription=subscription, kind="amount", amount=Decimal("0.01"), price_keys=["base"])
    grant(
        subscription=subscription,
        kind="graduated_percent",
        tiers=[{"up_to": "500", "percent": "10"}, {"up_to": None, "percent": 15}],
    )
    grant(subscription=subscription, kind="price", price={**output_price("4"), "currency": "USD"})
    free, amount, graduated, price = discounts(subscription)
    assert (free.kind, free.units, free.meters, free.priority) == ("free_units", 5, ("output_tokens",), 3)
    assert free.filter == (("model", ("gpt-4o", "o3")),)
    assert (amount.amount, amount.prices, amount.meters) == (Decimal("0.01"), ("base",), None)
    assert graduated.tiers == (PercentTier(Decimal(500), Decimal(10)), PercentTier(None, Decimal(15)))
    assert price.price.unit_price == 4
    assert [row.key for row in (free, amount)] == [
        f"discount-{pk}" for pk in Discount.objects.values_list("pk", flat=True).order_by("pk")[:2]
    ]


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"percent": None}, "missing", "a discount of kind percent needs percent"),
        ({"percent": Decimal("100.1")}, "out_of_range", "100.1 is above 100"),
        ({"amount": Decimal(1)}, "unused_field", "a discount of kind percent has no amount"),
        ({"kind": "amount", "amount": Decimal(-1)}, "negative", "below 0"),
        ({"kind": "amount", "amount": Decimal(1), "currency": "EUR"}, "wrong_currency", "EUR is not USD"),
        ({"kind": "graduated_percent", "tiers": [{"up_to": "5", "percent": "1"}]}, "tier_not_open", "make it null"),
        (
            {
                "kind": "graduated_percent",
                "tiers": [
                    {"up_to": "5", "percent": "1"},
                    {"up_to": "5", "percent": "2"},
                    {"up_to": None, "percent": "3"},
                ],
            },
            "tier_order",
            "5 is not above 5",
        ),
        ({"kind": "price", "price": {"model": "flat", "currency": "USD"}}, "missing", "price.amount"),
        ({"kind": "price", "price": {**flat("1"), "currency": "EUR"}}, "wrong_currency", "EUR is not USD"),
        ({"price_keys": ["outputs"]}, "unknown_price", "use some of base, output"),
        ({"meter_codes": ["pages"]}, "unknown_meter", "'pages' doesn't exist"),
        ({"filter": {"model": []}}, "filter", "lists of their values"),
        ({"duration": "periods"}, "periods_missing", "how many"),
        ({"periods": 2}, "periods_unused", "no effect with the duration 'forever'"),
        ({"duration": "dates"}, "end_missing", "first day without"),
        ({"starts_on": FEB, "ends_on": FEB}, "ends_before_start", "must be after"),
        ({"subscription": None}, "discount_scope", "exactly one"),
    ],
)
def test_a_discount_that_can_not_be(office, terms, code, words):
    with pytest.raises(DomainError, match=words) as error:
        grant(**{"subscription": office.subscribe(), **terms})
    assert error.value.code == code
    assert not Discount.objects.exists()


def test_the_database_wants_one_scope_and_the_kinds_value(office):
    subscription = office.subscribe()
    for terms in ({"percent": 1}, {"subscription": subscription, "customer": office.customer, "percent": 1}):
        with pytest.raises(IntegrityError, match="pricing_discount_scope"), transaction.atomic():
            Discount.objects.create(name="x", **terms)
    with pytest.raises(IntegrityError, match="pricing_discount_whole"), transaction.atomic():
        Discount.objects.create(name="x", subscription=subscription, kind="amount", percent=3)


# --- scope and days -----------------------------------------------------------------------------------------------
def test_a_customers_discount_is_for_each_subscription_in_its_currency(office):
    one = office.subscribe()
    euro = office.subscribe(office.plan("euro", currency="EUR", tokens=output_price("9", model="o3")))
    stranger = office.subscribe(customer=Customer.objects.create(external_id="other", name="Other"))
    grant(customer=office.customer)
    grant(customer=office.customer, kind="amount", amount=Decimal(5), currency="EUR")
    assert [[row.kind for row in discounts(each)] for each in (one, euro, stranger)] == [
        ["percent"],
        ["percent", "amount"],
        [],
    ]


def test_a_plans_discount_is_for_the_days_on_the_plan(office):
    subscription = office.subscribe()
    other = office.plan("tokens", tokens=output_price("6"))
    row = grant(plan=office.v1.plan)
    for version, day in ((other, date(2026, 1, 11)), (office.v1, date(2026, 1, 21)), (office.v2(), date(2026, 1, 25))):
        migrate_subscription(subscription_id=subscription.pk, plan_version_id=version.pk, effective_on=day)
    assert [(each.key, each.starts, each.ends) for each in discounts(subscription)] == [
        (f"discount-{row.pk}", JAN, date(2026, 1, 11)),
        (f"discount-{row.pk}-2", date(2026, 1, 21), None),
    ]


def test_discounts_outside_the_window_are_not_in_it(office):
    subscription = office.subscribe()
    grant(subscription=subscription, starts_on=FEB, ends_on=MAR)
    assert [len(discounts(subscription, *window)) for window in ((JAN, FEB), (FEB, MAR), (MAR, APR))] == [0, 1, 0]


@pytest.mark.parametrize(
    ("options", "duration", "ends"),
    [
        ({}, {"duration": "once"}, FEB),
        ({}, {"duration": "periods", "periods": 3}, APR),
        ({"starts_on": date(2026, 1, 31)}, {"duration": "periods", "periods": 2}, MAR),
        # Anniversaries of the 31st: 31 January, 28 February, 31 March.
        (
            {"starts_on": date(2026, 1, 31), "billing_cycle": "anniversary"},
            {"duration": "periods", "periods": 2},
            date(2026, 3, 31),
        ),
        ({"interval": "quarter"}, {"duration": "once"}, APR),
        # The trial's periods are free anyway: the first one that counts is February.
        ({"trial_ends_on": date(2026, 2, 10)}, {"duration": "once"}, MAR),
        ({}, {"duration": "once", "starts_on": date(2026, 2, 28)}, MAR),
        ({}, {"duration": "periods", "periods": 3, "ends_on": date(2026, 2, 2)}, date(2026, 2, 2)),
    ],
)
def test_periods_are_counted_by_the_billing_cycle(office, options, duration, ends):
    subscription = office.subscribe(**options)
    grant(subscription=subscription, **duration)
    [found] = discounts(subscription, JAN, JUL)
    assert found.ends == ends
    assert discounts(subscription, ends, JUL) == []
    assert len(discounts(subscription, ends - timedelta(days=1), ends)) == 1


# --- invoiced -----------------------------------------------------------------------------------------------------
def test_a_discount_of_an_invoiced_period_can_only_be_ended_later(office):
    subscription = office.subscribe()
    row = grant(subscription=subscription)
    invoice(subscription, JAN, FEB)
    row.percent = Decimal(20)
    with pytest.raises(DomainError, match="The usage up to 2026-02-01 is invoiced with Deal"):
        check_discount(discount=row)
    with pytest.raises(DomainError, match="ends_on 2026-01-31 must be 2026-02-01 or later"):
        end_discount(discount_id=row.pk, ends_on=date(2026, 1, 31))
    assert end_discount(discount_id=row.pk, ends_on=FEB).ends_on == FEB


def test_a_discount_that_begins_after_what_is_invoiced_may_change(office):
    subscription = office.subscribe()
    row = grant(subscription=subscription, starts_on=FEB)
    invoice(subscription, JAN, FEB)
    row.percent = Decimal(20)
    check_discount(discount=row)


def test_a_customers_discount_looks_at_all_subscriptions(office):
    subscription = office.subscribe()
    row = grant(customer=office.customer)
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="must be 2026-02-01 or later"):
        end_discount(discount_id=row.pk, ends_on=date(2026, 1, 15))


# --- codes --------------------------------------------------------------------------------------------------------
def promote(**terms):
    promotion = Promotion(**{"code": "Launch20", "name": "Launch", "kind": "percent", "percent": Decimal(20), **terms})
    check_promotion(promotion=promotion)
    promotion.save()
    return promotion


def redeem(subscription, code="LAUNCH20", now=NOW):
    return redeem_code(code=code, subscription_id=subscription.pk, now=now)


def test_a_code_grants_its_discount_from_the_start_of_the_period(office):
    subscription = office.subscribe()
    promotion = promote(duration="periods", periods=2, priority=-1, price_keys=["output"])
    row = redeem(subscription, " launch20 ")
    assert (row.subscription, row.name, row.percent, row.starts_on) == (subscription, "Launch", 20, JAN)
    assert (row.priority, row.price_keys, row.redemption.promotion) == (-1, ["output"], promotion)
    [found] = discounts(subscription)
    assert (found.starts, found.ends, found.key) == (JAN, MAR, f"discount-{row.pk}")


def test_a_code_never_reaches_into_invoiced_days(office):
    """The period was cut by hand: the first half of January is invoiced."""
    subscription = office.subscribe()
    invoice(subscription, JAN, date(2026, 1, 15))
    promote()
    assert redeem(subscription).starts_on == date(2026, 1, 15)


def test_a_code_for_a_subscription_that_has_not_begun_waits_for_its_start(office):
    promote()
    assert redeem(office.subscribe(starts_on=date(2026, 3, 10))).starts_on == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"code": "other"}, "unknown_code", "'LAUNCH20' is not known"),
        ({"starts_at": NOW + timedelta(seconds=1)}, "promotion_not_begun", "from 20 January 2026 12:00 UTC on"),
        ({"ends_at": NOW}, "promotion_over", "ended at 20 January 2026 12:00 UTC"),
        ({"max_redemptions": 0}, "promotion_used_up", "redeemed 0 times"),
        ({"max_redemptions_per_customer": 0}, "promotion_used_by_customer", "Acme redeemed Launch20 already"),
        (
            {"kind": "amount", "percent": None, "amount": Decimal(5), "currency": "EUR"},
            "wrong_currency",
            "is in EUR, the subscription in USD",
        ),
        ({"price_keys": ["nothing"]}, "unknown_price", "use some of base, output"),
        ({"duration": "dates", "discount_ends_on": JAN}, "promotion_over", "ends on 2026-01-01, before it could begin"),
    ],
)
def test_a_code_that_is_refused_grants_nothing(office, terms, code, words):
    promote(**terms)
    with pytest.raises(DomainError, match=words) as error:
        redeem(office.subscribe())
    assert error.value.code == code
    assert not Redemption.objects.exists()
    assert not Discount.objects.exists()


def test_the_instants_of_start_and_end(office):
    promote(starts_at=NOW, ends_at=NOW + timedelta(seconds=1), max_redemptions_per_customer=None)
    subscription = office.subscribe()
    redeem(subscription)
    redeem(subscription, now=NOW + timedelta(microseconds=999_999))
    with pytest.raises(DomainError, match="ended at"):
        redeem(subscription, now=NOW + timedelta(seconds=1))


def test_limits_in_total_and_per_customer(office):
    promote(max_redemptions=2)
    others = [Customer.objects.create(external_id=f"c{n}", name=f"C{n}") for n in range(2)]
    first = office.subscribe()
    redeem(first)
    with pytest.raises(DomainError, match="1 per customer is its limit"):
        redeem(first)
    redeem(office.subscribe(customer=others[0]))
    with pytest.raises(DomainError, match="redeemed 2 times, which is its limit"):
        redeem(office.subscribe(customer=others[1]))


def test_first_time_customers_and_eligible_plans(office):
    promotion = promote(first_time_customers_only=True, max_redemptions_per_customer=None)
    promotion.plans.add(office.v1.plan)
    subscription = office.subscribe()
    redeem(subscription)
    second = office.subscribe(office.plan("o3", o3=output_price("9", model="o3")))
    with pytest.raises(DomainError, match="is for Growth; the subscription is on O3"):
        redeem(second)
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="Acme has been invoiced before"):
        redeem(subscription)


def test_an_ended_subscription_redeems_nothing(office):
    promote()
    subscription = office.subscribe(ends_on=date(2026, 1, 20))
    with pytest.raises(DomainError, match="ended on 2026-01-20"):
        redeem(subscription)


def test_codes_are_unique_whatever_their_capitals(office):
    promote()
    with pytest.raises(DomainError, match="in use already"):
        promote(code="lAUNCH20")
    with pytest.raises(IntegrityError, match="pricing_promotion_code"), transaction.atomic():
        Promotion.objects.create(code="launch20", name="x", percent=1)


def test_redemptions_stay(office):
    promote()
    redemption = redeem(office.subscribe()).redemption
    for change in (
        lambda: Redemption.objects.update(redeemed_at=NOW),
        lambda: Redemption.objects.filter(pk=redemption.pk)._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError, match="can't be changed or deleted"), transaction.atomic():
            change()


def test_the_report_counts_by_customer(office):
    promotion = promote(max_redemptions=5, max_redemptions_per_customer=2)
    other = Customer.objects.create(external_id="other", name="Other")
    subscription = office.subscribe()
    rows = [redeem(subscription), redeem(subscription, now=NOW + timedelta(hours=1))]
    third = redeem(office.subscribe(customer=other), now=NOW + timedelta(hours=2))
    report = redemption_report(promotion=promotion)
    assert (report.times, report.left) == (3, 2)
    assert [(row.customer.name, row.times) for row in report.customers] == [("Other", 1), ("Acme", 2)]
    assert report.discount_keys == tuple(f"discount-{row.pk}" for row in (third, rows[1], rows[0]))
    assert report.customers[1].subscription_ids == (subscription.pk,)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_exceed_the_limit():
    office = TermsOffice()
    promote(max_redemptions=1)
    subscriptions = [
        office.subscribe(customer=Customer.objects.create(external_id=f"c{n}", name=f"C{n}")) for n in range(4)
    ]

    def attempt(subscription):
        try:
            redeem(subscription)
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "granted"

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(attempt, subscriptions))
    assert results == ["granted", "promotion_used_up", "promotion_used_up", "promotion_used_up"]
    assert Discount.objects.count() == Redemption.objects.count() == 1
