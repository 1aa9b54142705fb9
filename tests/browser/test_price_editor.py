"""The price editor in a real browser: fields follow the charge model, and the preview follows what is typed."""

import json
import time

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from pricing.documents import add_price
from pricing.engine.example import parse_example
from pricing.examples import add_example
from pricing.models import AddOn, Discount, Subscription, SubscriptionPrice
from pricing.services.plans import create_version
from tests.browser.chromium import Browser, find_chromium
from tests.browser.test_back_office import picture
from tests.office import NOW, Office

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")

FIGURES = "document.querySelector('.af-preview [data-figures]').innerText"
TIERS = [
    *({"up_to": str(n * 1000), "unit_price": f"0.0{99 - n}", "flat_fee": "0"} for n in range(1, 40)),
    {"up_to": None, "unit_price": "0.01", "flat_fee": "1"},
]


@pytest.fixture
def browser(live_server):
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    browser = Browser(find_chromium())
    browser.set_cookie(settings.SESSION_COOKIE_NAME, client.cookies["sessionid"].value, live_server.url)
    yield browser
    browser.close()


@pytest.fixture
def draft(live_server):
    cache.clear()
    with time_machine.travel(NOW):
        office = Office()
        version = create_version(plan_id=office.north.subscriptions.get().plan_version.plan_id)
    version.prices.filter(key="output-tokens").delete()
    return version


