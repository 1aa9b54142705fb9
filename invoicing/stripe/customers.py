"""The customer at Stripe to whom invoices are addressed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from customers.models import Customer

ID_PREFIX = "cus_"


def customers_at_stripe(references: Sequence[str]) -> Mapping[str, int]:
    """Of those ids the ones of customers at Stripe, each with the customer's primary key."""
    ids = [reference for reference in references if reference.startswith(ID_PREFIX)]
    return (
        dict(Customer.objects.filter(stripe_customer_id__in=ids).values_list("stripe_customer_id", "pk")) if ids else {}
    )


def ensure_customer(client: stripe.StripeClient, customer: Customer) -> str:
    """The id of the customer at Stripe, made there the first time and kept."""
    if customer.stripe_customer_id:
        return customer.stripe_customer_id
    params: dict[str, Any] = {"name": customer.name, "metadata": {"amberflow_customer": customer.external_id}}
    if customer.email:
        params["email"] = customer.email
    made = client.v1.customers.create(
        params,  # type: ignore[arg-type]
        {"idempotency_key": _idempotency_key(customer, params)},
    )
    # Two invoices of a new customer may be pushed at once; the key gave both the same answer.
    Customer.objects.filter(pk=customer.pk, stripe_customer_id="").update(stripe_customer_id=made.id)
    customer.refresh_from_db(fields=["stripe_customer_id"])
    return customer.stripe_customer_id


def _idempotency_key(customer: Customer, params: dict[str, Any]) -> str:
    """The same for the same customer and data: a key that comes with other data is refused by Stripe."""
    said = json.dumps([customer.created_at.isoformat(), params], sort_keys=True)
    return f"amberflow-customer-{hashlib.sha256(said.encode()).hexdigest()}"
