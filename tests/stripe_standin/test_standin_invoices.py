"""The life of an invoice, as Stripe's own client sees it."""

from decimal import Decimal

import pytest
import stripe

PERIOD = {"start": 1759276800, "end": 1761955200}


def lines_of(invoice):
    return [(line.description, line.amount) for line in invoice.lines.data]


def test_pending_items_become_an_invoice_that_is_finalized_sent_and_paid(client, customer, standin):
    for amount in (12345, 655):
        client.v1.invoice_items.create(
            {
                "customer": customer.id,
                "amount": amount,
                "currency": "usd",
                "description": f"{amount} cents",
                "period": PERIOD,
                "metadata": {"line": "1"},
            }
        )
    invoice = client.v1.invoices.create(
        {
            "customer": customer.id,
            "pending_invoice_items_behavior": "include",
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "auto_advance": False,
            "metadata": {"number": "AF-1"},
            "description": "October",
            "footer": "Thank you",
        }
    )
    assert (invoice.status, invoice.number, invoice.currency) == ("draft", None, "usd")
    assert (invoice.subtotal, invoice.total, invoice.amount_due) == (13000, 13000, 13000)
    assert lines_of(invoice) == [("12345 cents", 12345), ("655 cents", 655)]
    line = invoice.lines.data[0]
    assert (line.period.start, line.period.end) == (PERIOD["start"], PERIOD["end"])
    assert line.metadata.to_dict() == {"line": "1"}
    assert not client.v1.invoice_items.list({"customer": customer.id, "pending": True}).data

    invoice = client.v1.invoices.finalize_invoice(invoice.id)
    assert invoice.status == "open"
    assert invoice.number == f"{customer.invoice_prefix}-0001"
    assert invoice.due_date - invoice.status_transitions.finalized_at == 30 * 86400
    assert invoice.hosted_invoice_url == f"{standin.url}/i/{invoice.id}"

    assert client.v1.invoices.send_invoice(invoice.id).status == "open"
    invoice = client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    assert (invoice.status, invoice.amount_paid, invoice.amount_remaining) == ("paid", 13000, 0)
    assert invoice.attempted is True
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert (payment.amount_paid, payment.status, payment.payment.type) == (13000, "paid", "payment_intent")
    assert client.v1.payment_intents.retrieve(payment.payment.payment_intent).amount_received == 13000
    assert [event["type"] for event in standin.objects("event")] == [
        "customer.created",
        "invoiceitem.created",
        "invoiceitem.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.sent",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
    ]


@pytest.mark.parametrize(
    ("unit", "quantity", "amount"),
    [
        ("0.5", {"quantity": 3}, 2),
        ("-0.5", {"quantity": 3}, -2),
        ("0.000123456789", {"quantity": 1000000}, 123),
        ("33.3", {"quantity_decimal": Decimal("1.5")}, 50),
        ("7", {"quantity": 0}, 0),
        ("7", {"quantity_decimal": Decimal(0)}, 0),
        ("7", {}, 7),
    ],
)
def test_unit_amounts_are_rounded_half_away_from_zero(client, customer, unit, quantity, amount):
    item = client.v1.invoice_items.create(
        {"customer": customer.id, "currency": "usd", "unit_amount_decimal": Decimal(unit), **quantity}
    )
    assert item.amount == amount
    assert item.pricing.unit_amount_decimal == Decimal(unit)


def test_amounts_of_currencies_without_a_minor_unit_are_whole(client, draft):
    invoice = client.v1.invoices.finalize_invoice(draft(500, 20, currency="jpy").id)
    assert (invoice.currency, invoice.total, invoice.amount_due) == ("jpy", 520, 520)


def test_cards_pay_dinars_only_in_tens(client, draft):
    odd = client.v1.invoices.finalize_invoice(draft(5124, currency="kwd").id)
    with pytest.raises(stripe.InvalidRequestError, match="ends in 0, 5124 does not"):
        client.v1.invoices.pay(odd.id, {"payment_method": "pm_card_visa"})
    even = client.v1.invoices.finalize_invoice(draft(5120, currency="kwd").id)
    assert client.v1.invoices.pay(even.id, {"payment_method": "pm_card_visa"}).amount_paid == 5120


