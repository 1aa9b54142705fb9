"""Corrections and groups of rejected events in the back office: the effect before, the reason asked for, then done."""

import json

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.urls import reverse

from customers.models import Customer
from metering.models import (
    CorrectionRun,
    CustomerAlias,
    Event,
    EventCorrection,
    EventType,
    IngestionPolicy,
    RejectedEvent,
)
from rating.models import LateUsage
from rating.services.freeze import find_late_usage
from tests.office import NOW, Office

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    with time_machine.travel(NOW, tick=False):
        yield Office()


def events_of(customer):
    return list(Event.objects.filter(series__customer=customer).order_by("key"))


def text_of(response):
    return response.content.decode()


def test_voiding_shows_the_effect_and_asks_for_the_reason(office, admin_client):
    july, *_ = events_of(office.north)
    url = reverse("admin:metering_event_changelist") + "?day=90d"
    chosen = {"action": "void_selected", "_selected_action": [str(july.pk)]}
    page = text_of(admin_client.post(url, chosen))
    # The one call of July was 14 of the 45 that are invoiced.
    for part in ("1 event", "1,000,000", "AF-", "-14.00 USD", "late usage"):
        assert part in page, part
    assert not EventCorrection.objects.exists()
    assert "This field is required" in text_of(admin_client.post(url, {**chosen, "confirmed": "yes", "reason": " "}))
    response = admin_client.post(url, {**chosen, "confirmed": "yes", "reason": "a test call"}, follow=True)
    assert "1 events voided" in text_of(response)
    assert "Voided" in text_of(response)
    run = CorrectionRun.objects.get()
    assert (run.reason, run.made_by) == ("a test call", "admin")
    page = text_of(admin_client.get(reverse("admin:metering_event_change", args=[july.pk])))
    assert "This event doesn&#x27;t count" in page or "This event doesn't count" in page
    find_late_usage(now=NOW)
    assert LateUsage.objects.get().amount == -14


def test_an_event_is_replaced_on_a_page_with_its_properties(office, admin_client):
    july, *_ = events_of(office.north)
    assert admin_client.get(reverse("admin:metering_event_change", args=[july.pk])).status_code == 200
    url = reverse("admin:replace_event", args=[july.pk])
    assert "1000000" in text_of(admin_client.get(url))
    properties = {"provider": "acme", "model": "alpha", "input_tokens": 500000, "output_tokens": 0}
    form = {"properties": json.dumps(properties), "id": "", "time": "", "reason": ""}
    # 5 instead of 14
    assert "-9.00 USD" in text_of(admin_client.post(url, form))
    assert "reason is empty" in text_of(admin_client.post(url, {**form, "confirmed": "yes"}))
    assert "not valid JSON" in text_of(admin_client.post(url, {**form, "properties": "{"}))
    admin_client.post(url, {**form, "confirmed": "yes", "reason": "counted twice"})
    correction = EventCorrection.objects.get()
    page = text_of(admin_client.get(reverse("admin:metering_event_change", args=[correction.replaced_by])))
    assert "counts in place of" in page


def test_a_window_is_voided_by_days(office, admin_client):
    url = reverse("admin:void_window")
    form = {"customer": "north", "start": "2026-08-01", "end": "2026-09-01", "filter": "", "reason": ""}
    # 2.5 million in at 10 and 0.2 million out at 40
    assert "-33.00 USD" in text_of(admin_client.post(url, form))
    assert "is not known" in text_of(admin_client.post(url, {**form, "customer": "nobody"}))
    kind = str(office.event_type.pk)
    form |= {"event_type": kind, "filter": "model=beta", "confirmed": "yes", "reason": "not theirs"}
    assert "1 events voided" in text_of(admin_client.post(url, form, follow=True))


def test_lines_of_a_file_are_sent_after_a_look_at_them(office, admin_client):
    url = reverse("admin:backfill")
    event = {
        "id": "old-1",
        "customer": "north",
        "type": "llm_call",
        "time": "2026-08-09T00:00:00Z",
        "properties": {"provider": "acme", "model": "alpha", "input_tokens": 1_000_000, "output_tokens": 0},
    }
    form = {"events": json.dumps(event), "reason": "", "filter": ""}
    assert "74.00 USD" in text_of(admin_client.post(url, form))
    bad = {**event, "id": "old-2", "customer": "nobody"}
    refused = text_of(admin_client.post(url, {**form, "events": f"{json.dumps(event)}\n{json.dumps(bad)}"}))
    assert "Event 1: customer" in refused
    assert "Line 1" in text_of(admin_client.post(url, {**form, "events": "{"}))
    admin_client.post(url, {**form, "confirmed": "yes", "reason": "lost by the gateway"})
    assert CorrectionRun.objects.get().accepted == 1


def test_only_finance_may_correct(office, client):
    call_command("setup_roles", verbosity=0)
    july, *_ = events_of(office.north)
    for role, status in (("support", 403), ("analyst", 403), ("finance", 200)):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        for url in (
            reverse("admin:void_window"),
            reverse("admin:backfill"),
            reverse("admin:replace_event", args=[july.pk]),
        ):
            assert client.get(url).status_code == status, (role, url)


