"""Windows are voided and usage of the past is sent in their place: once, whatever is repeated or cut off."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from amberflow.lib.errors import DomainError
from metering import tasks
from metering.corrections.selection import Window
from metering.ingest.canonical import CanonicalEvent
from metering.models import CorrectionRun, EventCorrection, EventType
from metering.queries import is_unsettled, usage_rows
from metering.services import backfill_usage as service
from metering.services.backfill_usage import BackfillRefusedError, backfill_usage, run_correction, void_window
from metering.services.ingest_events import ingest_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
BY = {"reason": "the exporter counted pages twice", "made_by": "alice"}


@pytest.fixture
def acme():
    customer = CustomerFactory(external_id="acme")
    EventTypeFactory(code="page", dimensions=["model"], values=["pages"], is_ai_call=False)
    return customer


def page(name, at, pages=1, *, model="a", customer="acme", type_code="page"):
    return CanonicalEvent("app", name, customer, type_code, at, {"pages": pages, "model": model})


def send(*events):
    result = ingest_events(events=events, source="native", api_key=None, received_at=timezone.now())
    assert result.accepted == len(events)


def march(customer, **values):
    return Window(customer, MARCH, APRIL, **values)


def pages(customer):
    """Pages by day."""
    found = {}
    for row in usage_rows(customer_id=customer.pk, start=date(2015, 1, 1), end=date(2100, 1, 1)):
        found[row.day] = found.get(row.day, 0) + row.quantities.get("value_1", 0)
    return found


def total(customer):
    return sum(pages(customer).values())


def test_a_window_is_half_open(acme):
    send(
        page("before", MARCH - MICROSECOND),
        page("first", MARCH),
        page("last", APRIL - MICROSECOND),
        page("after", APRIL),
    )
    done = void_window(window=march(acme), **BY)
    assert len(done.voided) == 2
    assert pages(acme) == {date(2026, 2, 28): 1, date(2026, 4, 1): 1}
    assert void_window(window=march(acme), **BY).run is None
    assert recount_usage() == []
    run = CorrectionRun.objects.get()
    assert (run.window_start, run.window_end, run.voided, run.state) == (MARCH, APRIL, 2, "done")


def test_a_filter_chooses_dimension_values_and_an_empty_one_those_without(acme):
    event_type = acme_page()
    send(
        page("1", MARCH, model="a"),
        page("2", MARCH, model="b"),
        page("3", MARCH, model=None),
        page("4", MARCH, model="c"),
    )
    void_window(window=march(acme, event_type=event_type, filter={"model": ["a", "b"]}), **BY)
    assert total(acme) == 2
    void_window(window=march(acme, event_type=event_type, filter={"model": [""]}), **BY)
    assert total(acme) == 1


def acme_page():
    return EventType.objects.get(code="page")


def test_other_customers_and_types_are_left_alone(acme):
    CustomerFactory(external_id="other")
    EventTypeFactory(code="scan", dimensions=[], values=["pages"], is_ai_call=False)
    send(page("1", MARCH), page("1", MARCH, customer="other"), page("2", MARCH, type_code="scan"))
    assert len(void_window(window=march(acme, event_type=acme_page()), **BY).voided) == 1


def test_a_window_without_time_is_refused(acme):
    with pytest.raises(DomainError, match="from is not before to"):
        void_window(window=Window(acme, MARCH, MARCH), **BY)


def test_a_backfill_takes_the_place_of_a_window(acme):
    send(page("1", MARCH, 10), page("2", MARCH + HOUR, 20), page("3", APRIL, 5))
    # The first is right as it is, the second is sent under a new id, and one was missing.
    done = backfill_usage(
        events=[page("1", MARCH, 10), page("2b", MARCH + HOUR, 2), page("4", MARCH + 25 * HOUR, 7)],
        replaces=march(acme),
        **BY,
    )
    assert pages(acme) == {date(2026, 3, 1): 12, date(2026, 3, 2): 7, date(2026, 4, 1): 5}
    run = done.run
    assert (run.voided, run.accepted, run.duplicates, run.rejected, run.state) == (1, 2, 1, 0, "done")
    assert (len(done.voided), len(done.sent)) == (1, 2)
    assert recount_usage() == []


def test_the_same_backfill_again_is_the_same_run(acme):
    send(page("1", MARCH, 10))
    events = [page("2", MARCH, 3)]
    first = backfill_usage(events=events, replaces=march(acme), **BY)
    # What comes in later is not the first run's business, and a repetition must not void it, or the run's own events.
    send(page("later", MARCH, 100))
    again = backfill_usage(events=events, replaces=march(acme), **BY)
    assert again.run.pk == first.run.pk
    assert total(acme) == 103
    assert CorrectionRun.objects.count() == 1


def test_events_of_the_past_are_sent_without_a_window(acme):
    backfill_usage(events=[page("1", MARCH, 3), page("2", APRIL, 4)], **BY)
    assert total(acme) == 7
    assert CorrectionRun.objects.get().customer is None


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (page("x", MARCH, "many"), "invalid_number", "events.1.properties.pages"),
        (page("x", None), "misplaced_time", "events.1.time"),
        (page("x", APRIL), "misplaced_time", "events.1.time"),
        (page("x", MARCH, customer="other"), "misplaced_customer", "events.1.customer"),
        (page("x", MARCH, customer="nobody"), "unknown_customer", "events.1.customer"),
        (page("x", MARCH, type_code="scan"), "misplaced_type", "events.1.type"),
        (page("x", MARCH, type_code="what"), "unknown_type", "events.1.type"),
        (page("1", MARCH, 999), "id_conflict", "events.1.id"),
        (page("gone", MARCH), "event_voided", "events.1.id"),
    ],
)
def test_a_backfill_that_is_refused_changes_nothing(acme, event, code, field):
    CustomerFactory(external_id="other")
    EventTypeFactory(code="scan", dimensions=[], values=["pages"], is_ai_call=False)
    send(page("gone", MARCH))
    void_window(window=march(acme), **BY)
    send(page("1", MARCH, 10))
    with pytest.raises(BackfillRefusedError) as refused:
        backfill_usage(events=[page("good", MARCH), event], replaces=march(acme, event_type=acme_page()), **BY)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert list(refused.value.refused) == [1]
    assert total(acme) == 10
    assert CorrectionRun.objects.count() == 1


def test_no_events_at_all_are_no_backfill(acme):
    with pytest.raises(DomainError, match="void the window instead"):
        backfill_usage(events=[], replaces=march(acme), **BY)


# --- in steps ----------------------------------------------------------------------------------------------------
@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(service, "EVENTS_PER_STEP", 3)


@pytest.mark.parametrize("cut_after", [1, 2, 3, 4, 5])
def test_cut_off_it_goes_on(acme, small_steps, cut_after):
    send(*(page(f"old-{n}", MARCH + n * HOUR, 1) for n in range(8)))
    events = [page(f"old-{n}", MARCH + n * HOUR, 1) for n in range(2)]
    events += [page(f"new-{n}", MARCH + n * HOUR, 100) for n in range(7)]
    waiting = backfill_usage(events=events, replaces=march(acme), wait=False, at_once=0, **BY).run
    assert (waiting.state, total(acme)) == ("voiding", 8)
    assert is_unsettled(customer_id=acme.pk, before=date(2100, 1, 1))
    # Live traffic goes on, and is not voided.
    send(page("live", MARCH, 5))
    told = []

    def dies(run):
        told.append(run)
        if len(told) == cut_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_correction(run_id=waiting.pk, progress=dies)
    assert recount_usage() == []
    if cut_after % 2:
        assert tasks.run_correction(waiting.pk).endswith("6 events voided, 7 accepted")
    else:
        assert tasks.rebuild_usage().endswith("1 corrections finished")
    run = CorrectionRun.objects.get()
    assert (run.voided, run.sent, run.accepted, run.duplicates, run.state) == (6, 9, 7, 2, "done")
    assert total(acme) == 2 + 700 + 5
    assert EventCorrection.objects.count() == 6
    assert recount_usage() == []
    assert not is_unsettled(customer_id=acme.pk, before=date(2100, 1, 1))
    run_correction(run_id=run.pk)
    assert backfill_usage(events=events, replaces=march(acme), **BY).run.pk == run.pk
    assert total(acme) == 707


def test_a_large_window_is_voided_in_steps(acme, small_steps):
    send(*(page(f"e{n}", MARCH + n * HOUR) for n in range(8)))
    done = void_window(window=march(acme), at_once=4, **BY)
    assert (done.run.voided, done.run.state) == (8, "done")
    assert total(acme) == 0
    assert recount_usage() == []
