"""The stand-in's own pages: an overview, and the hosted invoice page on which a test card pays."""

from datetime import UTC, datetime
from html import escape
from typing import Any

from amberflow.stripe_standin.api import Api
from amberflow.stripe_standin.errors import CardError, StripeError
from amberflow.stripe_standin.resources import invoice_states
from amberflow.stripe_standin.resources.payment_methods import DECLINING_CARD, GOOD_CARD
from amberflow.stripe_standin.store import Obj, Store
from amberflow.stripe_standin.totals import format_minor

NOTICE = "Stripe stand-in — test payments only"
CARDS = {"good": GOOD_CARD, "declining": DECLINING_CARD}
ROWS = 50
STYLE = """
body { margin: 0; background: #f6f7f9; color: #1c2430; font: 15px/1.5 system-ui, sans-serif; }
.notice { background: #5b3df5; color: #fff; padding: .5rem 1rem; text-align: center; font-weight: 600; }
main { max-width: 46rem; margin: 2rem auto; padding: 2rem; background: #fff; border-radius: 10px;
       box-shadow: 0 1px 4px #0002; }
main.wide { max-width: 64rem; }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.05rem; }
.muted { color: #667085; } .big { font-size: 1.8rem; font-weight: 700; margin: .75rem 0; }
table { width: 100%; border-collapse: collapse; } th { text-align: left; color: #667085; font-weight: 500; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid #e6e8ec; vertical-align: top; }
th.number, td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot td { border: 0; } tfoot tr.due td { font-weight: 700; }
.status { display: inline-block; padding: 0 .6rem; border-radius: 1rem; background: #e6e8ec; }
.status.paid { background: #d3f3df; color: #0b6b34; } .status.open { background: #e0e7ff; color: #3538cd; }
.status.void, .status.uncollectible { background: #fde3e1; color: #a3271d; }
.declined { background: #fde3e1; color: #a3271d; padding: .6rem 1rem; border-radius: 6px; }
form { display: inline-block; margin: 1.25rem .5rem 0 0; }
button { font: inherit; padding: .55rem 1.1rem; border: 1px solid #5b3df5; border-radius: 6px;
         background: #fff; color: #5b3df5; cursor: pointer; }
button.primary { background: #5b3df5; color: #fff; }
a { color: #5b3df5; } code { font-size: .85em; }
"""


def overview(store: Store) -> str:
    """The newest invoices, customers, events and endpoints."""
    return _page(
        "Overview",
        "<h1>Overview</h1><p class='muted'>What this stand-in was told, the newest first.</p>"
        + _table("Invoices", ["Invoice", "Customer", "Total", "Status", "Created"], _invoice_rows(store))
        + _table("Customers", ["Customer", "Name", "E-mail", "Created"], _customer_rows(store))
        + _table("Events", ["Event", "Type", "To deliver", "Created"], _event_rows(store))
        + _table("Webhook endpoints", ["Endpoint", "Address", "Status"], _endpoint_rows(store)),
        wide=True,
    )


def invoice_page(store: Store, identifier: str, *, declined: bool = False) -> str | None:
    """The hosted page of a finalized invoice; None if there is none with this id."""
    invoice = _finalized(store, identifier)
    if invoice is None:
        return None
    message = "<p class='declined'>Your card was declined. Nothing was paid.</p>" if declined else ""
    due = f"<p class='muted'>Due {_day(invoice['due_date'])}</p>" if invoice["due_date"] else ""
    memo = f"<p>{escape(invoice['description'])}</p>" if invoice["description"] else ""
    footer = f"<p class='muted'>{escape(invoice['footer'])}</p>" if invoice["footer"] else ""
    recipient = invoice["customer_name"] or invoice["customer_email"] or invoice["customer"]
    paid = invoice["status"] == "paid"
    amount = format_minor(invoice["amount_paid" if paid else "amount_remaining"], invoice["currency"])
    return _page(
        f"Invoice {invoice['number']}",
        f"<h1>Invoice {escape(invoice['number'])} {_status(invoice)}</h1>"
        f"<p class='muted'>For {escape(recipient)}</p>{message}"
        f"<p class='big'>{amount}{' paid' if paid else ''}</p>"
        f"{due}{memo}{_lines(store, invoice)}{footer}{_pay_buttons(invoice)}",
    )


def pay(api: Api, identifier: str, card: str) -> bool:
    """Pay a finalized invoice with the good or the declining card; False if the card was declined.

    Raises StripeError if the invoice can't be paid, KeyError for any other card.
    """
    if _finalized(api.store, identifier) is None:
        raise StripeError("There is no such invoice to pay.", status=404)
    try:
        invoice_states.pay(api, {"payment_method": CARDS[card]}, identifier)
    except CardError:
        return False
    return True


