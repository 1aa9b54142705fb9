"""Negotiated terms in the back office: seen side by side, agreed through forms and confirmations, checked by services.

It is 10 August 2026; July of North is invoiced (see tests/office.py).
"""

import json
from datetime import date

import pytest
import time_machine
from django.urls import reverse

from pricing.models import AddOn, Commitment, Discount, PlanVersion, Promotion, Subscription, SubscriptionPrice
from pricing.services.plans import create_version, publish_version
from tests.office import NOW

pytestmark = pytest.mark.django_db
FEE = {"model": "flat", "currency": "USD", "amount": "25"}


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def north(office):
    return Subscription.objects.get(customer=office.north)


@pytest.fixture
def v2(north):
    draft = create_version(plan_id=north.plan_version.plan_id)
    draft.prices.filter(key="base").update(amount=50)
    return publish_version(version_id=draft.pk)


def page(client, name, *args, **query):
    return client.get(reverse(f"admin:{name}", args=args), query)


def post(client, page_name, /, *args, **values):
    return client.post(reverse(f"admin:{page_name}", args=args), values, follow=True)


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


def price_form(subscription, **changes):
    return {
        "subscription": subscription.pk, "kind": "override", "key": "base", "name": "Platform",
        "document": json.dumps(FEE), "times": "1", "starts_on": "2026-08-01", "ends_on": "", "sort_order": "0",
        "reason": "contract 7", **changes,
    }  # fmt: skip


def test_an_own_price_begins_with_what_the_plan_says(north, admin_client):
    answer = page(admin_client, "pricing_subscriptionprice_add", subscription=north.pk, kind="override", key="base")
    form = answer.context["adminform"].form
    assert {"model": "flat", "currency": "USD", "amount": "31"}.items() <= json.loads(form["document"].value()).items()
    assert form["name"].value() == "Base fee"
    assert form["starts_on"].value() == date(2026, 8, 10)


def test_an_own_price_stands_beside_the_plans_on_the_subscriptions_page(north, admin_client):
    answer = post(admin_client, "pricing_subscriptionprice_add", **price_form(north))
    assert answer.redirect_chain[-1][0] == reverse("admin:pricing_subscription_change", args=[north.pk])
    rows = answer.context["panels"][0].context["rows"]
    assert (rows[0]["plan"], rows[0]["own"]) == (["Flat", "amount 31"], ["Flat", "amount 25"])
    assert b"contract 7" in answer.content
    july = page(admin_client, "pricing_subscription_change", north.pk, on="2026-07-31")
    assert july.context["panels"][0].context["rows"][0]["own"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starts_on": "2026-07-31"}, "The usage up to 2026-08-01 is invoiced"),
        ({"key": "bse"}, "is no price of the subscription&#x27;s plan"),
        ({"document": '{"model": "flat"}'}, "a price needs a currency"),
        ({"reason": ""}, "This field is required"),
    ],
)
def test_what_the_service_refuses_is_an_error_of_the_form(north, admin_client, changes, words):
    answer = post(admin_client, "pricing_subscriptionprice_add", **price_form(north, **changes))
    assert words in answer.content.decode()
    assert not SubscriptionPrice.objects.exists()


def test_an_own_price_is_ended_in_its_form_and_taken_back_by_its_action(north, admin_client):
    post(admin_client, "pricing_subscriptionprice_add", **price_form(north))
    row = SubscriptionPrice.objects.get()
    post(admin_client, "pricing_subscriptionprice_change", row.pk, **price_form(north, ends_on="2026-09-01"))
    row.refresh_from_db()
    assert row.ends_on == date(2026, 9, 1)
    answer = post(admin_client, "pricing_subscriptionprice_remove", row.pk, confirmed="yes")
    assert messages(answer) == ["Platform is taken back."]
    assert not SubscriptionPrice.objects.exists()


