"""Invoice items: what a customer is to be billed for, pending or on a draft."""

from decimal import Decimal
from fractions import Fraction

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import ACCOUNT_CURRENCY, Api, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Reader, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources import invoice_lines
from amberflow.stripe_standin.resources.common import NOTHING, PAGE, deleted, page_of
from amberflow.stripe_standin.store import Condition, Obj
from amberflow.stripe_standin.totals import round_half_away

PERIOD = Shape({"start": forms.integer, "end": forms.integer}, required=("start", "end"))
AMOUNT_FIELDS: dict[str, Reader] = {
    "amount": forms.integer,
    "price_data": Shape(
        {
            "currency": forms.currency,
            "product": forms.text,
            "tax_behavior": forms.one_of("inclusive", "exclusive", "unspecified"),
            "unit_amount": forms.integer,
            "unit_amount_decimal": forms.decimal,
        },
        required=("currency", "product"),
    ),
    "pricing": Shape({"price": forms.text}, required=("price",)),
    "quantity": forms.integer,
    "quantity_decimal": forms.decimal,
}
LINE_FIELDS: dict[str, Reader] = {
    **AMOUNT_FIELDS,
    "description": forms.text,
    "discountable": forms.flag,
    "metadata": forms.metadata,
    "period": PERIOD,
    "tax_rates": forms.list_of(forms.text),
}
CREATE = Shape(
    {
        **LINE_FIELDS,
        "currency": forms.currency,
        "customer": forms.text,
        "invoice": forms.text,
        "tax_behavior": forms.one_of("inclusive", "exclusive", "unspecified"),
        "unit_amount_decimal": forms.decimal,
    },
    required=("customer",),
)
LIST = Shape({**PAGE, "customer": forms.text, "invoice": forms.text, "pending": forms.flag})


def create(api: Api, raw: Form) -> Obj:
    item = build(api, CREATE(raw))
    api.emit("invoiceitem.created", item)
    return show(api.store, item)


def build(api: Api, params: Form) -> Obj:
    """Store the item, and put it on the invoice that it names (a draft of the same customer and currency)."""
    customer = api.get("customer", params["customer"], param="customer")
    invoice = api.get("invoice", params["invoice"], param="invoice") if params.get("invoice") else None
    refuse_unless(
        invoice is None or invoice["customer"] == customer["id"],
        "The invoice belongs to another customer.",
        param="invoice",
    )
    currency = params.get("currency") or (invoice["currency"] if invoice else customer["currency"] or ACCOUNT_CURRENCY)
    amount, unit, details = _amount(api, params, currency)
    rates = params.get("tax_rates") or []
    for rate in rates:
        api.get("tax_rate", rate, param="tax_rates")
    period = params.get("period") or {"start": api.now, "end": api.now}
    refuse_unless(period["start"] <= period["end"], "period[end] must not be before period[start]", param="period")
    quantity = _quantity(params)
    item = api.create(
        "invoiceitem",
        {
            "amount": amount,
            "currency": currency,
            "customer": customer["id"],
            "date": api.now,
            "description": params.get("description"),
            "discountable": params.get("discountable", amount >= 0),
            "discounts": [],
            "invoice": None,
            "metadata": without_blanks(params.get("metadata")),
            "net_amount": amount,
            "parent": None,
            "period": period,
            "pricing": {"type": "price_details", "price_details": details, "unit_amount_decimal": unit},
            "proration": False,
            "quantity": int(quantity),
            "quantity_decimal": f"{quantity:f}",
            "test_clock": None,
            "_pending": True,
            "_tax_rates": rates,
        },
    )
    if invoice:
        invoice_lines.attach(api, invoice, item)
    return item


def _quantity(params: Form) -> Decimal:
    given = [params[name] for name in ("quantity", "quantity_decimal") if params.get(name) is not None]
    return Decimal(given[0]) if given else Decimal(1)


def _amount(api: Api, params: Form, currency: str) -> tuple[int, str, Obj | None]:
    """`(amount in minor units, unit amount as text, the price and product behind it)`."""
    sources = [
        name for name in ("amount", "unit_amount_decimal", "pricing", "price_data") if params.get(name) is not None
    ]
    refuse_unless(
        len(sources) == 1,
        "Give exactly one of amount, unit_amount_decimal, pricing and price_data"
        f" ({' and '.join(sources) or 'none'} given).",
        param=sources[1] if len(sources) > 1 else "amount",
    )
    refuse_unless(
        params.get("quantity") is None or params.get("quantity_decimal") is None,
        "You may only specify one of these parameters: quantity, quantity_decimal.",
        param="quantity_decimal",
    )
    if sources == ["amount"]:
        refuse_unless(
            params.get("quantity") is None and params.get("quantity_decimal") is None,
            "You may only specify one of these parameters: amount, quantity.",
            param="quantity",
        )
        return params["amount"], str(params["amount"]), None
    unit, details = _unit(api, params, currency)
    quantity = _quantity(params)
    refuse_unless(quantity >= 0, "quantity must not be negative", param="quantity")
    return round_half_away(Fraction(unit) * Fraction(quantity)), f"{unit:f}", details


def _unit(api: Api, params: Form, currency: str) -> tuple[Decimal, Obj | None]:
    if params.get("unit_amount_decimal") is not None:
        return params["unit_amount_decimal"], None
    if params.get("pricing"):
        price = api.get("price", params["pricing"]["price"], param="pricing[price]")
        unit, product, own = Decimal(price["unit_amount_decimal"]), price["product"], price["id"]
        priced_in = price["currency"]
    else:
        data = params["price_data"]
        product = api.get("product", data["product"], param="price_data[product]")["id"]
        refuse_unless(
            (data.get("unit_amount") is None) != (data.get("unit_amount_decimal") is None),
            "Give exactly one of price_data[unit_amount] and price_data[unit_amount_decimal].",
            param="price_data",
        )
        exact = data.get("unit_amount_decimal")
        unit, own, priced_in = (
            Decimal(data["unit_amount"]) if exact is None else exact,
            None,
            data["currency"],
        )
    refuse_unless(
        priced_in == currency,
        f"The price is in {priced_in}, the invoice item in {currency}.",
        param="currency",
    )
    return unit, {"price": own, "product": product}


def list_page(api: Api, raw: Form) -> Obj:
    """Filters: customer, invoice, pending (true: on no invoice yet), created."""
    params = LIST(raw)
    conditions = [Condition(name, params[name]) for name in ("customer", "invoice") if name in params]
    if "pending" in params:
        conditions.append(Condition("_pending", params["pending"]))
    for comparison, value in (params.get("created") or {}).items():
        conditions.append(Condition("created", value, comparison))
    page = {name: params.get(name) for name in ("limit", "starting_after", "ending_before")}
    return page_of(api, "invoiceitem", conditions, page, url="/v1/invoiceitems")


def delete(api: Api, raw: Form, identifier: str) -> Obj:
    """Remove a pending item, or one on a draft together with its line."""
    NOTHING(raw)
    item = api.get("invoiceitem", identifier)
    if item["invoice"]:
        invoice_lines.detach(api, api.get("invoice", item["invoice"]), item)
    api.store.delete(item["id"])
    api.emit("invoiceitem.deleted", item)
    return deleted(item)