def test_a_number_can_be_chosen_on_a_draft_and_only_once(client, draft):
    invoice = draft(100, number="AF-2023-0007")
    assert client.v1.invoices.finalize_invoice(invoice.id).number == "AF-2023-0007"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        draft(100, number="AF-2023-0007")
    assert refused.value.param == "number"


def test_numbers_run_by_customer(client, draft, customer):
    numbers = [client.v1.invoices.finalize_invoice(draft(1).id).number for _ in range(2)]
    assert numbers == [f"{customer.invoice_prefix}-0001", f"{customer.invoice_prefix}-0002"]


def test_drafts_change_and_finalized_invoices_keep_their_money(client, draft):
    invoice = draft(100)
    changed = client.v1.invoices.update(
        invoice.id, {"number": "AF-9", "days_until_due": 10, "metadata": {"a": "1", "b": "2"}}
    )
    assert (changed.number, changed.metadata.to_dict()) == ("AF-9", {"a": "1", "b": "2"})
    client.v1.invoices.finalize_invoice(invoice.id)
    changed = client.v1.invoices.update(invoice.id, {"metadata": {"a": "", "c": "3"}, "description": "Memo"})
    assert (changed.metadata.to_dict(), changed.description) == ({"b": "2", "c": "3"}, "Memo")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.update(invoice.id, {"number": "AF-10"})
    assert (refused.value.code, refused.value.param) == ("invoice_not_editable", "number")


def test_a_deleted_draft_is_gone_with_its_items(client, draft, customer):
    invoice = draft(100)
    assert client.v1.invoices.delete(invoice.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.retrieve(invoice.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert not client.v1.invoice_items.list({"customer": customer.id}).data


def test_a_deleted_item_leaves_the_draft(client, draft):
    invoice = draft(100, 20)
    (item, _) = reversed(client.v1.invoice_items.list({"invoice": invoice.id}).data)
    client.v1.invoice_items.delete(item.id)
    invoice = client.v1.invoices.retrieve(invoice.id)
    assert (lines_of(invoice), invoice.total) == ([("Line 2", 20)], 20)


def test_nothing_is_added_to_or_taken_from_a_finalized_invoice(client, draft, customer):
    invoice = client.v1.invoices.finalize_invoice(draft(100).id)
    (item,) = client.v1.invoice_items.list({"invoice": invoice.id}).data
    for attempt in (
        lambda: client.v1.invoice_items.delete(item.id),
        lambda: client.v1.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "amount": 5}),
        lambda: client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 5}]}),
        lambda: client.v1.invoices.delete(invoice.id),
        lambda: client.v1.invoices.finalize_invoice(invoice.id),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            attempt()
        assert refused.value.code == "invoice_not_editable"
    assert client.v1.invoices.retrieve(invoice.id).total == 100


def test_lines_are_embedded_ten_at_a_time_and_paged_in_order(client, draft):
    invoice = draft()
    for start in (1, 9):
        new = [{"amount": number, "description": f"Line {number}"} for number in range(start, start + 8)]
        invoice = client.v1.invoices.add_lines(invoice.id, {"lines": new})
    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (10, True, 136)
    page = client.v1.invoices.line_items.list(invoice.id, {"limit": 6})
    assert [line.amount for line in page.auto_paging_iter()] == list(range(1, 17))


def test_an_invoice_takes_250_lines(client, draft):
    invoice = draft()
    client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 1} for _ in range(250)]})
    with pytest.raises(stripe.InvalidRequestError, match="at most 250"):
        client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 1}]})
    assert client.v1.invoices.retrieve(invoice.id).total == 250


def test_payment_without_a_card_or_with_a_declining_one_fails_and_is_counted(client, draft, customer, standin):
    invoice = client.v1.invoices.finalize_invoice(draft(700).id)
    with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
        client.v1.invoices.pay(invoice.id)
    client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    (card,) = client.v1.payment_methods.list({"customer": customer.id}).data
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": card.id}})
    with pytest.raises(stripe.CardError) as declined:
        client.v1.invoices.pay(invoice.id)
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    invoice = client.v1.invoices.retrieve(invoice.id)
    assert (invoice.status, invoice.attempt_count, invoice.amount_remaining) == ("open", 1, 700)
    assert standin.objects("event")[-1]["type"] == "invoice.payment_failed"
    assert client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"}).status == "paid"


