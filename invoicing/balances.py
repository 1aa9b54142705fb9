"""What is left of credit grants, as the ledger has it. Amounts are minor units of the grant's currency."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet, Sum

from invoicing.engine.credits import Grant
from invoicing.models import CreditGrant, InvoiceLine, InvoiceStatus
from pricing.models import Subscription


def with_balances(grants: QuerySet[CreditGrant]) -> QuerySet[Any]:
    """The grants with `balance_minor`, the sum of their entries."""
    return grants.annotate(balance_minor=Sum("entries__amount_minor", default=0))


def usable_grants(*, customer_id: int, currency: str, among: Iterable[int] | None = None) -> list[Grant]:
    """The customer's grants of a currency that have something left, for the engine; `among` limits them to ids."""
    grants = CreditGrant.objects.filter(customer_id=customer_id, currency=currency)
    if among is not None:
        grants = grants.filter(pk__in=list(among))
    return [engine_grant(grant) for grant in with_balances(grants).filter(balance_minor__gt=0).order_by("pk")]


def grants_for_draft(*, subscription: Subscription, end: date, currency: str) -> list[Grant]:
    """The grants that the draft of a period up to `end` may show: less what the customer's earlier drafts show.

    Drafts write nothing to the ledger. Earlier is what ends before, or on the same day with the older subscription, so
    that no credit is shown twice.
    """
    grants = usable_grants(customer_id=subscription.customer_id, currency=currency)
    if not grants:
        return []
    shown = _shown_before(subscription, end, currency)
    left = [replace(grant, balance_minor=grant.balance_minor - shown[grant.id]) for grant in grants]
    return [grant for grant in left if grant.balance_minor > 0]


def engine_grant(grant: Any) -> Grant:
    """The grant, which comes from `with_balances`, as the engine computes with it."""
    return Grant(
        id=grant.pk,
        name=grant.name,
        kind=grant.kind,
        balance_minor=int(grant.balance_minor),
        priority=grant.priority,
        effective_on=grant.effective_on,
        expires_on=grant.expires_on,
        created_at=grant.created_at,
        prices=tuple(grant.prices),
        meters=tuple(grant.meters),
    )


def _shown_before(subscription: Subscription, end: date, currency: str) -> Counter[int]:
    earlier = InvoiceLine.objects.filter(
        Q(invoice__period__end_date__lt=end)
        | Q(invoice__period__end_date=end, invoice__period__subscription__lt=subscription.pk),
        invoice__status=InvoiceStatus.DRAFT,
        invoice__customer_id=subscription.customer_id,
        invoice__currency=currency,
        credit_minor__gt=0,
    )
    shown: Counter[int] = Counter()
    for credits in earlier.order_by().values_list("credits", flat=True):
        for credit in credits:
            shown[credit["grant"]] += credit["amount_minor"]
    return shown
