"""Credits in the back office: granted and revoked by the right people, seen on customers, invoices and in margin."""

import csv
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from invoicing.models import CreditEntry, CreditGrant, Invoice
from invoicing.queries import tie_credits
from invoicing.services.credits import grant_credits
from invoicing.services.draft import refresh_drafts_of
from invoicing.services.finalize import finalize_invoice
from invoicing.services.void import void_invoice
from rating.queries import FIXED_FEE, Scope, find_ties, margin_rows
from tests.office import AUGUST, NOW, TODAY_END

FORM = {
    "confirmed": "yes",
    "kind": "promotional",
    "name": "Welcome",
    "amount": "36",
    "currency": "usd",
    "effective_on": "2026-08-01",
    "expires_on": "2026-09-01",
    "priority": "5",
    "prices": "",
    "meters": "",
    "reason": "a good start",
}
SO_FAR = Scope(AUGUST, TODAY_END)


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


def give(office, amount, kind="promotional", **fields):
    values = {"name": "Welcome", "currency": "USD", "effective_on": AUGUST, "reason": "a good start", "now": NOW}
    grant = grant_credits(customer_id=office.north.pk, kind=kind, amount=Decimal(amount), **{**values, **fields})
    refresh_drafts_of(customer_id=office.north.pk, now=NOW)
    return grant


@pytest.fixture
def draft(office):
    """August of North: 31 for the fee, 25 for 2.5 M input, 8 for 0.2 M output."""
    return Invoice.objects.get(customer=office.north, status="draft")


class TestGranting:
    def test_finance_grants_and_everybody_sees_who_did(self, office, client_of):
        client = client_of("finance")
        address = reverse("admin:invoicing_creditgrant_grant", args=[office.north.pk])
        form = client.get(address)
        assert 'value="USD"' in form.content.decode()
        assert not CreditGrant.objects.exists()

        answer = client.post(address, {**FORM, "prices": "base, input-tokens", "meters": "output_tokens"}, follow=True)

        assert messages(answer) == ["North has 36.00 USD of credits: Welcome."]
        grant = CreditGrant.objects.get()
        assert (grant.amount_minor, grant.currency, grant.priority, grant.expires_on) == (
            3600,
            "USD",
            5,
            date(2026, 9, 1),
        )
        assert (grant.prices, grant.meters, grant.paid_minor) == (["base", "input-tokens"], ["output_tokens"], None)
        assert grant.created_by.username == grant.entries.get().user.username == "finance"

    def test_what_the_service_refuses_is_a_message(self, office, admin_client):
        address = reverse("admin:invoicing_creditgrant_grant", args=[office.north.pk])
        answer = admin_client.post(address, {**FORM, "expires_on": "2026-08-01"}, follow=True)
        assert "expires_on 2026-08-01 is not after effective_on" in messages(answer)[0]
        assert not CreditGrant.objects.exists()

    @pytest.mark.parametrize("role", ["analyst", "support"])
    def test_others_only_look(self, office, client_of, role):
        grant = give(office, "36")
        client = client_of(role)
        assert client.get(reverse("admin:invoicing_creditgrant_grant", args=[office.north.pk])).status_code == 403
        assert client.get(reverse("admin:invoicing_creditgrant_revoke", args=[grant.pk])).status_code == 403
        page = words(client.get(reverse("admin:customers_customer_change", args=[office.north.pk])))
        assert "Welcome" in page
        assert "Grant credits" not in page
        assert client.get(reverse("admin:invoicing_creditgrant_change", args=[grant.pk])).status_code == 200
        assert client.get(reverse("admin:invoicing_creditentry_changelist")).status_code == 200

    def test_grants_and_ledger_cant_be_edited_even_by_a_superuser(self, office, admin_client):
        grant = give(office, "36")
        for name, pk in (("creditgrant", grant.pk), ("creditentry", grant.entries.get().pk)):
            address = reverse(f"admin:invoicing_{name}_change", args=[pk])
            assert admin_client.post(address, {"amount_minor": "1"}).status_code == 403
            assert admin_client.get(reverse(f"admin:invoicing_{name}_add")).status_code == 403
            assert (
                admin_client.post(reverse(f"admin:invoicing_{name}_delete", args=[pk]), {"post": "yes"}).status_code
                == 403
            )


class TestRevoking:
    def test_it_asks_takes_what_is_left_and_keeps_why(self, office, admin_client):
        grant = give(office, "36")
        address = reverse("admin:invoicing_creditgrant_revoke", args=[grant.pk])
        assert "36.00 USD" in words(admin_client.get(address))
        assert not CreditEntry.objects.filter(kind="revoked").exists()

        answer = admin_client.post(address, {"confirmed": "yes", "reason": "Fraud"}, follow=True)

        assert messages(answer) == ["36.00 USD of Welcome are revoked."]
        entry = CreditEntry.objects.get(kind="revoked")
        assert (entry.amount_minor, entry.reason, entry.user.username) == (-3600, "Fraud", "boss")
        assert "Revoke what is left" not in words(answer)

    def test_of_several_those_with_nothing_left_are_left_alone(self, office, admin_client):
        first, second = give(office, "36"), give(office, "5", name="More")
        for _ in range(2):
            admin_client.post(
                reverse("admin:invoicing_creditgrant_changelist"),
                {
                    "action": "revoke_selected",
                    "_selected_action": [first.pk, second.pk],
                    "confirmed": "yes",
                    "reason": "no",
                },
                follow=True,
            )
        assert sorted(CreditEntry.objects.filter(kind="revoked").values_list("amount_minor", flat=True)) == [
            -3600,
            -500,
        ]


