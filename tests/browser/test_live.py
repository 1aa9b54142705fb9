"""The live page in a real browser: events appear by themselves, can be paused, and come for one customer alone."""

import time

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.services.ingest_events import ingest_events
from tests.browser.chromium import Browser, find_chromium
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")


@pytest.fixture
def browser(live_server):
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    browser = Browser(find_chromium())
    browser.set_cookie(settings.SESSION_COOKIE_NAME, client.cookies["sessionid"].value, live_server.url)
    yield browser
    browser.close()


def send(name, customer):
    ingest_events(
        events=[CanonicalEvent("app", name, customer, "llm_call", None, {"model": "m", "input_tokens": 1234})],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )


def until(browser, script, value):
    """Wait until the page's expression has that value."""
    end = time.monotonic() + 30
    while (found := browser.evaluate(script)) != value:
        assert time.monotonic() < end, found
        time.sleep(0.1)


CUSTOMERS = "[...document.getElementById('live-events').rows].map(row => row.cells[1].textContent).join()"


def test_events_appear_by_themselves(browser, live_server):
    CustomerFactory(external_id="acme")
    CustomerFactory(external_id="north")
    EventTypeFactory(code="llm_call")
    browser.open(f"{live_server.url}{reverse('admin:live')}")
    until(browser, "document.getElementById('live-state').textContent", "Up to date")
    send("a", "acme")
    until(browser, CUSTOMERS, "acme")
    assert browser.evaluate("document.getElementById('live-events').rows[0].cells[4].textContent") == "1,234"
    send("b", "north")
    until(browser, CUSTOMERS, "north,acme")

    browser.evaluate("document.getElementById('live-pause').click()")
    send("c", "acme")
    time.sleep(2.2)
    assert browser.evaluate(CUSTOMERS) == "north,acme"
    browser.evaluate("document.getElementById('live-pause').click()")
    until(browser, CUSTOMERS, "acme,north,acme")

    browser.evaluate("document.getElementById('live-customer').value = 'north'")
    browser.evaluate("document.getElementById('live-form').requestSubmit()")
    until(browser, CUSTOMERS, "north")
    assert browser.complaints == []
