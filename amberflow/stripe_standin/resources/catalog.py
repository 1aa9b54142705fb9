"""Products, prices and tax rates."""

from decimal import Decimal

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, merge, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources.common import PAGE, given
from amberflow.stripe_standin.store import Obj

PAGE_SHAPE = Shape(PAGE)
PRODUCT = {
    "active": forms.flag,
    "description": forms.text,
    "metadata": forms.metadata,
    "name": forms.text,
    "statement_descriptor": forms.text,
    "unit_label": forms.text,
    "url": forms.text,
}
PRICE = {
    "active": forms.flag,
    "lookup_key": forms.text,
    "metadata": forms.metadata,
    "nickname": forms.text,
    "tax_behavior": forms.one_of("inclusive", "exclusive", "unspecified"),
}
TAX_RATE = {
    "active": forms.flag,
    "country": forms.text,
    "description": forms.text,
    "display_name": forms.text,
    "jurisdiction": forms.text,
    "metadata": forms.metadata,
    "state": forms.text,
    "tax_type": forms.text,
}
CREATE_PRODUCT = Shape(PRODUCT, required=("name",))
CREATE_PRICE = Shape(
    {
        **PRICE,
        "currency": forms.currency,
        "product": forms.text,
        "product_data": CREATE_PRODUCT,
        "recurring": Shape(
            {"interval": forms.one_of("day", "week", "month", "year"), "interval_count": forms.integer},
            required=("interval",),
        ),
        "unit_amount": forms.integer,
        "unit_amount_decimal": forms.decimal,
    },
    required=("currency",),
)
CREATE_TAX_RATE = Shape(
    {**TAX_RATE, "inclusive": forms.flag, "percentage": forms.decimal},
    required=("display_name", "inclusive", "percentage"),
)


def create_product(api: Api, raw: Form) -> Obj:
    return show(api.store, _new_product(api, CREATE_PRODUCT(raw)))


def _new_product(api: Api, params: Form) -> Obj:
    fields = given(
        params,
        active=True,
        default_price=None,
        description=None,
        images=[],
        marketing_features=[],
        statement_descriptor=None,
        tax_code=None,
        type="service",
        unit_label=None,
        updated=api.now,
        url=None,
    )
    product = api.create("product", {**fields, "metadata": without_blanks(params.get("metadata"))})
    api.emit("product.created", product)
    return product


def product_features(api: Api, raw: Form, identifier: str) -> Obj:
    """Always empty: entitlements are out of scope, and dj-stripe asks for them with every product."""
    PAGE_SHAPE(raw)
    api.get("product", identifier)
    return {"object": "list", "data": [], "has_more": False, "url": f"/v1/products/{identifier}/features"}


def create_price(api: Api, raw: Form) -> Obj:
    params = CREATE_PRICE(raw)
    amount, amount_decimal = params.pop("unit_amount", None), params.pop("unit_amount_decimal", None)
    refuse_unless(
        (amount is None) != (amount_decimal is None),
        "Give exactly one of unit_amount and unit_amount_decimal.",
    )
    product_data = params.pop("product_data", None)
    refuse_unless(bool(product_data) != bool(params.get("product")), "Give exactly one of product and product_data.")
    if product_data:
        params["product"] = _new_product(api, product_data)["id"]
    api.get("product", params["product"], param="product")
    unit = Decimal(amount) if amount_decimal is None else amount_decimal
    recurring = params.pop("recurring", None)
    fields = given(
        params,
        active=True,
        billing_scheme="per_unit",
        custom_unit_amount=None,
        lookup_key=None,
        nickname=None,
        tax_behavior="unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        recurring={"interval_count": 1, "usage_type": "licensed", **recurring} if recurring else None,
        unit_amount=int(unit) if unit == unit.to_integral_value() else None,
        unit_amount_decimal=f"{unit:f}",
    )
    price = api.create("price", {**fields, "metadata": without_blanks(params.get("metadata"))})
    api.emit("price.created", price)
    return show(api.store, price)


def create_tax_rate(api: Api, raw: Form) -> Obj:
    params = CREATE_TAX_RATE(raw)
    percentage = params.pop("percentage")
    refuse_unless(0 <= percentage <= 100, "percentage must be from 0 to 100", param="percentage")
    fields = given(
        params,
        active=True,
        country=None,
        description=None,
        flat_amount=None,
        jurisdiction=None,
        jurisdiction_level=None,
        rate_type="percentage",
        state=None,
        tax_type=None,
        _percentage=f"{percentage:f}",
        # A JSON number on the wire, as Stripe shows it; taxes are computed from the exact text above.
        percentage=float(percentage),
        effective_percentage=None,
    )
    rate = api.create("tax_rate", {**fields, "metadata": without_blanks(params.get("metadata"))})
    api.emit("tax_rate.created", rate)
    return show(api.store, rate)


def update(api: Api, raw: Form, kind: str, shape: Shape, identifier: str) -> Obj:
    """Change what may change on a product, price or tax rate; amounts and percentages never do."""
    params = shape(raw)
    obj = api.get(kind, identifier)
    previous = merge(obj, params)
    api.store.save(obj)
    if previous:
        api.emit(f"{kind}.updated", obj, previous=previous)
    return show(api.store, obj)


def update_product(api: Api, raw: Form, identifier: str) -> Obj:
    return update(api, raw, "product", Shape(PRODUCT), identifier)


def update_price(api: Api, raw: Form, identifier: str) -> Obj:
    return update(api, raw, "price", Shape(PRICE), identifier)


def update_tax_rate(api: Api, raw: Form, identifier: str) -> Obj:
    return update(api, raw, "tax_rate", Shape(TAX_RATE), identifier)