class TestPages:
    def test_a_customer_shows_what_is_left_and_what_expires_soon(self, office, admin_client):
        give(office, "36", expires_on=date(2026, 9, 1))
        give(office, "1000", kind="paid", name="Prepaid", currency="JPY")
        page = words(admin_client.get(reverse("admin:customers_customer_change", args=[office.north.pk])))
        assert "Credits 1,000 JPY 36.00 USD" in page
        assert "1 Sep 2026 Soon" in page

    @pytest.mark.parametrize("left", ["some", "soon", "none", ""])
    def test_the_list_is_filtered_by_what_is_left(self, office, admin_client, left):
        give(office, "36", name="Soon over", expires_on=date(2026, 9, 1))
        give(office, "36", name="For ever")
        empty = give(office, "36", name="Taken back")
        CreditEntry.objects.create(grant=empty, kind="revoked", amount_minor=-3600, at=NOW)
        page = words(admin_client.get(reverse("admin:invoicing_creditgrant_changelist"), {"left": left}))
        shown = {name for name in ("Soon over", "For ever", "Taken back") if name in page}
        assert (
            shown
            == {
                "some": {"Soon over", "For ever"},
                "soon": {"Soon over"},
                "none": {"Taken back"},
                "": {"Soon over", "For ever", "Taken back"},
            }[left]
        )

    def test_an_invoice_shows_credits_line_by_line_and_which_grant(self, office, admin_client, draft):
        give(office, "36", effective_on=AUGUST)
        page = words(admin_client.get(reverse("admin:invoicing_invoice_change", args=[draft.pk])))
        assert "Credit Welcome (promotional) with 5.00 USD: 5.00 USD off the 25.00 USD to pay" in page
        assert "Subtotal and credits 64.00 USD 0.00 USD 0.00 USD 64.00 USD 36.00 USD" in page
        assert "Total to pay 28.00 USD" in page
        assert "Credit Welcome: 36.00 USD used, 0.00 USD left." in page
        # 64.00 less 36.00, less the cost of 2.80.
        assert "2.80 USD 25.20 USD" in page

    def test_a_grants_page_shows_its_ledger_with_the_balance_after_each_entry(self, office, admin_client):
        grant = give(office, "50", effective_on=date(2026, 7, 1))
        CreditEntry.objects.create(grant=grant, kind="revoked", amount_minor=-1250, at=NOW, reason="Half of it")
        page = words(admin_client.get(reverse("admin:invoicing_creditgrant_change", args=[grant.pk])))
        assert "Granted – 50.00 USD 50.00 USD a good start" in page
        assert "Revoked – -12.50 USD 37.50 USD Half of it" in page

    def test_the_preview_shows_credits(self, office, admin_client, draft):
        give(office, "36")
        page = words(admin_client.get(reverse("admin:invoice_preview", args=[draft.period.subscription_id])))
        assert "Subtotal and credits 64.00 USD 36.00 USD Total 28.00 USD" in page


class TestMargin:
    def test_net_revenue_is_net_of_promotional_credits_by_day_and_dimension(self, office, draft):
        give(office, "36")
        give(office, "5", kind="paid", name="Prepaid")
        rows = {row.values: (row.credits, row.net, row.margin) for row in margin_rows(scope=SO_FAR, by=["model"])}
        # 31 for the fee: ten of its 31 days. 5 of input's 25: 4 with alpha's 20, 1 with beta's 5.
        assert rows[FIXED_FEE,] == (Decimal(10), Decimal(0), Decimal(0))
        assert rows["alpha",][:2] == (Decimal(4), Decimal(24))
        assert rows["beta",] == (Decimal(1), Decimal(4), Decimal(4))

    def test_it_ties(self, office, draft):
        give(office, "36")
        for scope in (SO_FAR, Scope(date(2026, 7, 20), date(2026, 8, 4))):
            ties = [*find_ties(scope=scope, currency="USD"), tie_credits(scope=scope, currency="USD")]
            assert [tie.difference for tie in ties] == [0, 0, 0]
        assert dict(find_ties(scope=SO_FAR, currency="USD")[0].terms)["Promotional credits taken off it"] == 15
        assert tie_credits(scope=SO_FAR, currency="USD").total == 36

    def test_credits_of_a_void_invoice_dont_count(self, office, draft):
        give(office, "36")
        final = finalize_invoice(invoice_id=draft.pk, now=NOW.replace(month=9), skip_grace=True)
        void_invoice(invoice_id=final.pk, now=NOW.replace(month=9), reason="Wrong.")
        voided = Scope(AUGUST, date(2026, 9, 1), office.north.pk)
        (row,) = margin_rows(scope=voided)
        assert (row.credits, row.net) == (0, 0)
        assert find_ties(scope=voided, currency="USD")[0].difference == 0
        assert tie_credits(scope=voided, currency="USD").difference == 0

    def test_the_page_and_its_csv_have_the_column(self, office, admin_client, draft):
        give(office, "36")
        page = words(admin_client.get(reverse("admin:margin"), {"by": "customer"}))
        assert "Adjustments Credits Net revenue" in page
        # List, discount, adjustment, credits, net, cost and margin of North.
        assert "43.00 USD 0.00 USD 0.00 USD 15.00 USD 28.00 USD 2.80 USD 25.20 USD" in page
        answer = admin_client.get(reverse("admin:margin_csv"), {"by": "customer"})
        rows = {row["customer"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
        assert (rows["North"]["promotional_credits"], rows["North"]["net_revenue"]) == ("15", "28")
