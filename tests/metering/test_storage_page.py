"""The Storage page says what takes room and what the next run of retention does; pages say what was dropped."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from metering import tasks
from metering.admin.storage import size_text
from metering.models import EventMonth, IngestionPolicy, UsageRebuild
from metering.services.apply_retention import apply_retention
from metering.storage import storage_use
from tests.factories import MeterFactory
from tests.metering.test_apply_retention import MARCH, NOW, north, usage  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(usage):  # noqa: F811
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def text(client, name="storage", **query):
    answer = client.get(reverse(f"admin:{name}"), query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 kB"), (1536 * 1024, "1.5 MB"), (5 * 1024**5, "5,120.0 TB")],
)
def test_sizes_are_read_by_people(size, shown):
    assert size_text(size) == shown.replace(" ", "\N{NO-BREAK SPACE}")


def test_every_table_is_in_one_group_once(usage):  # noqa: F811
    use = storage_use()
    assert sum(group.bytes for group in use.groups) == use.total_bytes
    assert {"Events", "Payloads", "Usage by day", "Billing", "Everything else"} <= {group.name for group in use.groups}
    assert [month.month.month for month in use.months if month.month.year == 2026][-3:] == [5, 4, 3]
    assert sum(month.bytes for month in use.months) == use.groups[0].bytes


def test_the_page_says_what_the_next_run_does(boss):
    IngestionPolicy.objects.update(event_months=None)
    assert "single events are kept for ever. Set" in text(boss)
    IngestionPolicy.objects.update(event_months=24)
    assert "there are no events before July 2024" in text(boss)
    IngestionPolicy.objects.update(event_months=2)
    assert "<strong>March 2026</strong>, <strong>April 2026</strong> are counted anew" in text(boss)
    UsageRebuild.objects.create(requested_at=NOW)
    assert "<strong>March 2026 waits</strong>, and the months after it with it (2 are due)" in text(boss)
    assert "Usage is being counted for a new meter" in text(boss)


def test_what_was_dropped_stands_there_with_who_did_it(boss):
    assert "every event that was ever accepted is there" in text(boss)
    apply_retention(made_by="alice", now=NOW)
    page = text(boss)
    assert "from 1 May 2026" in page
    assert "<td>March 2026</td><td>Dropped</td>" in page
    assert "<td>alice</td>" in page
    rows = text(boss, "metering_eventmonth_changelist")
    assert "April 2026" in rows
    detail = boss.get(reverse("admin:metering_eventmonth_change", args=[MARCH.isoformat()]))
    assert "alice" in detail.content.decode()
    assert EventMonth.objects.count() == 2


def test_upkeep_says_what_is_not_scheduled(boss):
    assert "Not scheduled" in text(boss)
    call_command("setup_schedules", stdout=StringIO())
    assert "Not scheduled" not in text(boss)


def test_lists_say_that_events_were_dropped(boss):
    told = "Single events before 2026-05-01 (UTC) are no longer kept"
    assert told not in text(boss, "metering_event_changelist", day="90d")
    apply_retention(made_by="alice", now=NOW)
    assert told in text(boss, "metering_event_changelist", day="90d")
    assert told not in text(boss, "metering_event_changelist", day="7d")


def test_a_meter_says_from_when_on_it_counted(boss, usage):  # noqa: F811
    meter = MeterFactory(
        event_type__code="other", event_type__values=["seats"], aggregation="max", value_property="seats"
    )
    UsageRebuild.objects.update(finished_at=NOW)
    page = reverse("admin:metering_meter_change", args=[meter.pk])
    assert "their events were dropped" not in boss.get(page).content.decode()
    apply_retention(made_by="alice", now=NOW)
    assert "Days before 2 May 2026 have only what meters of that time measured" in boss.get(page).content.decode()


def test_the_policy_is_refused_with_the_remedy(boss, settings):
    page = reverse("admin:metering_ingestionpolicy_change", args=[1])
    values = {"customer_timezone": "UTC", "event_months": "1"}
    answer = boss.post(page, values)
    assert "at least 2 are needed" in answer.content.decode()
    assert boss.post(page, {**values, "event_months": ""}).status_code == 302
    assert IngestionPolicy.objects.get().event_months is None
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert tasks.apply_retention() == "no month is due"


def test_a_stranger_to_usage_does_not_see_it(boss):
    client = Client()
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse("admin:storage")).status_code == 403