def test_out_of_band_payment_leaves_no_payment_intent(client, draft, standin):
    invoice = client.v1.invoices.finalize_invoice(draft(700).id)
    invoice = client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (invoice.status, invoice.amount_paid) == ("paid", 700)
    assert standin.objects("payment_intent") == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert refused.value.code == "invoice_already_paid"


def test_void_and_uncollectible(client, draft):
    void = client.v1.invoices.void_invoice(client.v1.invoices.finalize_invoice(draft(1).id).id)
    lost = client.v1.invoices.mark_uncollectible(client.v1.invoices.finalize_invoice(draft(1).id).id)
    assert (void.status, lost.status) == ("void", "uncollectible")
    for attempt in (client.v1.invoices.void_invoice, client.v1.invoices.mark_uncollectible):
        with pytest.raises(stripe.InvalidRequestError, match="this one is draft"):
            attempt(draft(1).id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.pay(void.id, {"paid_out_of_band": True})
    assert refused.value.code == "invoice_not_open"
    assert client.v1.invoices.pay(lost.id, {"paid_out_of_band": True}).status == "paid"


def test_an_invoice_of_nothing_is_paid_when_finalized(client, draft):
    assert client.v1.invoices.finalize_invoice(draft(100, -100).id).status == "paid"


def test_a_negative_invoice_becomes_balance_for_the_next_one(client, draft, customer):
    credit = client.v1.invoices.finalize_invoice(draft(-300).id)
    assert (credit.status, credit.amount_due, credit.ending_balance) == ("paid", 0, -300)
    assert client.v1.customers.retrieve(customer.id).balance == -300
    invoice = client.v1.invoices.finalize_invoice(draft(1000).id)
    assert (invoice.total, invoice.starting_balance, invoice.amount_due) == (1000, -300, 700)
    assert client.v1.customers.retrieve(customer.id).balance == 0


def test_each_tax_rate_is_rounded_once_on_its_sum(client, draft):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 7.25})
    invoice = draft(50, 50, 50, default_tax_rates=[rate.id])
    # 150 × 7.25 % = 10.875
    assert (invoice.subtotal, invoice.total, invoice.total_taxes[0].amount) == (150, 161, 11)
    assert invoice.default_tax_rates[0].display_name == "VAT"


def test_credit_notes_on_an_open_invoice_lower_what_is_due(client, draft, standin):
    invoice = client.v1.invoices.finalize_invoice(draft(1000).id)
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "reason": "order_change"})
    assert (note.type, note.total, note.number) == ("pre_payment", 400, f"{invoice.number}-CN-01")
    assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 600
    with pytest.raises(stripe.InvalidRequestError, match="above what is left to credit, 600"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 601})
    client.v1.credit_notes.void_credit_note(note.id)
    assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 1000
    lines = [{"type": "custom_line_item", "description": "All", "quantity": 4, "unit_amount": 250}]
    client.v1.credit_notes.create({"invoice": invoice.id, "lines": lines})
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"
    assert standin.objects("event")[-1]["type"] == "invoice.paid"


def test_credit_notes_on_a_paid_invoice_say_how_the_money_goes_back(client, draft, customer):
    invoice = client.v1.invoices.finalize_invoice(draft(1000).id)
    client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    with pytest.raises(stripe.InvalidRequestError, match="must equal the post payment amount"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400})
    note = client.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 400, "out_of_band_amount": 100, "credit_amount": 300}
    )
    assert (note.type, note.out_of_band_amount) == ("post_payment", 100)
    assert client.v1.customers.retrieve(customer.id).balance == -300
    assert client.v1.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 400


def test_prices_and_products_can_be_billed(client, customer):
    product = client.v1.products.create({"name": "Tokens"})
    assert client.v1.products.features.list(product.id).data == []
    price = client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount_decimal": Decimal("0.25")})
    item = client.v1.invoice_items.create(
        {"customer": customer.id, "pricing": {"price": price.id}, "quantity": 10, "currency": "usd"}
    )
    assert (item.amount, item.pricing.price_details.product) == (3, product.id)
