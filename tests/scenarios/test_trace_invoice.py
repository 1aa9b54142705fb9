"""The production trace billed for November 2023: the invoice against amounts worked out from the files alone.

By hand, from the totals in the trace's description (40,421,844 input tokens, 4,088,665 output tokens of chat, 245,896
of code completion, 28,185 calls), less 10 %:

    platform fee           100.00                                                    →  90.00
    input, graduated       10 M × 2.50 + 30.421844 M × 2.00   =  85.843688           →  77.26
    output, chat           4.088665 M × 10.00                 =  40.88665            →  36.80
    output, code, volume   0.245896 M × 8.00 (up to 1 M)      =   1.967168           →   1.77
    calls above 10,000     18,185 × 0.0005                    =   9.0925             →   8.18
                                                                                       214.01
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db.models import Sum

from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import rate_and_draft
from invoicing.services.verify import verify_invoice
from metering.models import EventType, Meter
from pricing.documents import add_price
from pricing.models import Discount
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription
from rating.models import RatedLine, Slice
from tests.scenarios.test_trace import SERVICES, customer, import_trace, lines_of, pytestmark

__all__ = ["customer", "pytestmark"]

DECEMBER = datetime(2023, 12, 3, 9, tzinfo=UTC)
MILLION = 1_000_000


@pytest.fixture
def subscription(customer):
    llm_call = EventType.objects.get(code="llm_call")
    for code, value_property in (("input", "input_tokens"), ("output", "output_tokens")):
        Meter.objects.create(code=code, name=code, event_type=llm_call, value_property=value_property, unit="token")
    Meter.objects.create(code="calls", name="Calls", event_type=llm_call, aggregation="count", unit="call")
    version = create_plan(code="trace", name="Trace")
    million = {"unit_scale": "1000000"}
    for key, document in {
        "platform": {"model": "flat", "amount": "100"},
        "input": {
            "model": "graduated",
            "meter": "input",
            "tiers": [{"up_to": "10", "unit_price": "2.5"}, {"up_to": None, "unit_price": "2"}],
            **million,
        },
        "output-chat": {
            "model": "per_unit",
            "meter": "output",
            "filter": {"feature": ["chat"]},
            "unit_price": "10",
            **million,
        },
        "output-code": {
            "model": "volume",
            "meter": "output",
            "filter": {"feature": ["code-completion"]},
            "tiers": [{"up_to": "1", "unit_price": "8"}, {"up_to": None, "unit_price": "6"}],
            **million,
        },
        "calls": {"model": "per_unit", "meter": "calls", "unit_price": "0.0005", "included_units": "10000"},
    }.items():
        add_price(plan_version=version, key=key, name=key, document=document)
    publish_version(version_id=version.pk)
    subscription = create_subscription(
        customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2023, 11, 1), ends_on=date(2023, 12, 1)
    )
    Discount.objects.create(subscription=subscription, name="Launch discount", percent=10)
    return subscription


def cents(amount: Fraction) -> int:
    """Half up, with whole numbers only."""
    return (amount * 200 + 1) // 2


def expected_cents() -> dict[str, int]:
    calls = {service: list(lines_of(service)) for service in SERVICES}
    count = sum(len(rows) for rows in calls.values())
    tokens_in = sum(row[0] for rows in calls.values() for row in rows)
    out = {service: sum(row[1] for row in rows) for service, rows in calls.items()}
    assert tokens_in > 10 * MILLION
    assert out["code"] <= MILLION
    listed = {
        "platform": Fraction(100),
        "input": Fraction(10 * 5, 2) + Fraction((tokens_in - 10 * MILLION) * 2, MILLION),
        "output-chat": Fraction(out["conv"] * 10, MILLION),
        "output-code": Fraction(out["code"] * 8, MILLION),
        "calls": Fraction((count - 10_000) * 5, 10_000),
    }
    return {key: cents(amount * Fraction(9, 10)) for key, amount in listed.items()}


def test_the_november_invoice_is_right_to_the_cent_and_stays_so(subscription):
    import_trace()
    rate_and_draft(now=DECEMBER)
    draft = Invoice.objects.get()
    finalize_invoice(invoice_id=draft.pk, now=DECEMBER, skip_grace=True)
    invoice = Invoice.objects.get()

    billed = {line.rated_line.key: line.amount_minor for line in invoice.lines.select_related("rated_line")}
    assert billed == expected_cents()
    assert billed == {"platform": 9000, "input": 7726, "output-chat": 3680, "output-code": 177, "calls": 818}
    assert (invoice.total_minor, invoice.currency) == (21401, "USD")

    # each line is the sum of its slices, and the cost of all calls is on the lines, to the last digit
    for line in RatedLine.objects.all():
        assert line.slices.aggregate(Sum("net"))["net__sum"] == line.amount
    tokens_in, tokens_out = (
        sum(column) for column in zip(*(row for service in SERVICES for row in lines_of(service)), strict=True)
    )
    cost = tokens_in * Decimal("0.0000025") + tokens_out * Decimal("0.00001")
    assert Slice.objects.aggregate(Sum("cost"))["cost__sum"] == cost == Decimal("144.40022")

    before = list(RatedLine.objects.order_by("pk").values()) + list(Slice.objects.order_by("pk").values())
    import_trace()
    rate_and_draft(now=DECEMBER)
    assert list(RatedLine.objects.order_by("pk").values()) + list(Slice.objects.order_by("pk").values()) == before
    assert Invoice.objects.count() == 1
    verification = verify_invoice(number=invoice.number)
    assert (verification.differences, verification.late_usage) == ((), False)
