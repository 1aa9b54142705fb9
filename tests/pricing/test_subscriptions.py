"""Several subscriptions, trials, moves to other versions, and the default plan."""

from contextlib import contextmanager
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.models import Series, UsageDay, UsageDelta
from pricing.dated_versions import version_on
from pricing.models import Plan, PlanChange, Subscription
from pricing.services.negotiated_prices import add_price_to_subscription, set_override
from pricing.services.plan_changes import follow_plan_changes, migrate_subscription, migrate_subscriptions
from pricing.services.subscriptions import (
    check_subscription,
    end_subscription,
    subscribe_strays,
    subscribe_to_default_plan,
)
from tests.pricing.terms_office import APR, FEB, JAN, MAR, flat, invoice, output_price

pytestmark = pytest.mark.django_db

IN_JANUARY = datetime(2026, 1, 20, 12, tzinfo=UTC)


def move(subscription, version, on, **options):
    options.setdefault("now", IN_JANUARY)
    return migrate_subscription(subscription_id=subscription.pk, plan_version_id=version.pk, effective_on=on, **options)


@contextmanager
def refused(code, match=None):
    """What is done inside is refused with this code, in words like these."""
    with pytest.raises(DomainError, match=match) as error:
        yield error
    assert error.value.code == code


# --- several ------------------------------------------------------------------------------------------------------
def test_two_subscriptions_may_not_charge_the_same_usage(office):
    office.subscribe()
    rival = office.plan("rival", tokens=output_price("9", model=None))
    with refused("overlapping_subscription", "Output fee of Growth v1|Tokens fee of Rival v1") as error:
        office.subscribe(rival, starts_on=FEB)
    assert "Tokens fee of Rival v1 and Output fee of Growth v1 both charge output_tokens" in error.value.message
    assert "from 2026-02-01 to open end" in error.value.message


@pytest.mark.parametrize(
    "other",
    [
        {"tokens": output_price("9", model="o3")},
        {"tokens": {**output_price("9"), "meter": "input_tokens"}},
        {"fee": flat("5")},
    ],
)
def test_subscriptions_for_other_usage_run_side_by_side(office, other):
    office.subscribe()
    assert office.subscribe(office.plan("other", **other)).pk


def test_a_filter_of_another_dimension_can_select_the_same_usage(office):
    """gpt-4o calls of the chat feature pass both filters, though neither is more specific."""
    office.subscribe()
    chat = {**output_price("9"), "filter": {"feature": ["chat"]}}
    with refused("overlapping_subscription"):
        office.subscribe(office.plan("chat", chat=chat))


def test_one_may_begin_on_the_day_on_which_the_other_ends(office):
    office.subscribe(ends_on=FEB)
    office.subscribe(starts_on=FEB)
    with refused("overlapping_subscription", "from 2026-01-31 to 2026-02-01"):
        office.subscribe(starts_on=date(2026, 1, 31), ends_on=FEB)


def test_an_end_that_is_taken_back_is_checked_too(office):
    first = office.subscribe(ends_on=FEB)
    office.subscribe(starts_on=FEB)
    with refused("overlapping_subscription"):
        end_subscription(subscription_id=first.pk, ends_on=MAR)


def test_currencies_may_differ(office):
    office.subscribe()
    euro = office.plan("euro", currency="EUR", tokens=output_price("9", model="o3"))
    assert office.subscribe(euro).plan_version.currency == "EUR"


def test_a_negotiated_price_may_not_charge_what_the_other_subscription_does(office):
    office.subscribe()
    second = office.subscribe(office.plan("o3", o3=output_price("9", model="o3")))
    with refused("overlapping_subscription"):
        set_override(
            subscription_id=second.pk, key="o3", document=output_price("8", model=None), starts_on=FEB, reason="x"
        )
    assert not second.negotiated_prices.exists()


# --- trial --------------------------------------------------------------------------------------------------------
def test_a_trial_ends_after_the_start(office):
    with refused("trial_before_start", "trial_ends_on 2026-01-01 must be after starts_on 2026-01-01"):
        office.subscribe(trial_ends_on=JAN)
    assert office.subscribe(trial_ends_on=date(2026, 1, 2)).trial_ends_on == date(2026, 1, 2)