# --- rejected events ---------------------------------------------------------------------------------------------
@pytest.fixture
def group(office):
    """The address of the group of the one event of a customer that is not known."""
    return (
        f"{reverse('admin:rejected_group')}?code=unknown_customer&source=native&customer_ref=nobody&type_ref=llm_call"
    )


def test_an_unknown_customer_is_somebody_that_is_there(office, admin_client, group):
    page = text_of(admin_client.get(reverse("admin:rejected_groups")))
    assert "unknown_customer" in page
    assert "nobody" in page
    assert "It is a customer that is there" in text_of(admin_client.get(group))
    form = {"fix": "map_customer", "map_customer-customer": "wrong", "map_customer-from_now_on": "on"}
    assert "is not known" in text_of(admin_client.post(group, form))
    response = admin_client.post(group, {**form, "map_customer-customer": "north"}, follow=True)
    assert "1 events accepted" in text_of(response)
    assert CustomerAlias.objects.get().customer == office.north
    assert RejectedEvent.objects.get().status == "accepted"


def test_an_unknown_customer_is_made(office, admin_client, group):
    form = {"fix": "create_customer", "create_customer-name": "Nobody Inc", "create_customer-timezone": "Asia/Tokyo"}
    admin_client.post(group, form)
    made = Customer.objects.get(external_id="nobody")
    assert (made.name, made.timezone, made.made_on_first_sight) == ("Nobody Inc", "Asia/Tokyo", False)
    assert len(events_of(made)) == 1


def test_a_change_is_tried_first(office, admin_client, group):
    form = {"fix": "change", "change-how": "set", "change-field": "customer", "change-value": "north"}
    assert "Accepted" in text_of(admin_client.post(group, {**form, "try": "yes"}))
    assert RejectedEvent.objects.get().status == "open"
    assert "can&#x27;t be changed" in text_of(admin_client.post(group, {**form, "change-field": "id"}))
    admin_client.post(group, form)
    rejected = RejectedEvent.objects.get()
    assert (rejected.status, rejected.payload["customer"], rejected.fixed_payload["customer"]) == (
        "accepted",
        "nobody",
        "north",
    )
    page = text_of(admin_client.get(reverse("admin:metering_rejectedevent_change", args=[rejected.pk])))
    assert "As it was fixed" in page
    assert "As it was received" in page


def test_an_unknown_type_is_another_name_or_a_new_one(office, admin_client, group):
    for number, type_ref in enumerate(("chat", "image")):
        office.sent += 1
        RejectedEvent.objects.create(
            digest=f"00000000-0000-0000-0000-00000000000{number}",
            code="unknown_type",
            source="native",
            customer_ref="north",
            event_id=type_ref,
            payload={"id": type_ref, "customer": "north", "type": type_ref, "properties": {"pages": 2}},
            first_seen_at=NOW,
            last_seen_at=NOW,
        )
    address = f"{reverse('admin:rejected_group')}?code=unknown_type&source=native&customer_ref=north&type_ref="
    admin_client.post(f"{address}chat", {"fix": "alias", "alias-event_type": office.event_type.pk})
    office.event_type.refresh_from_db()
    assert office.event_type.aliases == ["chat"]
    form = {
        "fix": "create_type",
        "create_type-name": "Image",
        "create_type-values": "pages",
        "create_type-dimensions": "",
    }
    admin_client.post(f"{address}image", form)
    made = EventType.objects.get(code="image")
    assert (made.name, made.values, made.is_ai_call) == ("Image", ["pages"], False)
    assert Event.objects.get(series__event_type=made).value_1 == 2


def test_a_group_is_dismissed_with_a_reason(office, admin_client, group):
    assert "This field is required" in text_of(admin_client.post(group, {"fix": "dismiss", "dismiss-reason": ""}))
    admin_client.post(group, {"fix": "dismiss", "dismiss-reason": "a demo"})
    assert RejectedEvent.objects.get().resolved_reason == "a demo"


def test_who_may_only_look_can_not_fix(office, client, group):
    call_command("setup_roles", verbosity=0)
    user = User.objects.create_user("analyst", is_staff=True)
    user.groups.add(Group.objects.get(name="analyst"))
    client.force_login(user)
    page = text_of(client.get(group))
    assert "nobody" in page
    assert "Dismiss" not in page
    assert client.post(group, {"fix": "dismiss", "dismiss-reason": "x"}).status_code == 403


def test_the_policy_is_one_row_that_is_there(admin_client):
    response = admin_client.get(reverse("admin:metering_ingestionpolicy_changelist"), follow=True)
    assert response.status_code == 200
    admin_client.post(
        reverse("admin:metering_ingestionpolicy_change", args=[1]),
        {"create_customers": "on", "customer_timezone": "Asia/Tokyo"},
    )
    policy = IngestionPolicy.objects.get()
    assert (policy.create_customers, policy.customer_timezone) == (True, "Asia/Tokyo")
