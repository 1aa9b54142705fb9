"""Groups of rejected events are fixed and sent again together; nothing is lost, and each counts once."""

import json
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connections

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering import tasks
from metering.ingest.dialects import native
from metering.models import CustomerAlias, Event, IngestionPolicy, QuarantineRun, RejectedEvent
from metering.queries import event_payload
from metering.rejected import Change, RejectedGroup, open_groups
from metering.services import fix_rejected as service
from metering.services.fix_rejected import dismiss_group, replay_group, run_quarantine, try_group
from metering.services.ingest_events import ingest_events
from metering.services.missing_customers import add_customer_alias, create_missing_customers
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def page(db):
    return EventTypeFactory(code="page", dimensions=[], values=["pages"], is_ai_call=False)


def send(*items):
    batch = native.decode(json.dumps(items).encode())
    return ingest_events(
        events=batch.events, rejections=batch.rejections, source="native", api_key=None, received_at=RECEIVED
    )


def event(n, **changes):
    return {
        "id": f"e{n}",
        "customer": "acme",
        "type": "page",
        "time": "2026-03-01T10:00:00Z",
        "properties": {"pages": n},
        **changes,
    }


def group(code, customer="acme", type_ref="page"):
    return RejectedGroup(code, "native", customer, type_ref)


BY = {"made_by": "alice"}


# --- changes -----------------------------------------------------------------------------------------------------
def test_fields_are_removed_renamed_and_set_in_that_order():
    change = Change(
        set={"customer": "acme", "properties.b": "9"},
        rename={"properties.a": "properties.b", "properties.x": "type", "properties.no": "properties.way"},
        remove=("properties.b", "properties.gone"),
    )
    given = {"id": "1", "customer": "old", "properties": {"a": 1, "b": 2, "x": "page"}}
    assert change.apply(given) == {"id": "1", "customer": "acme", "type": "page", "properties": {"b": "9"}}
    assert given["properties"] == {"a": 1, "b": 2, "x": "page"}
    assert service.change_of(change.document()) == change


def test_what_has_no_properties_gets_some():
    assert Change(set={"properties.a": 1}).apply({"properties": None}) == {"properties": {"a": 1}}


@pytest.mark.parametrize("name", ["id", "", "properties", "properties.", "pages"])
def test_a_field_that_makes_an_event_another_one_can_not_be_changed(name):
    with pytest.raises(DomainError, match="can't be changed"):
        Change(set={name: "x"})


# --- groups ------------------------------------------------------------------------------------------------------
def test_groups_count_their_open_events_the_largest_first(page):
    send(event(1), event(2), event(3, customer="other"), event(4, type="scan"))
    send(event(1))
    found = {each.group: (each.events, each.times_seen) for each in open_groups()}
    assert found == {
        group("unknown_customer"): (2, 3),
        group("unknown_customer", "other"): (1, 1),
        # The customer is looked at first.
        group("unknown_customer", type_ref="scan"): (1, 1),
    }
    assert open_groups()[0].group == group("unknown_customer")


def test_an_event_of_which_nothing_can_be_read_has_a_group_too(page):
    send(5)
    (row,) = open_groups()
    assert row.group == RejectedGroup("not_an_object", "native", "", "")


# --- sending again -----------------------------------------------------------------------------------------------
def test_an_unknown_customer_becomes_a_name_of_one_that_is_there(page):
    send(event(1), event(2))
    customer = CustomerFactory(external_id="acme-inc")
    add_customer_alias(reference="acme", customer_id=customer.pk, **BY)
    add_customer_alias(reference="acme", customer_id=customer.pk, **BY)
    run = replay_group(group=group("unknown_customer"), note="acme is acme-inc", **BY)
    assert (run.accepted, run.total, run.finished_at is not None) == (2, 2, True)
    assert open_groups() == []
    # From now on its usage counts, and a retry of what was fixed is a duplicate.
    result = send(event(2), event(3))
    assert (result.accepted, result.duplicates) == (1, 1)
    assert set(Event.objects.values_list("series__customer", flat=True)) == {customer.pk}
    assert recount_usage() == []


def test_an_external_id_is_no_alias_and_an_alias_stands_for_one(page):
    first, second = CustomerFactory(external_id="one"), CustomerFactory(external_id="two")
    with pytest.raises(DomainError, match="external id of a customer"):
        add_customer_alias(reference="two", customer_id=first.pk, **BY)
    add_customer_alias(reference="uno", customer_id=first.pk, **BY)
    with pytest.raises(DomainError, match="stands for One already"):
        add_customer_alias(reference="uno", customer_id=second.pk, **BY)
    with pytest.raises(DomainError, match="name no customer"):
        add_customer_alias(reference="", customer_id=first.pk, **BY)