def until(browser, script, wanted):
    """Wait until the script's value contains the text."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = browser.evaluate(script)
        if wanted in str(found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{wanted!r} is not in {found!r}")


def fill(browser, selector, value):
    browser.evaluate(
        f"""(() => {{
            const field = document.querySelector({selector!r});
            field.value = {value!r};
            field.dispatchEvent(new Event("input", {{ bubbles: true }}));
            field.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()"""
    )


def is_shown(browser, name):
    return browser.evaluate(f"Boolean(document.querySelector('[name={name}]').offsetParent)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forty_tiers_are_edited_with_a_preview_beside_them(draft, browser, live_server, scheme):
    browser.prefer(scheme)
    document = {"model": "graduated", "meter": "output_tokens", "tiers": TIERS}
    name = "Output tokens of the largest and most capable model with a very long name that goes on"
    price = add_price(plan_version=draft, key="output", name=name, document=document)
    browser.open(f"{live_server.url}{reverse('admin:pricing_price_change', args=[price.pk])}")

    until(browser, FIGURES, "USD")
    picture(browser, f"price-editor-{scheme}")
    # 1000 × 0.098 + 500 × 0.097 = 146.50
    fill(browser, "[name=preview_quantity]", "1500")
    until(browser, FIGURES, "146.50 USD")
    starts = browser.evaluate("[...document.querySelectorAll('.af-starts')].map(cell => cell.textContent)")
    assert starts[:3] == ["0", "1,000", "2,000"]
    fill(browser, "[name=tiers-0-unit_price]", "x")
    until(browser, FIGURES, "is not a number")
    assert "is not a number" in browser.evaluate("document.querySelector('.af-live-error').textContent")
    browser.evaluate("document.querySelector('#tiers-group').scrollIntoView()")
    picture(browser, f"price-editor-tiers-{scheme}")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 1440
    assert browser.complaints == []


def test_the_fields_follow_the_charge_model(draft, browser, live_server):
    browser.open(f"{live_server.url}{reverse('admin:pricing_price_add')}?plan_version={draft.pk}")
    picture(browser, "price-add")

    fill(browser, "[name=model]", "flat")
    assert is_shown(browser, "amount")
    assert not any(is_shown(browser, name) for name in ("unit_price", "meter", "markup_percent", "unit_scale"))
    assert not browser.evaluate("Boolean(document.querySelector('#tiers-group').offsetParent)")
    fill(browser, "[name=amount]", "49")
    until(browser, FIGURES, "49.00 USD")
    picture(browser, "price-add-flat")

    fill(browser, "[name=model]", "percentage")
    assert is_shown(browser, "rate_percent")
    assert is_shown(browser, "preview_events")
    assert not is_shown(browser, "amount")
    picture(browser, "price-add-percentage")

    fill(browser, "[name=model]", "volume_package")
    browser.evaluate("document.querySelector('#tiers-group .add-row').click()")
    assert is_shown(browser, "tiers-0-package_price")
    assert not is_shown(browser, "tiers-0-unit_price")
    picture(browser, "price-add-tiers")
    assert browser.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_plan_version(draft, browser, live_server, scheme):
    browser.prefer(scheme)
    document = {"model": "volume", "meter": "output_tokens", "tiers": TIERS}
    add_price(
        plan_version=draft, key="output", name="Output tokens of a model with a very long name", document=document
    )
    draft.prices.filter(key="base").update(amount=35)
    usage = [{"meter": "output_tokens", "quantity": "1500", "dimensions": {"model": "alpha"}}]
    expected = {
        "name": "A small customer",
        "usage": usage,
        "lines": [{"price": "base", "amount": "31"}],
        "total": "176.5",
    }
    example = add_example(plan_version=draft, example=parse_example(expected))
    old = draft.plan.versions.get(number=1)
    pages = {
        "version-draft": reverse("admin:pricing_planversion_change", args=[draft.pk]),
        "version-published": reverse("admin:pricing_planversion_change", args=[old.pk]),
        "compare": reverse("admin:pricing_planversion_compare", args=[draft.pk]),
        "publish": reverse("admin:pricing_planversion_publish", args=[draft.pk]),
        "import": reverse("admin:pricing_planversion_import_file", args=[draft.pk]),
        "example": reverse("admin:pricing_planexample_change", args=[example.pk]),
        "price-published": reverse("admin:pricing_price_change", args=[old.prices.get(key="output-tokens").pk]),
    }
    for name, page in pages.items():
        browser.open(f"{live_server.url}{page}")
        if name == "price-published":
            until(browser, FIGURES, "USD")
        picture(browser, f"{name}-{scheme}")
        assert browser.complaints == [], name
        assert browser.evaluate("document.documentElement.scrollWidth") <= 1440, f"{name} is wider than the window"


PREVIEW = "document.querySelector('.af-editor-preview').innerText"


def type_into(browser, label, value):
    fill(browser, f"[aria-label={label!r}]", value)


def press(browser, text):
    browser.evaluate(f"[...document.querySelectorAll('button')].find(b => b.textContent == {text!r}).click()")


def test_own_prices_and_discounts_are_entered_without_json(draft, browser, live_server):
    north = Subscription.objects.get(customer__name="North")
    query = f"subscription={north.pk}&kind=override&key=input-tokens"
    browser.open(f"{live_server.url}{reverse('admin:pricing_subscriptionprice_add')}?{query}")
    type_into(browser, "Charge model", "graduated")
    press(browser, "Add tier")
    press(browser, "Add tier")
    for label, value in (("Up to, row 1", "1000"), ("Unit price, row 1", "0.02"), ("Unit price, row 2", "0.01")):
        type_into(browser, label, value)
    press(browser, "Add dimension")
    type_into(browser, "Dimension 1", "model")
    type_into(browser, "Values 1", "alpha, beta")
    type_into(browser, "Quantity", "1500")
    # 1000 × 0.02 + 500 × 0.01 = 25.00
    until(browser, PREVIEW, "25.00 USD")
    type_into(browser, "Unit price, row 2", "x")
    until(browser, "document.querySelector('.af-live-error')?.textContent", "is not a number")
    type_into(browser, "Unit price, row 2", "0.01")
    until(browser, PREVIEW, "25.00 USD")
    picture(browser, "own-price")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 1440
    document = json.loads(browser.evaluate("document.querySelector('[name=document]').value"))
    assert document["tiers"] == [{"up_to": "1000", "unit_price": "0.02"}, {"up_to": None, "unit_price": "0.01"}]
    assert document["filter"] == {"model": ["alpha", "beta"]}
    fill(browser, "[name=reason]", "contract")
    browser.evaluate("document.querySelector('[name=_save]').click()")
    until(browser, "location.pathname", f"subscription/{north.pk}/change")
    assert SubscriptionPrice.objects.get().document == document

    browser.open(f"{live_server.url}{reverse('admin:pricing_discount_add')}?subscription={north.pk}")
    assert not is_shown(browser, "amount")
    fill(browser, "[name=kind]", "graduated_percent")
    assert not is_shown(browser, "percent")
    press(browser, "Add tier")
    press(browser, "Add tier")
    for label, value in (("Up to, row 1", "500"), ("Percent off, row 1", "10"), ("Percent off, row 2", "15")):
        type_into(browser, label, value)
    for name, value in (("name", "Growth"), ("currency", "USD"), ("filter", "model = alpha, beta")):
        fill(browser, f"[name={name}]", value)
    picture(browser, "discount")
    browser.evaluate("document.querySelector('[name=_save]').click()")
    until(browser, "location.pathname", f"subscription/{north.pk}/change")
    discount = Discount.objects.get()
    assert discount.tiers == [{"up_to": "500", "percent": "10"}, {"up_to": None, "percent": "15"}]
    assert (discount.filter, discount.percent, discount.price) == ({"model": ["alpha", "beta"]}, None, None)

    browser.open(f"{live_server.url}{reverse('admin:pricing_addon_add')}")
    type_into(browser, "Charge model", "flat")
    type_into(browser, "Amount", "15")
    for name, value in (("code", "seats"), ("name", "Seats"), ("currency", "EUR")):
        fill(browser, f"[name={name}]", value)
    browser.evaluate("document.querySelector('[name=_save]').click()")
    until(browser, "location.pathname", "/addon/")
    until(browser, "document.body.innerText", "Seats")
    assert AddOn.objects.get().document == {"model": "flat", "currency": "EUR", "amount": "15"}

    browser.open(f"{live_server.url}{reverse('admin:rating_simulation_add')}")
    press(browser, "Add")
    picture(browser, "simulation")
    assert browser.complaints == []
