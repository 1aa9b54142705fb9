"""A correction follows usage to the money: the draft changes, and what is invoiced becomes late usage."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from invoicing.models import Invoice
from metering.corrections.replacement import Replacement
from metering.corrections.selection import EventName, Window, find_keys
from metering.models import CorrectionRun, EventCorrection, UsageDelta
from metering.services.backfill_usage import void_window
from metering.services.correct_events import replace_events, void_events
from metering.services.preview_correction import preview_correction
from metering.services.recount_usage import recount_usage
from rating.models import BillingPeriod, LateUsage, RatedLine
from rating.services.freeze import find_late_usage, rate_frozen_period
from tests.office import NOW, Office

pytestmark = pytest.mark.django_db
BY = {"reason": "a test call", "made_by": "alice"}


@pytest.fixture
def office():
    with time_machine.travel(NOW, tick=False):
        yield Office()


def key_of(call, customer="north"):
    return find_keys([EventName(customer, f"call-{call}", "app")], field="events")[0]


def draft_amount(office):
    period = BillingPeriod.objects.get(subscription__customer=office.north, start_date=date(2026, 8, 1))
    return sum(line.amount for line in RatedLine.objects.filter(period=period))


def test_voiding_an_open_periods_event_lowers_the_draft(office):
    # August of North: 31 + 2.5 million in at 10 + 0.2 million out at 40 = 31 + 25 + 8 = 64
    assert draft_amount(office) == 64
    effect = preview_correction(lambda: void_events(keys=[key_of(2)], **BY))
    assert (effect.removed.events, effect.removed.cost, effect.added.events) == (1, Decimal("2.8"), 0)
    assert [(each.meter, each.removed) for each in effect.meters] == [
        ("input_tokens", 2_000_000),
        ("output_tokens", 200_000),
    ]
    (period,) = effect.periods
    draft = Invoice.objects.get(period__start_date=date(2026, 8, 1), customer=office.north)
    assert (period.before.amount, period.after.amount, period.difference) == (64, 36, -28)
    assert (period.before.cost, period.after.cost) == (Decimal("2.8"), 0)
    assert (period.invoice, period.before.is_frozen) == (str(draft), False)
    # Nothing of the preview stays.
    assert not EventCorrection.objects.exists()
    assert not CorrectionRun.objects.exists()
    assert not UsageDelta.objects.exists()

    void_events(keys=[key_of(2)], **BY)
    office.rate()
    assert draft_amount(office) == 36
    draft.refresh_from_db()
    assert draft.total_minor == 3600
    assert recount_usage() == []


def test_voiding_an_invoiced_event_becomes_late_usage_with_a_negative_amount(office):
    # July of North: 31 + 1 million in at 10 + 0.1 million out at 40 = 45, of which the one call is 14.
    assert office.final.total_minor == 4500
    effect = preview_correction(lambda: void_events(keys=[key_of(1)], **BY))
    (period,) = effect.periods
    assert (period.before.amount, period.after.amount, period.difference) == (45, 31, -14)
    assert (period.before.is_frozen, period.invoice) == (True, office.final.number)

    void_events(keys=[key_of(1)], **BY)
    assert find_late_usage(now=NOW) == 1
    late = LateUsage.objects.get()
    assert (late.events, late.amount, late.cost) == (-1, -14, Decimal("-1.4"))
    office.rate()
    office.final.refresh_from_db()
    assert office.final.total_minor == 4500
    frozen = BillingPeriod.objects.get(pk=office.final.period_id)
    assert sum(line.amount for line in rate_frozen_period(period=frozen).lines) == 45


def test_a_replacement_shows_what_it_takes_and_gives(office):
    properties = {
        "provider": "acme",
        "model": "alpha",
        "feature": "chat",
        "input_tokens": 3_000_000,
        "output_tokens": 0,
    }

    def correct():
        return replace_events(replacements=[Replacement(key_of(1), {"properties": properties})], **BY)

    effect = preview_correction(correct)
    assert {each.meter: (each.removed, each.added) for each in effect.meters} == {
        "input_tokens": (1_000_000, 3_000_000),
        "output_tokens": (100_000, 0),
    }
    assert (effect.removed.cost, effect.added.cost) == (Decimal("1.4"), 3)
    # 30 instead of 14
    assert effect.periods[0].difference == 16
    correct()
    find_late_usage(now=NOW)
    assert (LateUsage.objects.get().events, LateUsage.objects.get().amount) == (0, 16)


def test_a_window_over_two_periods_shows_both(office):
    window = Window(office.north, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 4, tzinfo=UTC))
    effect = preview_correction(lambda: void_window(window=window, **BY))
    assert [each.difference for each in effect.periods] == [-14, -28]
    assert effect.removed.events == 2


def test_usage_without_a_plan_or_rate_has_an_effect_too(office):
    effect = preview_correction(lambda: void_events(keys=[key_of(6, "stray")], **BY))
    assert (effect.removed.events, effect.removed.cost, list(effect.periods)) == (1, 3, [])
    effect = preview_correction(lambda: void_events(keys=[key_of(3)], **BY))
    assert (effect.removed.cost, effect.removed.uncosted_events, effect.periods[0].difference) == (0, 1, -5)