@pytest.mark.parametrize("ends", [None, date(2026, 1, 20), MAR])
def test_a_trial_that_touches_invoiced_days_stays(office, ends):
    subscription = office.subscribe(trial_ends_on=date(2026, 1, 15))
    invoice(subscription, JAN, FEB)
    subscription.trial_ends_on = ends
    with refused("period_invoiced", "The usage up to 2026-02-01 is invoiced"):
        check_subscription(subscription=subscription)


def test_a_trial_may_be_extended_before_its_period_is_invoiced(office):
    subscription = office.subscribe(trial_ends_on=date(2026, 1, 15))
    subscription.trial_ends_on = MAR
    check_subscription(subscription=subscription)


# --- moves --------------------------------------------------------------------------------------------------------
def test_a_move_keeps_what_held_before(office):
    subscription, v2 = office.subscribe(), office.v2()
    move(subscription, v2, date(2026, 1, 16), reason="ticket 5")
    subscription.refresh_from_db()
    assert subscription.plan_version == v2
    assert list(subscription.plan_changes.values_list("plan_version__number", "starts_on", "reason")) == [
        (1, JAN, ""),
        (2, date(2026, 1, 16), "ticket 5"),
    ]


def test_a_move_at_the_end_of_the_period_waits_for_it(office):
    subscription, v2 = office.subscribe(), office.v2()
    assert move(subscription, v2, "period_end").starts_on == FEB
    subscription.refresh_from_db()
    assert subscription.plan_version == office.v1
    assert follow_plan_changes(now=datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == 0
    assert follow_plan_changes(now=datetime(2026, 2, 1, tzinfo=UTC)) == 1
    assert follow_plan_changes(now=datetime(2026, 2, 1, tzinfo=UTC)) == 0
    subscription.refresh_from_db()
    assert subscription.plan_version == v2


def test_the_day_of_a_move_is_the_customers_own(office):
    """At 15:00 UTC on 31 January it is 1 February in Tokyo."""
    tokyo = Customer.objects.create(external_id="tokyo", name="Tokyo", timezone="Asia/Tokyo")
    subscription, v2 = office.subscribe(customer=tokyo), office.v2()
    move(subscription, v2, FEB)
    assert follow_plan_changes(now=datetime(2026, 1, 31, 14, 59, tzinfo=UTC)) == 0
    assert follow_plan_changes(now=datetime(2026, 1, 31, 15, 0, tzinfo=UTC)) == 1


def test_a_move_on_the_first_day_replaces_the_version_altogether(office):
    subscription, v2 = office.subscribe(), office.v2()
    move(subscription, v2, JAN)
    subscription.refresh_from_db()
    assert version_on(subscription, JAN) == subscription.plan_version == v2
    assert subscription.plan_changes.count() == 1


def test_an_earlier_move_replaces_what_was_planned_for_later(office):
    subscription, v2 = office.subscribe(), office.v2()
    v3 = office.version(office.v1.plan, base=flat("1"), output=output_price("1"))
    move(subscription, v3, MAR)
    move(subscription, v2, FEB)
    assert [version_on(subscription, day).number for day in (JAN, FEB, MAR)] == [1, 2, 2]
    move(subscription, office.v1, FEB)
    assert version_on(subscription, APR).number == 1


def test_a_move_to_another_plan_leaves_no_own_price_without_its_price(office):
    subscription = office.subscribe()
    other = office.plan("tokens", tokens=output_price("6"))
    set_override(subscription_id=subscription.pk, key="output", document=output_price("7"), starts_on=JAN, reason="x")
    with refused("override_without_price", "Tokens v1 has no price 'output'"):
        move(subscription, other, FEB)
    subscription.negotiated_prices.update(ends_on=FEB)
    assert move(subscription, other, FEB).plan_version == other


def test_moves_that_can_not_be(office):
    subscription, v2 = office.subscribe(ends_on=APR), office.v2()
    euro = office.version(office.v1.plan, currency="EUR", base=flat("1"))
    with refused("wrong_currency", "in EUR, the subscription in USD"):
        move(subscription, euro, FEB)
    with refused("outside_subscription", "use a day from 2026-01-01 and before 2026-04-01"):
        move(subscription, v2, APR)
    with refused("outside_subscription"):
        move(subscription, v2, date(2025, 12, 31))
    with refused("same_plan_version", "is on Growth v1 on 2026-02-01 already"):
        move(subscription, office.v1, FEB)
    invoice(subscription, JAN, FEB)
    with refused("period_invoiced", "effective_on 2026-01-31 must be 2026-02-01 or later"):
        move(subscription, v2, date(2026, 1, 31))
    assert move(subscription, v2, FEB).starts_on == FEB
    v2.status = "retired"
    v2.save()
    with refused("plan_version_not_published"):
        move(subscription, v2, MAR)


def test_a_move_may_not_charge_the_other_subscriptions_usage(office):
    office.subscribe()
    second = office.subscribe(office.plan("o3", o3=output_price("9", model="o3")))
    wide = office.plan("wide", o3=output_price("9", model=None))
    with refused("overlapping_subscription"):
        move(second, wide, FEB)
    assert version_on(second, FEB).plan.code == "o3"
    assert not PlanChange.objects.exists()


def test_many_are_moved_and_one_that_can_not_be_says_why(office):
    v2 = office.v2()
    other = Customer.objects.create(external_id="other", name="Other")
    one, two = office.subscribe(), office.subscribe(customer=other)
    invoice(two, JAN, FEB)
    found = migrate_subscriptions(
        subscription_ids=[one.pk, two.pk],
        plan_version_id=v2.pk,
        effective_on=date(2026, 1, 20),
        reason="price change",
        now=IN_JANUARY,
    )
    assert (found[0].effective_on, found[0].problem) == (date(2026, 1, 20), "")
    assert found[1].effective_on is None
    assert "is invoiced" in found[1].problem
    assert not two.plan_changes.exists()


# --- default plan -------------------------------------------------------------------------------------------------
def use(office, customer, day, table=UsageDay):
    series, _ = Series.objects.get_or_create(
        customer=customer, event_type=office.event_type, dimensions={}, defaults={"digest": uuid4()}
    )
    table.objects.create(series=series, day=day, events=1)


def test_there_is_one_default_plan(office):
    Plan.objects.update(is_default=True)
    office.plan("other", fee=flat("1"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.update(is_default=True)


def test_a_customer_with_usage_and_no_plan_gets_the_default_plan_once(office):
    use(office, office.customer, date(2026, 1, 9))
    use(office, office.customer, date(2026, 1, 5), UsageDelta)
    assert subscribe_strays() == []
    Plan.objects.update(is_default=True)
    v2 = office.v2()
    [made] = subscribe_strays()
    assert (made.customer, made.plan_version, made.starts_on) == (office.customer, v2, date(2026, 1, 5))
    assert subscribe_strays() == []
    assert subscribe_to_default_plan(customer_id=office.customer.pk, on=JAN) is None
    assert Subscription.objects.count() == 1


def test_a_customer_whose_subscription_ended_is_left_alone(office):
    Plan.objects.update(is_default=True)
    office.subscribe(ends_on=FEB)
    use(office, office.customer, MAR)
    silent = Customer.objects.create(external_id="silent", name="Silent")
    assert subscribe_strays() == []
    assert not silent.subscriptions.exists()


def test_an_add_on_that_nobody_could_tell_from_the_plans_price_is_refused(office):
    subscription = office.subscribe()
    with refused("ambiguous_prices", r"Output fee \(output\) and More \(more\)|More \(more\) and Output fee"):
        add_price_to_subscription(
            subscription_id=subscription.pk,
            key="more",
            name="More",
            document=output_price("1"),
            starts_on=FEB,
            reason="x",
        )
    assert not subscription.negotiated_prices.exists()


# --- external ids ---------------------------------------------------------------------------------------------------
def test_an_external_id_names_one_customer(office):
    other = Customer.objects.create(external_id="other", name="Other")
    subscription = office.subscribe(external_id="sub-1")
    with refused("external_id_taken", "Another subscription"):
        office.subscribe(customer=other, external_id="sub-1")
    with refused("external_id_taken", "another customer"):
        office.subscribe(customer=other, external_id="acme")
    office.subscribe(customer=other, external_id="other")
    assert office.subscribe(customer=Customer.objects.create(external_id="3", name="3")).external_id is None
    # Its own is no other's.
    check_subscription(subscription=subscription)
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.filter(customer=other).update(external_id="sub-1")
