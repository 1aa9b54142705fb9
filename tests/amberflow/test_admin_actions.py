"""What people do in the back office: each goes through one service, and a refusal is a message."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from customers.models import ApiKey
from customers.services.api_keys import find_api_key
from invoicing.admin.invoice_actions import ACTIONS
from invoicing.models import Invoice
from metering.models import CostRate, Event, RejectedEvent
from metering.models.event import CostState
from pricing.models import Plan, PlanVersion, Price, Subscription
from rating.models import LateUsage
from tests.factories import make_api_key
from tests.office import NOW


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


def act(client, invoice, code, **values):
    address = reverse("admin:invoicing_invoice_act", args=[invoice.pk, code])
    return client.post(address, {"confirmed": "yes", **values}, follow=True)


class TestInvoices:
    def test_an_action_asks_before_it_does_anything(self, office, admin_client):
        address = reverse("admin:invoicing_invoice_act", args=[office.final.pk, "void"])

        for answer in (admin_client.get(address), admin_client.post(address)):
            assert b"Takes the invoice back, for ever." in answer.content
            assert b"45.00 USD" in answer.content
        office.final.refresh_from_db()
        assert office.final.status == "open"

    def test_void_needs_a_reason_and_keeps_who_and_why(self, office, admin_client):
        assert b"This field is required." in act(admin_client, office.final, "void").content

        answer = act(admin_client, office.final, "void", reason="billed twice")

        assert messages(answer) == ["AF-00001 is void."]
        event = office.final.events.last()
        assert (event.text, event.user.username) == ("Voided: billed twice", "boss")

    def test_a_payment_is_recorded_once(self, office, admin_client):
        values = {"paid_on": "2026-08-09", "source": "bank transfer", "reference": "R-1"}
        act(admin_client, office.final, "record-payment", **values)
        again = act(admin_client, office.final, "record-payment", **values)

        office.final.refresh_from_db()
        assert (office.final.status, office.final.payment_reference) == ("paid", "R-1")
        assert office.final.events.filter(text__startswith="Paid by").count() == 1
        assert "AF-00001" not in " ".join(messages(again))

    def test_a_draft_whose_period_runs_is_left_as_it_is(self, office, admin_client):
        draft = Invoice.objects.get(customer=office.north, status="draft")

        page = admin_client.get(reverse("admin:invoicing_invoice_act", args=[draft.pk, "finalize"]))
        act(admin_client, draft, "finalize")

        assert b"its period runs until 2026-09-01 00:00 UTC" in page.content
        draft.refresh_from_db()
        assert draft.status == "draft"

    def test_what_a_service_refuses_is_a_message(self, office, admin_client, monkeypatch):
        draft = Invoice.objects.get(customer=office.north, status="draft")
        bold = replace(ACTIONS["finalize"], obstacle=lambda invoice: "")
        monkeypatch.setitem(ACTIONS, "finalize", bold)

        answer = act(admin_client, draft, "finalize")

        assert "can't be final before" in messages(answer)[0]
        draft.refresh_from_db()
        assert draft.status == "draft"

    def test_refresh_takes_new_usage_in(self, office, admin_client):
        draft = Invoice.objects.get(customer=office.north, status="draft")
        before = draft.total_minor
        office.use("north", NOW, 1_000_000, 0, feature="chat")

        act(admin_client, draft, "refresh")

        draft.refresh_from_db()
        assert draft.total_minor == before + 1000

    def test_the_link_is_renewed(self, office, admin_client):
        before = office.final.token
        act(admin_client, office.final, "rotate-link")
        office.final.refresh_from_db()
        assert office.final.token != before

    def test_actions_on_several_say_what_they_leave_alone(self, office, admin_client):
        answer = admin_client.post(
            reverse("admin:invoicing_invoice_changelist"),
            {"action": "void_selected", "_selected_action": list(Invoice.objects.values_list("pk", flat=True))},
        )

        assert b"1 selected \xc2\xb7 45.00 USD" in answer.content
        assert b"Left as they are" in answer.content
        assert b"is draft" in answer.content

    def test_the_page_shows_cost_and_margin_of_each_line(self, office, admin_client):
        page = admin_client.get(reverse("admin:invoicing_invoice_change", args=[office.final.pk]))
        lines = page.context["panels"][0].context["lines"]

        assert [(str(row["line"]), row["amount"], row["cost"], row["margin"], row["percent"]) for row in lines] == [
            ("Base fee", Decimal(31), Decimal(0), Decimal(31), Decimal(100)),
            ("input_tokens used", Decimal(10), Decimal(1), Decimal(9), Decimal(90)),
            ("output_tokens used", Decimal(4), Decimal("0.4"), Decimal("3.6"), Decimal(90)),
        ]

    def test_nothing_of_an_invoice_is_changed_by_a_form(self, office, admin_client):
        address = reverse("admin:invoicing_invoice_change", args=[office.final.pk])
        assert admin_client.post(address, {"total_minor": "1"}).status_code == 403
        assert admin_client.get(reverse("admin:invoicing_invoice_delete", args=[office.final.pk])).status_code == 403

    def test_the_preview_of_a_running_period_writes_nothing(self, office, admin_client):
        subscription = Subscription.objects.get(customer=office.north)
        office.use("north", NOW, 1_000_000, 0, feature="chat")
        before = Invoice.objects.count()

        page = admin_client.get(reverse("admin:invoice_preview", args=[subscription.pk]))

        # 31 + (2 + 0.5 + 1) M × 10 + 0.2 M × 40.
        assert b"74.00 USD" in page.content
        assert Invoice.objects.count() == before


class TestKeys:
    def test_a_key_is_shown_once(self, admin_client):
        answer = admin_client.post(
            reverse("admin:customers_apikey_add"), {"name": "gateway", "scopes": ["usage:write"]}
        )
        plaintext = answer.context["plaintext"]

        assert plaintext.encode() in answer.content
        assert "no-store" in answer["Cache-Control"]
        key = ApiKey.objects.get()
        assert find_api_key(plaintext=plaintext) == key
        page = admin_client.get(reverse("admin:customers_apikey_change", args=[key.pk]))
        assert plaintext.encode() not in page.content

    def test_a_revoked_key_is_no_key_any_more(self, admin_client):
        key, plaintext = make_api_key()
        address = reverse("admin:customers_apikey_revoke", args=[key.pk])

        assert b"can&#x27;t be undone" in admin_client.get(address).content
        assert find_api_key(plaintext=plaintext) == key
        admin_client.post(address, {"confirmed": "yes"})
        assert find_api_key(plaintext=plaintext) is None


class TestPlans:
    def test_from_a_new_plan_to_a_published_version(self, office, admin_client):
        values = {"code": "fresh", "name": "Fresh", "description": "", "currency": "eur"}
        answer = admin_client.post(reverse("admin:pricing_plan_add"), values)
        version = Plan.objects.get(code="fresh").versions.get()
        assert answer.url == reverse("admin:pricing_planversion_change", args=[version.pk])
        assert version.currency == "EUR"
        publish = reverse("admin:pricing_planversion_publish", args=[version.pk])
        assert b"The version has no prices" in admin_client.get(publish).content

        answer = admin_client.post(reverse("admin:pricing_price_add"), price_form(version, amount="49.50"))
        assert answer.status_code == 302, answer.context["errors"]
        admin_client.post(publish, {"confirmed": "yes"})

        version.refresh_from_db()
        assert version.status == "published"
        price = version.prices.get()
        page = admin_client.get(reverse("admin:pricing_price_change", args=[price.pk]))
        assert b"49.50 EUR per period" in page.content
        assert admin_client.post(reverse("admin:pricing_price_change", args=[price.pk]), {}).status_code == 403

    def test_tiers_need_one_open_end(self, office, admin_client):
        version = self.draft(admin_client)
        form = price_form(version, model="graduated", meter=Price.objects.exclude(meter=None).first().meter_id)
        form |= tiers(("100", "2"), ("200", "1"))

        answer = admin_client.post(reverse("admin:pricing_price_add"), form)

        assert b"the last tier ends at 200" in answer.content
        answer = admin_client.post(reverse("admin:pricing_price_add"), form | tiers(("100", "2"), ("", "1")))
        assert answer.status_code == 302, answer.context["errors"]
        saved = version.prices.get(key="fee")
        assert [(tier.up_to, tier.unit_price) for tier in saved.tiers.all()] == [(100, 2), (None, 1)]

    def test_a_new_version_has_the_prices_of_the_one_before(self, office, admin_client):
        version = self.draft(admin_client)

        assert version.number == 2
        assert {price.key for price in version.prices.all()} == {"base", "input-tokens", "output-tokens"}

    def draft(self, client):
        plan = Plan.objects.get(code="usd")
        client.post(reverse("admin:pricing_plan_new_version", args=[plan.pk]), {"confirmed": "yes", "note": "wider"})
        return plan.versions.get(number=2)


def price_form(version, *, model="flat", amount="", meter=""):
    return {
        "plan_version": version.pk, "name": "Fee", "key": "fee", "sort_order": 9, "model": model, "meter": meter,
        "filter": "{}", "group_by": "", "amount": amount, "unit_price": "", "unit_scale": "1",
        "unit_rounding": "none", "included_units": "0", "minimum": "", "maximum": "", "flat_fee_at_zero": "on",
        "tier_scope": "group", "recurrence": "recurring", "rounding": "up",
        **tiers(),
    }  # fmt: skip


def tiers(*rows):
    form = {"tiers-TOTAL_FORMS": len(rows), "tiers-INITIAL_FORMS": 0}
    for n, (up_to, unit_price) in enumerate(rows):
        form |= {f"tiers-{n}-up_to": up_to, f"tiers-{n}-unit_price": unit_price, f"tiers-{n}-flat_fee": "0"}
    return form


class TestSubscriptions:
    def form(self, customer, **changes):
        version = PlanVersion.objects.get(plan__code="usd")
        values = {
            "customer": customer.pk, "plan_version": version.pk, "starts_on": "2026-08-01", "ends_on": "",
            "billing_cycle": "calendar", "interval": "month", "interval_count": "1", "anchor": "",
            "auto_finalize": "on",
        }  # fmt: skip
        return {**values, **changes}

    def test_a_customer_is_put_on_a_plan(self, office, admin_client):
        answer = admin_client.post(reverse("admin:pricing_subscription_add"), self.form(office.stray))

        assert answer.status_code == 302, answer.context["errors"]
        subscription = Subscription.objects.get(customer=office.stray)
        assert (subscription.starts_on, subscription.plan_version.plan.code) == (date(2026, 8, 1), "usd")

    def test_an_overlap_is_an_error_at_its_field(self, office, admin_client):
        answer = admin_client.post(reverse("admin:pricing_subscription_add"), self.form(office.north))

        assert b"North would pay for the same usage twice from 2026-08-01 to open end" in answer.content
        assert Subscription.objects.filter(customer=office.north).count() == 1

    def test_a_running_one_can_only_be_ended(self, office, admin_client):
        subscription = Subscription.objects.get(customer=office.north)
        address = reverse("admin:pricing_subscription_change", args=[subscription.pk])

        admin_client.post(address, self.form(office.stray, starts_on="2026-01-01", ends_on="2026-09-01"))

        subscription.refresh_from_db()
        assert subscription.customer == office.north
        assert (subscription.starts_on, subscription.ends_on) == (date(2026, 7, 1), date(2026, 9, 1))


class TestUsage:
    def test_a_missing_rate_is_added_and_the_calls_get_their_cost(self, office, admin_client):
        page = admin_client.get(reverse("admin:uncosted_models"))
        assert [entry["row"].model for entry in page.context["models"]] == ["beta"]

        values = {"provider": "acme", "model": "beta", "input_mtok": "3", "output_mtok": "0"}
        answer = admin_client.post(reverse("admin:uncosted_models"), values, follow=True)

        assert messages(answer) == ["The rate is in the book, and 1 calls have their cost now."]
        assert not Event.objects.filter(cost_state=CostState.NO_RATE).exists()
        assert CostRate.objects.get(model__name="beta", unit="input_mtok").price == 3

    def test_a_rate_that_the_service_refuses_is_an_error_of_the_form(self, office, admin_client):
        values = {"provider": "acme", "model": "beta", "input_mtok": "99999999", "output_mtok": "0"}

        answer = admin_client.post(reverse("admin:uncosted_models"), values)

        assert b"is not between 0 and 10000000" in answer.content
        assert not CostRate.objects.filter(model__name="beta").exists()

    def test_a_rejected_event_is_taken_once_its_customer_exists(self, office, admin_client):
        rejected = RejectedEvent.objects.get()
        address = reverse("admin:metering_rejectedevent_replay", args=[rejected.pk])
        admin_client.post(address, {"confirmed": "yes"})
        rejected.refresh_from_db()
        assert rejected.status == "open"

        office.customer("nobody", None, None)
        answer = admin_client.post(address, {"confirmed": "yes"}, follow=True)

        rejected.refresh_from_db()
        assert rejected.status == "accepted"
        assert "accepted later" in messages(answer)[-1]

    def test_a_dismissed_event_needs_no_attention(self, office, admin_client):
        rejected = RejectedEvent.objects.get()
        url = reverse("admin:metering_rejectedevent_changelist")
        form = {"action": "dismiss_selected", "_selected_action": [rejected.pk], "confirmed": "yes"}
        admin_client.post(url, form)
        rejected.refresh_from_db()
        assert rejected.status == "open"
        admin_client.post(url, {**form, "reason": "a demo"})

        rejected.refresh_from_db()
        assert (rejected.status, rejected.resolved_reason) == ("dismissed", "a demo")

    def test_late_usage_stays_unbilled_for_a_reason(self, office, admin_client):
        late = LateUsage.objects.create(
            period=office.final.period, input_digest="x", events=1, amount=5, cost=1, noticed_at=NOW
        )
        form = {"action": "dismiss", "_selected_action": [late.pk], "confirmed": "yes"}
        address = reverse("admin:rating_lateusage_changelist")
        assert b"This field is required." in admin_client.post(address, form).content

        admin_client.post(address, {**form, "reason": "goodwill"})

        late.refresh_from_db()
        assert (late.dismissed_at, late.dismissed_reason) == (NOW, "goodwill")

    def test_the_events_of_a_slice_are_found(self, office, admin_client):
        line = office.final.lines.get(description__startswith="input").rated_line
        page = admin_client.get(reverse("admin:rating_ratedline_change", args=[line.pk]))
        slices = next(panel.context["slices"] for panel in page.context["panels"] if "slices" in panel.context)
        ((_, address),) = slices

        events = admin_client.get(address).context["cl"].result_list

        assert [(str(event.day), event.uncached_input) for event in events] == [("2026-07-05", 1_000_000)]

    @pytest.mark.parametrize(
        ("days", "count"),
        [("1d", 0), ("7d", 4), ("2026-08-03", 1), ("2026-08-03..2026-08-04", 2), ("nonsense", 4), ("90d", 6)],
    )
    def test_events_are_listed_by_day(self, office, admin_client, days, count):
        answer = admin_client.get(reverse("admin:metering_event_changelist"), {"day": days})

        assert len(answer.context["cl"].result_list) == count