def test_one_plan_change_and_many(north, v2, office, admin_client):
    ask = page(admin_client, "pricing_subscription_change_plan", north.pk)
    assert b"Plan usd v1" in ask.content
    chosen = {"confirmed": "yes", "plan_version": v2.pk, "effective_on": "2026-08-05", "reason": "upgrade"}
    shown = post(admin_client, "pricing_subscription_change_plan", north.pk, **chosen)
    # August so far: 31 + 2.5 × 10 + 0.2 × 40
    assert b"What it does to the running period" in shown.content
    assert b"64.00" in shown.content
    assert not north.plan_changes.filter(plan_version=v2).exists()
    answer = post(admin_client, "pricing_subscription_change_plan", north.pk, **chosen, effect_shown="True")
    assert messages(answer) == ["North is on Plan usd v2 from 5 August 2026 on."]
    assert b"upgrade" in answer.content

    more = office.customer("more", PlanVersion.objects.get(plan__code="usd", number=1), date(2026, 8, 1))
    other = more.subscriptions.get()
    answer = post(
        admin_client, "pricing_subscription_changelist", action="change_plans", _selected_action=[north.pk, other.pk],
        confirmed="yes", plan_version=v2.pk, effective_on="", reason="price change", effect_shown="True",
    )  # fmt: skip
    assert messages(answer) == [
        "More is on Plan usd v2 from 1 September 2026 on.",
        "North: North is on Plan usd v2 on 2026-09-01 already: choose another version.",
    ]
    assert list(other.plan_changes.values_list("starts_on", flat=True)) == [date(2026, 8, 1), date(2026, 9, 1)]


def test_add_on_one_off_and_code(north, admin_client):
    seats = AddOn.objects.create(code="seats", name="Seats", document=FEE)
    Promotion.objects.create(code="HELLO", name="Hello", percent=5, max_redemptions=1)
    name = "pricing_subscription_{}".format
    answers = [
        post(admin_client, name("attach"), north.pk, confirmed="yes", add_on=seats.pk, times="3",
             starts_on="2026-08-10", ends_on="", reason="order"),
        post(admin_client, name("charge_once"), north.pk, confirmed="yes", name="Training", amount="99.50",
             on="2026-08-12", reason="order"),
        post(admin_client, name("redeem"), north.pk, confirmed="yes", code="hello"),
        post(admin_client, name("redeem"), north.pk, confirmed="yes", code="hello"),
    ]  # fmt: skip
    assert [messages(answer)[-1] for answer in answers[:3]] == [
        "Seats is charged from 10 August 2026 on.",
        "Training: 99.50 USD is charged on 12 August 2026.",
        "Hello is granted from 1 August 2026 on.",
    ]
    assert "redeemed 1 times, which is its limit" in messages(answers[3])[-1]
    assert b"by code HELLO" in answers[2].content
    report = page(admin_client, "pricing_promotion_change", Promotion.objects.get().pk)
    assert report.context["panels"][0].context["report"].times == 1


def test_commitments_discounts_and_promotions_are_checked_in_their_forms(north, admin_client):
    term = {"subscription": north.pk, "name": "Term", "amount": "100", "starts_on": "2026-08-01",
            "ends_on": "2027-08-01", "price_keys": "", "early_end": "prorated", "reason": "contract"}  # fmt: skip
    refused = post(admin_client, "pricing_commitment_add", **{**term, "price_keys": "outputs"})
    assert "is no price of the subscription" in refused.content.decode()
    post(admin_client, "pricing_commitment_add", **term)
    assert Commitment.objects.get().price_keys is None

    deal = {"subscription": north.pk, "name": "Deal", "kind": "amount", "amount": "5", "priority": "0", "tiers": "[]",
            "price": "", "filter": "{}", "duration": "once"}  # fmt: skip
    refused = post(admin_client, "pricing_discount_add", **{**deal, "kind": "percent", "percent": "10"})
    assert "a discount of kind percent has no amount" in refused.content.decode()
    post(admin_client, "pricing_discount_add", **deal)
    assert (Discount.objects.get().currency, Discount.objects.get().amount) == ("USD", 5)

    code = {"code": "Spring", "name": "Spring", "kind": "percent", "percent": "10", "priority": "0", "tiers": "[]",
            "price": "", "filter": "{}", "duration": "periods", "periods": "3",
            "max_redemptions_per_customer": "1"}  # fmt: skip
    refused = post(admin_client, "pricing_promotion_add", **{**code, "periods": ""})
    assert "periods is empty" in refused.content.decode()
    post(admin_client, "pricing_promotion_add", **code)
    assert "in use already" in post(admin_client, "pricing_promotion_add", **code).content.decode()
    assert Promotion.objects.get().periods == 3
