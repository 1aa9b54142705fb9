"""The back office in a real browser: no script complains, charts are drawn, nothing is loaded from elsewhere."""

import os
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from invoicing.models import Invoice
from tests.browser.chromium import Browser, find_chromium
from tests.office import NOW, Office

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")

# Set it to keep the pictures.
PICTURES = os.environ.get("AMBERFLOW_PICTURES")


@pytest.fixture
def browser(live_server):
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    browser = Browser(find_chromium())
    browser.set_cookie(settings.SESSION_COOKIE_NAME, client.cookies["sessionid"].value, live_server.url)
    yield browser
    browser.close()


@pytest.fixture
def office(live_server):
    cache.clear()
    with time_machine.travel(NOW):
        yield Office()


def colors(browser):
    """How many different colours a coarse sample of the canvas or page has: a blank one has one."""
    return browser.evaluate(
        """(() => {
            const canvas = document.querySelector("canvas[data-chart]");
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const seen = new Set();
            for (let i = 0; i < pixels.length; i += 4) seen.add(pixels.slice(i, i + 4).join());
            return seen.size;
        })()"""
    )


def picture(browser, name):
    png = browser.screenshot()
    assert png.startswith(b"\x89PNG")
    if PICTURES:
        (Path(PICTURES) / f"{name}.png").write_bytes(png)
    return png


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_main_pages_work_without_a_complaint(office, browser, live_server, scheme):
    browser.prefer(scheme)
    draft = Invoice.objects.filter(status="draft").first()
    pages = {
        "dashboard": reverse("admin:index"),
        "margin": reverse("admin:margin"),
        "needs-attention": reverse("admin:needs_attention"),
        "invoices": reverse("admin:invoicing_invoice_changelist"),
        "invoice": reverse("admin:invoicing_invoice_change", args=[office.final.pk]),
        "draft": reverse("admin:invoicing_invoice_change", args=[draft.pk]),
        "customer": reverse("admin:customers_customer_change", args=[office.north.pk]),
    }
    for name, page in pages.items():
        browser.open(f"{live_server.url}{page}")
        picture(browser, f"{name}-{scheme}")
        assert browser.complaints == [], name
        hosts = browser.evaluate(
            "[...new Set(performance.getEntriesByType('resource').map(r => new URL(r.name).origin))]"
        )
        assert hosts == [live_server.url], name
        assert browser.evaluate("document.documentElement.scrollWidth") <= 1440, f"{name} is wider than the window"


@pytest.mark.parametrize("name", ["index", "margin"])
def test_charts_are_drawn(office, browser, live_server, name):
    browser.open(f"{live_server.url}{reverse(f'admin:{name}')}")

    assert colors(browser) > 10
    assert browser.complaints == []


def test_every_figure_can_be_hovered_for_its_digits(office, browser, live_server):
    browser.open(f"{live_server.url}{reverse('admin:margin')}")

    titles = browser.evaluate("[...document.querySelectorAll('.af-number[title]')].map(cell => cell.title)")

    assert "36.2 USD" in titles
