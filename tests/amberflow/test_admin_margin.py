"""The margin page and what needs attention: figures, ranges, currencies, the CSV, and one row per trouble."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django_q.models import Task

from invoicing.admin.margin import harmless
from invoicing.models import Invoice
from invoicing.queries import needs_attention
from invoicing.ranges import custom_range, named_range
from invoicing.services.payment import record_payment
from metering.services.dismiss_rejected import dismiss_rejected
from rating.models import BillingPeriod, LateUsage
from tests.office import NOW


def margin_page(client, **parameters):
    return client.get(reverse("admin:margin"), parameters).context


class TestMarginPage:
    def test_cards_table_and_ties_of_this_month(self, office, admin_client):
        page = margin_page(admin_client)

        assert [(card["title"], card.get("amount", card.get("percent"))) for card in page["cards"]] == [
            ("Net revenue", Decimal(43)),
            ("Cost", Decimal("6.8")),
            ("Margin", Decimal("36.2")),
            ("Margin %", Decimal("84.19")),
        ]
        assert [entry["cells"] for entry in page["rows"]] == [
            ["alpha", "chat"],
            ["beta", "chat"],
            ["Fixed fees", "–"],
            ["alpha", "search"],
        ]
        assert sum(entry["row"].net for entry in page["rows"]) == page["total"].net
        assert [(tie.name, tie.difference) for tie in page["ties"]] == [
            ("Revenue", 0),
            ("Cost", 0),
            ("Invoices", 0),
            ("Promotional credits", 0),
        ]
        assert page["uncosted"] == 1

    def test_the_same_days_of_last_month_are_compared(self, office, admin_client):
        # 1 to 10 July: 10 of the fee and 14 of usage.
        assert page_changes(admin_client) == ["+79.2 %", "+385.7 %", "+60.2 %", "-10.0 points"]

    def test_without_figures_before_there_is_no_comparison(self, office, admin_client):
        assert page_changes(admin_client, range="last-month") == ["no comparable data"] * 4

    def test_another_currency_is_chosen_in_the_address(self, office, admin_client):
        page = margin_page(admin_client, currency="JPY", by="customer")

        assert page["currencies"] == ["JPY", "USD"]
        assert [(entry["cells"], entry["row"].margin) for entry in page["rows"]] == [(["Kyoto"], Decimal(1350))]
        assert {tie.currency for tie in page["ties"]} == {"JPY"}

    def test_a_customer_and_days_are_chosen_in_the_address(self, office, admin_client):
        page = margin_page(
            admin_client, customer=office.north.pk, start="2026-07-05", end="2026-07-05", by="feature,nonsense"
        )

        assert [(entry["cells"], entry["row"].net) for entry in page["rows"]] == [
            (["Fixed fees"], Decimal(1)),
            (["chat"], Decimal(14)),
        ]

    def test_a_row_leads_to_its_rated_lines(self, office, admin_client):
        entry = margin_page(admin_client, by="model,feature")["rows"][-1]
        assert entry["cells"] == ["alpha", "search"]

        lines = admin_client.get(entry["url"]).context["cl"].result_list

        assert sorted(line.name for line in lines) == ["input_tokens used", "output_tokens used"]
        assert {line.period.start_date for line in lines} == {date(2026, 8, 1)}

    def test_the_trend_has_twelve_months_with_texts_from_the_server(self, office, admin_client):
        trend = margin_page(admin_client)["trend"]

        assert trend["labels"][0] == "Sep 2025"
        assert trend["labels"][-1] == "Aug 2026"
        assert [series["texts"][-2:] for series in trend["series"]] == [
            ["45.00 USD", "43.00 USD"],
            ["1.40 USD", "6.80 USD"],
            ["43.60 USD", "36.20 USD"],
        ]

    def test_the_csv_has_every_digit_and_no_formulas(self, office, admin_client):
        office.north.name = "=HYPERLINK(1)"
        office.north.save()

        answer = admin_client.get(reverse("admin:margin_csv"), {"by": "customer"})
        rows = list(csv.reader(io.StringIO(answer.content.decode())))

        assert answer["Content-Type"].startswith("text/csv")
        assert rows[0][:3] == ["customer", "currency", "list_amount"]
        assert rows[1:] == [
            ["Stray", "USD", "0", "0", "0", "0", "0", "3", "-3", ""],
            ["Poor", "USD", "0", "0", "0", "0", "0", "1", "-1", ""],
            ["'=HYPERLINK(1)", "USD", "43", "0", "0", "0", "43", "2.8", "40.2", "93.49"],
        ]

    @pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx"])
    def test_formulas_are_made_harmless(self, text):
        assert harmless(text) == f"'{text}"
        assert harmless("a=1") == "a=1"


def page_changes(client, **parameters):
    return [card["change"] for card in margin_page(client, **parameters)["cards"]]


class TestRanges:
    @pytest.mark.parametrize(
        ("code", "today", "expected"),
        [
            ("month", "2026-08-10", ("2026-08-01", "2026-08-11", "2026-07-01", "2026-07-11")),
            # February has no 31st: its whole is compared.
            ("month", "2026-03-31", ("2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01")),
            ("last-month", "2026-01-05", ("2025-12-01", "2026-01-01", "2025-11-01", "2025-12-01")),
            ("3-months", "2026-01-05", ("2025-11-01", "2026-01-06", "2025-08-01", "2025-10-06")),
            ("12-months", "2026-08-10", ("2025-09-01", "2026-08-11", "2024-09-01", "2025-08-11")),
            ("nonsense", "2026-08-10", ("2026-08-01", "2026-08-11", "2026-07-01", "2026-07-11")),
        ],
    )
    def test_named_ranges(self, code, today, expected):
        days = named_range(code, today=date.fromisoformat(today))

        found = (days.start, days.end, days.previous_start, days.previous_end)
        assert tuple(str(day) for day in found) == expected

    def test_own_ranges_include_both_days(self):
        days = custom_range(date(2026, 8, 3), date(2026, 8, 5))

        assert (days.end, days.previous_start, days.previous_end) == (
            date(2026, 8, 6),
            date(2026, 7, 31),
            date(2026, 8, 3),
        )


class TestNeedsAttention:
    def titles(self, now=NOW):
        return {row.title: (row.count, list(row.at_stake)) for row in needs_attention(now=now)}

    def test_each_trouble_has_a_row_with_its_count_and_money(self, office):
        assert self.titles() == {
            "Usage without a price": (1, ["1.00 USD"]),
            "Models without a cost rate": (1, []),
            "Rejected events": (1, []),
            "Customers with usage but no subscription": (1, ["3.00 USD"]),
        }

    def test_rows_go_when_the_trouble_is_gone(self, office):
        from metering.models import RejectedEvent

        dismiss_rejected(ids=RejectedEvent.objects.values_list("pk", flat=True))

        assert "Rejected events" not in self.titles()

    def test_an_invoice_is_overdue_after_its_due_date(self, office):
        due = datetime.combine(office.final.due_on, datetime.min.time(), tzinfo=UTC)

        assert "Overdue invoices" not in self.titles(due)
        assert self.titles(due + timedelta(days=1))["Overdue invoices"] == (1, ["45.00 USD"])
        record_payment(invoice_id=office.final.pk, paid_at=NOW, reference="R", source="bank transfer")
        assert "Overdue invoices" not in self.titles(due + timedelta(days=1))

    def test_failed_pushes_problems_late_usage_and_tasks_have_rows(self, office):
        Invoice.objects.filter(pk=office.final.pk).update(push_state="failed", push_error="card declined")
        BillingPeriod.objects.filter(subscription__customer=office.kyoto).update(problem="no rate")
        LateUsage.objects.create(
            period=office.final.period, input_digest="x", events=2, amount=5, cost=1, noticed_at=NOW
        )
        Task.objects.create(id="t", name="t", func="invoicing.tasks.push", started=NOW, stopped=NOW, success=False)

        found = self.titles()

        assert found["Invoices that Stripe did not take"] == (1, ["45.00 USD"])
        assert found["Billing periods that could not be rated"] == (1, [])
        assert found["Usage that came after its invoice was final"] == (1, ["5.00 USD"])
        assert found["Background tasks that failed in the last 7 days"] == (1, [])

    def test_every_row_leads_to_a_page_that_answers(self, office, admin_client):
        for row in needs_attention(now=NOW + timedelta(days=60)):
            assert admin_client.get(row.url).status_code == 200, row.title