def message_page(title: str, text: str) -> str:
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def _finalized(store: Store, identifier: str) -> Obj | None:
    invoice = store.get(identifier)
    return None if invoice is None or invoice["object"] != "invoice" or invoice["status"] == "draft" else invoice


def _lines(store: Store, invoice: Obj) -> str:
    currency = invoice["currency"]
    rows = "".join(
        f"<tr><td>{escape(line['description'] or 'No description')}<br>"
        f"<span class='muted'>{_day(line['period']['start'])} – {_day(line['period']['end'])}</span></td>"
        f"<td class='number'>{escape(line['quantity_decimal'])}</td>"
        f"<td class='number'>{format_minor(line['amount'], currency)}</td></tr>"
        for line in store.lines(invoice["id"])
    )
    sums = [("Subtotal", invoice["subtotal"])]
    sums += [
        ("Tax" + (" (included)" if tax["tax_behavior"] == "inclusive" else ""), tax["amount"])
        for tax in invoice["total_taxes"]
    ]
    sums += [("Total", invoice["total"])]
    if invoice["starting_balance"]:
        sums.append(("Balance brought forward", invoice["starting_balance"]))
    if invoice["pre_payment_credit_notes_amount"]:
        sums.append(("Credit notes", -invoice["pre_payment_credit_notes_amount"]))
    if invoice["amount_paid"]:
        sums.append(("Paid", -invoice["amount_paid"]))
    foot = "".join(
        f"<tr{mark}><td></td><td class='number'>{label}</td>"
        f"<td class='number'>{format_minor(amount, currency)}</td></tr>"
        for label, amount, mark in [
            *((label, amount, "") for label, amount in sums),
            ("Amount due", invoice["amount_remaining"], " class='due'"),
        ]
    )
    return (
        "<table><thead><tr><th>Description</th><th class='number'>Quantity</th>"
        "<th class='number'>Amount</th></tr></thead>"
        f"<tbody>{rows}</tbody><tfoot>{foot}</tfoot></table>"
    )


def _pay_buttons(invoice: Obj) -> str:
    if invoice["status"] not in ("open", "uncollectible"):
        return ""
    action = f"/i/{escape(invoice['id'])}/pay"
    return (
        f"<form method='post' action='{action}'><input type='hidden' name='card' value='good'>"
        "<button class='primary'>Pay with test card</button></form>"
        f"<form method='post' action='{action}'><input type='hidden' name='card' value='declining'>"
        "<button>Pay with a declining card</button></form>"
    )


def _invoice_rows(store: Store) -> list[list[str]]:
    rows = []
    for invoice in store.find("invoice", newest_first=True, limit=ROWS):
        name = escape(invoice["number"] or invoice["id"])
        link = name if invoice["status"] == "draft" else f"<a href='/i/{invoice['id']}'>{name}</a>"
        recipient = escape(invoice["customer_name"] or invoice["customer"])
        total = format_minor(invoice["total"], invoice["currency"])
        rows.append([link, recipient, total, _status(invoice), _moment(invoice["created"])])
    return rows


def _customer_rows(store: Store) -> list[list[str]]:
    return [
        [
            f"<code>{one['id']}</code>",
            escape(one["name"] or ""),
            escape(one["email"] or ""),
            _moment(one["created"]),
        ]
        for one in store.find("customer", newest_first=True, limit=ROWS)
        if not one.get("deleted")
    ]


def _event_rows(store: Store) -> list[list[str]]:
    return [
        [
            f"<code>{one['id']}</code>",
            escape(one["type"]),
            str(store.pending_deliveries(one["id"])),
            _moment(one["created"]),
        ]
        for one in store.find("event", newest_first=True, limit=ROWS)
    ]


def _endpoint_rows(store: Store) -> list[list[str]]:
    return [
        [f"<code>{one['id']}</code>", escape(one["url"]), escape(one["status"])]
        for one in store.find("webhook_endpoint", newest_first=True, limit=ROWS)
    ]


def _table(title: str, heads: list[str], rows: list[list[str]]) -> str:
    """Cells are HTML already."""
    if not rows:
        return f"<h2>{title}</h2><p class='muted'>None yet.</p>"
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(title: str, content: str, *, wide: bool = False) -> str:
    """A whole page around content that is HTML already."""
    width = "wide" if wide else "narrow"
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} · {NOTICE}</title><style>{STYLE}</style></head><body>"
        f"<div class='notice'>{NOTICE}</div><main class='{width}'>{content}</main></body></html>"
    )


def _status(invoice: dict[str, Any]) -> str:
    return f"<span class='status {invoice['status']}'>{invoice['status']}</span>"


def _day(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%-d %b %Y}"


def _moment(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