def test_a_changed_event_counts_and_the_received_one_stays(page):
    CustomerFactory(external_id="acme")
    send(event(1, properties={"pages": "1,5", "note": 0.1}), event(2, properties={"pages": "?"}))
    (row,) = open_groups()
    run = replay_group(group=row.group, change=Change(set={"properties.pages": "1.5"}), **BY)
    assert (run.accepted, run.description) == (2, "properties.pages set to '1.5'")
    rejected = RejectedEvent.objects.order_by("pk").first()
    assert (rejected.payload["properties"]["pages"], rejected.fixed_payload["properties"]["pages"]) == ("1,5", "1.5")
    assert (rejected.status, rejected.run) == ("accepted", run)
    stored = Event.objects.order_by("position").first()
    assert stored.value_1 == Decimal("1.5")
    assert event_payload(stored)["properties"]["note"] == Decimal("0.1")


def test_a_fix_that_is_not_enough_leaves_the_event_open_with_the_new_reason(page):
    send(event(1, properties={"pages": "many"}))
    customer = CustomerFactory(external_id="acme-inc")
    run = replay_group(group=group("unknown_customer"), change=Change(set={"customer": customer.external_id}), **BY)
    assert (run.rejected, run.accepted) == (1, 0)
    (row,) = open_groups()
    assert row.group == group("invalid_number")
    # And what was fixed stays fixed.
    run = replay_group(group=row.group, change=Change(set={"properties.pages": "7"}), **BY)
    assert run.accepted == 1
    assert RejectedEvent.objects.get().payload["properties"] == {"pages": "many"}
    assert RejectedEvent.objects.get().payload["customer"] == "acme"


def test_a_trial_says_what_would_become_of_them_and_changes_nothing(page):
    CustomerFactory(external_id="acme")
    send(event(1, properties={"page": "3"}, type="what"), event(2, type="what"))
    trials = try_group(group=group("unknown_type", type_ref="what"), change=Change(set={"type": "page"}))
    assert [(each.event.event_id, each.result.status) for each in trials] == [("e1", "accepted"), ("e2", "accepted")]
    assert not Event.objects.exists()
    assert not RejectedEvent.objects.exclude(fixed_payload=None).exists()
    assert {row.events for row in open_groups()} == {2}


def test_dismissing_needs_a_reason_and_keeps_them(page):
    send(event(1), event(2))
    with pytest.raises(DomainError, match="reason is empty"):
        dismiss_group(group=group("unknown_customer"), reason=" ", **BY)
    run = dismiss_group(group=group("unknown_customer"), reason="a demo account", **BY)
    assert run.dismissed == 2
    assert set(RejectedEvent.objects.values_list("status", "resolved_reason")) == {("dismissed", "a demo account")}
    with pytest.raises(DomainError, match="no open events"):
        replay_group(group=group("unknown_customer"), **BY)


@pytest.mark.parametrize("cut_after", [1, 2, 3])
def test_cut_off_it_goes_on_and_counts_once(page, monkeypatch, cut_after):
    monkeypatch.setattr(service, "EVENTS_PER_STEP", 3)
    monkeypatch.setattr(service, "MOST_AT_ONCE", 0)
    # Every third stays wrong, and is sent once in the run all the same.
    send(*(event(n, properties={"pages": "?" if n % 3 == 0 else n}) for n in range(8)))
    CustomerFactory(external_id="acme")
    run = replay_group(group=group("unknown_customer"), **BY)
    assert run.done == 0
    send(event(100, customer="acme2"))
    told = []

    def dies(run):
        told.append(run)
        if len(told) == cut_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_quarantine(run_id=run.pk, progress=dies)
    if cut_after < 3:
        assert tasks.rebuild_usage().endswith("1 corrections finished")
    assert tasks.run_quarantine(run.pk).endswith("5 accepted, 3 rejected, 0 dismissed")
    assert Event.objects.count() == 5
    assert QuarantineRun.objects.get().done == 8
    assert recount_usage() == []


# --- customers on first sight ------------------------------------------------------------------------------------
def test_without_the_policy_no_customer_is_made(page):
    assert not create_missing_customers(["acme"])
    assert send(event(1)).rejected == 1
    assert not Customer.objects.exists()


def test_on_first_sight_a_customer_is_made_once_and_marked(page):
    IngestionPolicy.objects.create(pk=1, create_customers=True, customer_timezone="Asia/Tokyo")
    assert send(event(1), event(2), event(3, customer="other"), event(4, customer="x", type="what")).accepted == 3
    made = Customer.objects.get(external_id="acme")
    assert (made.name, made.timezone, made.made_on_first_sight) == ("acme", "Asia/Tokyo", True)
    assert made.history.get().history_change_reason == "made on first sight of its usage"
    # An event that could not count anyway makes nobody.
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"acme", "other"}
    assert send(event(1), event(5)).duplicates == 1
    assert not CustomerAlias.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_several_writers_make_one_customer():
    EventTypeFactory(code="page", dimensions=[], values=["pages"], is_ai_call=False)
    IngestionPolicy.objects.create(pk=1, create_customers=True)
    results, barrier = [], threading.Barrier(4)

    def writer(number):
        try:
            barrier.wait()
            for n in range(10):
                names = [f"c{n}-{m}" for m in (range(5) if number % 2 else reversed(range(5)))]
                results.append(
                    send(*(event(f"{number}-{n}", customer=name, properties={"pages": 1}) for name in names)).accepted
                )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [5] * 40
    assert Customer.objects.count() == 50
    assert Customer.history.count() == 50
    assert recount_usage() == []
