"""Makes customers out of references that usage carries: on first sight where the policy says so, or as another name of
a customer that is there."""

from collections.abc import Collection

from django.db import connection, transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.models import CustomerAlias, IngestionPolicy

# In order, so that two requests with the same new customers wait for each other instead of deadlocking.
_CREATE = """
INSERT INTO customers_customer (
    external_id, name, email, address, tax_id, timezone, stripe_customer_id, made_on_first_sight, created_at
)
SELECT reference, reference, '', '', '', %s, '', true, %s
FROM unnest(%s::text[]) AS t (reference) ORDER BY reference
ON CONFLICT (external_id) DO NOTHING
RETURNING id
"""


def create_missing_customers(references: Collection[str]) -> bool:
    """Make a customer for each of these unknown references, once, whoever else does so; only if the policy says so.

    Its external id and name are the reference, its time zone the policy's. Returns whether the policy is on: then
    every reference has a customer now.
    """
    policy = IngestionPolicy.objects.filter(create_customers=True).first()
    if policy is None:
        return False
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_CREATE, [policy.customer_timezone, timezone.now(), list(references)])
            made = [pk for (pk,) in cursor.fetchall()]
        if made:
            Customer.history.bulk_history_create(
                Customer.objects.filter(pk__in=made), default_change_reason="made on first sight of its usage"
            )
    return True


@transaction.atomic
def add_customer_alias(*, reference: str, customer_id: int, made_by: str) -> CustomerAlias:
    """Count usage of that reference for the customer from now on. Repeating it changes nothing.

    Raises DomainError when the reference is a customer's own external id, or another one's alias.
    """
    customer = Customer.objects.get(pk=customer_id)
    if not reference:
        raise DomainError("reference_missing", "The events name no customer: set one instead.", field="customer")
    if Customer.objects.filter(external_id=reference).exists():
        raise DomainError(
            "reference_taken", f"{reference!r} is the external id of a customer already.", field="customer"
        )
    alias, _ = CustomerAlias.objects.get_or_create(
        reference=reference, defaults={"customer": customer, "made_by": made_by[:200]}
    )
    if alias.customer_id != customer.pk:
        raise DomainError(
            "reference_taken", f"{reference!r} stands for {alias.customer} already: remove that alias first.",
            field="customer",
        )  # fmt: skip
    return alias
