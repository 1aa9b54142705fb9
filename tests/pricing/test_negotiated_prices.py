"""Own prices, add-ons, one-off charges and commitments: what is accepted, and what invoiced days keep."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from pricing.models import AddOn, SubscriptionPrice
from pricing.services.commitments import add_commitment, change_commitment
from pricing.services.negotiated_prices import (
    add_one_off_charge,
    add_price_to_subscription,
    attach_add_on,
    end_negotiated_price,
    remove_negotiated_price,
    set_override,
    set_ramp,
)
from pricing.services.subscriptions import end_subscription
from tests.pricing.terms_office import APR, FEB, JAN, JUL, MAR, flat, invoice, output_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription(office):
    return office.subscribe(ends_on=JUL)


def override(subscription, **changes):
    values = {"key": "output", "document": output_price("7"), "starts_on": FEB, "reason": "contract", **changes}
    return set_override(subscription_id=subscription.pk, **values)


def test_an_override_takes_the_plans_name_and_the_currency(subscription):
    row = override(subscription)
    assert (row.name, row.kind, row.document["currency"]) == ("Output fee", "override", "USD")
    assert override(subscription, key="base", document=flat("1"), name="Platform").name == "Platform"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"key": "outputs"}, "unknown_price", "use one of base, output"),
        ({"document": flat("1")}, "other_meter", "keep the meter"),
        ({"document": {**output_price("7"), "currency": "EUR"}}, "wrong_currency", "EUR is not USD"),
        ({"document": output_price("-1")}, "negative", "unit_price"),
        ({"document": {**output_price("7"), "meter": "pages"}}, "unknown_meter", "'pages' doesn't exist"),
        ({"document": {**output_price("7"), "filter": {"region": ["eu"]}}}, "unknown_dimension", "use one of feature"),
        ({"starts_on": date(2025, 12, 31)}, "outside_subscription", "2026-01-01 to 2026-07-01"),
        ({"starts_on": JUL}, "outside_subscription", "starts_on 2026-07-01"),
        ({"ends_on": FEB}, "ends_before_start", "ends_on 2026-02-01 must be after starts_on 2026-02-01"),
        ({"reason": " "}, "reason_missing", "say what was agreed"),
    ],
)
def test_an_override_that_can_not_be(subscription, changes, code, words):
    with pytest.raises(DomainError, match=words) as error:
        override(subscription, **changes)
    assert error.value.code == code
    assert not SubscriptionPrice.objects.exists()


def test_one_price_of_a_key_on_a_day(subscription):
    override(subscription, ends_on=MAR)
    override(subscription, starts_on=MAR, ends_on=APR)
    with pytest.raises(DomainError, match="negotiated from 2026-02-01 to 2026-03-01 already") as error:
        override(subscription, starts_on=date(2026, 2, 28), ends_on=MAR)
    assert error.value.code == "negotiated_already"


def test_the_database_refuses_two_prices_of_a_key_on_a_day_itself(subscription):
    row = override(subscription, ends_on=MAR)
    copy = {"subscription": subscription, "kind": "override", "document": {}, "name": "x", "reason": "x"}
    SubscriptionPrice.objects.create(**copy, key=row.key, starts_on=MAR)
    SubscriptionPrice.objects.create(**copy, key="base", starts_on=FEB)
    with pytest.raises(IntegrityError, match="one_a_day"), transaction.atomic():
        SubscriptionPrice.objects.create(**copy, key=row.key, starts_on=date(2026, 2, 28))


def test_a_ramp_is_all_or_nothing(subscription):
    with pytest.raises(DomainError, match="step 2026-01-01 is not after 2026-01-01"):
        set_ramp(subscription_id=subscription.pk, key="base", steps=[(JAN, flat("1")), (JAN, flat("2"))], reason="x")
    with pytest.raises(DomainError, match="-2 is below 0"):
        set_ramp(subscription_id=subscription.pk, key="base", steps=[(JAN, flat("1")), (FEB, flat("-2"))], reason="x")
    assert not SubscriptionPrice.objects.exists()


def test_an_add_on_is_copied_so_that_the_catalogue_may_change(subscription):
    seats = AddOn.objects.create(code="seats", name="Seats", currency="USD", document=flat("15"))
    row = attach_add_on(
        subscription_id=subscription.pk, add_on_id=seats.pk, starts_on=FEB, times=Decimal("2.5"), reason="order"
    )
    seats.document = flat("20")
    seats.save()
    row.refresh_from_db()
    assert (row.key, row.times, row.document["amount"], row.add_on) == ("seats", Decimal("2.5"), "15", seats)


@pytest.mark.parametrize(
    ("key", "document", "times", "code"),
    [
        ("base", flat("1"), 1, "key_taken"),
        ("o3", output_price("1", model="o3"), 2, "times_of_usage"),
        ("seats", flat("1"), 0, "times"),
        ("seats", {**flat("1"), "currency": "JPY"}, 1, "wrong_currency"),
    ],
)
def test_an_add_on_that_can_not_be(subscription, key, document, times, code):
    with pytest.raises(DomainError) as error:
        add_price_to_subscription(
            subscription_id=subscription.pk,
            key=key,
            name="New",
            document=document,
            starts_on=FEB,
            times=Decimal(times),
            reason="x",
        )
    assert error.value.code == code


def test_one_off_charges_get_keys_of_their_own(subscription):
    rows = [
        add_one_off_charge(
            subscription_id=subscription.pk, name="Set-up", amount=Decimal("0.000001"), on=FEB, reason="x"
        )
        for _ in range(2)
    ]
    assert [row.key for row in rows] == ["one-off-1", "one-off-2"]
    assert rows[0].document == {"model": "flat", "amount": "0.000001", "currency": "USD"}


def test_a_one_off_charge_in_the_trial_is_refused(office):
    subscription = office.subscribe(trial_ends_on=FEB)
    with pytest.raises(DomainError, match="is in the trial, which is free: use 2026-02-01 or later"):
        add_one_off_charge(
            subscription_id=subscription.pk, name="Set-up", amount=Decimal(1), on=date(2026, 1, 31), reason="x"
        )


# --- invoiced days ------------------------------------------------------------------------------------------------
def test_nothing_is_negotiated_for_invoiced_days(subscription):
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="starts_on 2026-01-31 must be 2026-02-01 or later"):
        override(subscription, starts_on=date(2026, 1, 31))
    assert override(subscription, starts_on=FEB).pk


def test_what_an_invoice_used_can_only_be_ended_later(subscription):
    row = override(subscription, starts_on=JAN)
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="ends_on 2026-01-31 must be 2026-02-01 or later"):
        end_negotiated_price(price_id=row.pk, ends_on=date(2026, 1, 31))
    with pytest.raises(DomainError, match="the usage up to 2026-02-01 is invoiced"):
        remove_negotiated_price(price_id=row.pk)
    assert end_negotiated_price(price_id=row.pk, ends_on=FEB).ends_on == FEB
    # Ended at what is invoiced, it may go on again; no invoiced day changes.
    assert end_negotiated_price(price_id=row.pk, ends_on=MAR).ends_on == MAR
    assert [past.ends_on for past in row.history.order_by("history_id")] == [None, FEB, MAR]


def test_what_no_invoice_used_can_be_taken_back(subscription):
    invoice(subscription, JAN, FEB)
    row = override(subscription, starts_on=FEB)
    remove_negotiated_price(price_id=row.pk)
    assert not SubscriptionPrice.objects.exists()
    assert SubscriptionPrice.history.filter(history_type="-").count() == 1


# --- commitments --------------------------------------------------------------------------------------------------
def commit(subscription, **changes):
    values = {"name": "Term", "amount": Decimal(100), "starts_on": JAN, "ends_on": APR, "reason": "contract", **changes}
    return add_commitment(subscription_id=subscription.pk, **values)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"ends_on": JAN}, "ends_before_start"),
        ({"starts_on": date(2025, 12, 31)}, "outside_subscription"),
        ({"price_keys": ["nothing"]}, "unknown_price"),
        ({"price_keys": []}, "unknown_price"),
        ({"reason": ""}, "reason_missing"),
        ({"early_end": "half"}, "early_end"),
    ],
)
def test_a_commitment_that_can_not_be(subscription, changes, code):
    with pytest.raises(DomainError) as error:
        commit(subscription, **changes)
    assert error.value.code == code


def test_an_end_that_leaves_no_period_to_settle_a_commitment_in(subscription):
    row = commit(subscription)
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="the rest of Term, promised until 2026-04-01, could not be billed"):
        end_subscription(subscription_id=subscription.pk, ends_on=FEB)
    change_commitment(commitment_id=row.pk, amount=row.amount, ends_on=APR, early_end="waived", reason="agreed")
    assert end_subscription(subscription_id=subscription.pk, ends_on=FEB).ends_on == FEB


def test_a_commitment_cant_be_changed_once_the_end_of_the_subscription_is_invoiced(subscription):
    row = commit(subscription)
    end_subscription(subscription_id=subscription.pk, ends_on=FEB)
    invoice(subscription, JAN, FEB)
    for change in ({"early_end": "waived"}, {"ends_on": JUL}, {"amount": Decimal(5)}):
        values = {"amount": row.amount, "ends_on": APR, "early_end": None, "reason": "x", **change}
        with pytest.raises(DomainError, match="2026-01-31, is invoiced"):
            change_commitment(commitment_id=row.pk, **values)


def test_a_commitment_may_be_entered_late_but_not_after_its_last_day_is_invoiced(subscription):
    invoice(subscription, JAN, FEB)
    with pytest.raises(DomainError, match="The term's last day, 2026-01-31, is invoiced"):
        commit(subscription, ends_on=FEB)
    row = commit(subscription, ends_on=date(2026, 2, 2))
    assert change_commitment(commitment_id=row.pk, amount=Decimal(50), ends_on=MAR, reason="x").amount == 50
    invoice(subscription, FEB, MAR)
    with pytest.raises(DomainError, match="2026-02-28, is invoiced"):
        change_commitment(commitment_id=row.pk, amount=Decimal(1), ends_on=APR, reason="x")
