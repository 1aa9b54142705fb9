"""Cards. A card is good or it declines every payment; nothing else about it matters here."""

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, refuse_unless
from amberflow.stripe_standin.errors import no_such
from amberflow.stripe_standin.forms import Form, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources.common import NOTHING
from amberflow.stripe_standin.store import Obj

# Stripe's test ids and numbers. The declining ones can be attached; only paying with them fails.
GOOD_CARD, DECLINING_CARD = "pm_card_visa", "pm_card_chargeCustomerFail"
TEST_TOKENS = {"tok_visa": "4242", "tok_chargeCustomerFail": "0341"}
TEST_CARDS = {GOOD_CARD: "4242", DECLINING_CARD: "0341"}
DECLINING_LAST4 = frozenset({"0341", "0002"})
CREATE = Shape(
    {
        "type": forms.one_of("card"),
        "card": Shape(
            {
                "number": forms.text,
                "exp_month": forms.integer,
                "exp_year": forms.integer,
                "cvc": forms.text,
                "token": forms.text,
            }
        ),
        "billing_details": forms.anything,
        "metadata": forms.metadata,
    },
    required=("type", "card"),
)
ATTACH = Shape({"customer": forms.text}, required=("customer",))


def create(api: Api, raw: Form) -> Obj:
    params = CREATE(raw)
    card = params["card"]
    refuse_unless(
        (card.get("number") is None) != (card.get("token") is None),
        "Give exactly one of card[number], card[token].",
    )
    if card.get("token") not in (None, *TEST_TOKENS):
        raise no_such("token", card["token"], "card[token]")
    method = _new_card(api, card["number"][-4:] if card.get("number") else TEST_TOKENS[card["token"]])
    method["billing_details"] = params.get("billing_details") or method["billing_details"]
    method["metadata"] = params.get("metadata") or {}
    for name in ("exp_month", "exp_year"):
        method["card"][name] = card.get(name) or method["card"][name]
    api.store.save(method)
    return show(api.store, method)


def attach(api: Api, raw: Form, identifier: str) -> Obj:
    customer = api.get("customer", ATTACH(raw)["customer"], param="customer")
    method = _from_test_card(api, identifier) or api.get("payment_method", identifier)
    refuse_unless(
        method["customer"] in (None, customer["id"]),
        "This payment method is attached to another customer. Detach it there first.",
    )
    method["customer"] = customer["id"]
    api.store.save(method)
    api.emit("payment_method.attached", method)
    return show(api.store, method)


def detach(api: Api, raw: Form, identifier: str) -> Obj:
    NOTHING(raw)
    method = api.get("payment_method", identifier)
    method["customer"] = None
    api.store.save(method)
    api.emit("payment_method.detached", method)
    return show(api.store, method)


def usable(api: Api, identifier: str, customer: str) -> Obj:
    """The payment method for a payment or default of this customer; a test id becomes a card of theirs."""
    method = _from_test_card(api, identifier) or api.get("payment_method", identifier, param="payment_method")
    if method["customer"] is None:
        method["customer"] = customer
        api.store.save(method)
    refuse_unless(
        method["customer"] == customer,
        f"The payment method {identifier} belongs to another customer.",
        param="payment_method",
    )
    return method


def declines(method: Obj) -> bool:
    return method["card"]["last4"] in DECLINING_LAST4


def _from_test_card(api: Api, identifier: str) -> Obj | None:
    return _new_card(api, TEST_CARDS[identifier]) if identifier in TEST_CARDS else None


def _new_card(api: Api, last4: str) -> Obj:
    card = {
        "brand": "visa",
        "last4": last4,
        "exp_month": 12,
        "exp_year": 2040,
        "country": "US",
        "funding": "credit",
    }
    details = {"address": None, "email": None, "name": None, "phone": None}
    return api.create("payment_method", {"type": "card", "card": card, "customer": None, "billing_details": details})
