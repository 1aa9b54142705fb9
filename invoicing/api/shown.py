"""How the API shows grants, entries and balances: amounts as text in major units."""

from typing import Any

from amberflow.lib.money import from_minor, plain
from customers.models import Customer
from invoicing.balances import with_balances
from invoicing.models import CreditEntry, CreditKind


def shown_grant(grant: Any) -> dict[str, Any]:
    """A grant that comes from `with_balances`."""
    return {
        "id": grant.pk,
        "customer": grant.customer.external_id,
        "kind": grant.kind,
        "name": grant.name,
        "currency": grant.currency,
        "amount": _amount(grant.amount_minor, grant.currency),
        "balance": _amount(int(grant.balance_minor), grant.currency),
        "paid": None if grant.paid_minor is None else _amount(grant.paid_minor, grant.currency),
        "payment_reference": grant.payment_reference,
        "priority": grant.priority,
        "effective_on": grant.effective_on.isoformat(),
        "expires_on": None if grant.expires_on is None else grant.expires_on.isoformat(),
        "prices": grant.prices,
        "meters": grant.meters,
        "reason": grant.reason,
        "created_at": grant.created_at.isoformat(),
    }


def shown_entry(entry: CreditEntry, currency: str) -> dict[str, Any]:
    """One movement, signed."""
    return {
        "kind": entry.kind,
        "amount": _amount(entry.amount_minor, currency),
        "at": entry.at.isoformat(),
        "invoice": None if entry.invoice is None else entry.invoice.number,
        "reason": entry.reason,
    }


def shown_balances(customer: Customer) -> dict[str, Any]:
    """What is left of the customer's grants by currency and kind, whether it counts today or not."""
    left: dict[str, dict[str, int]] = {}
    for grant in with_balances(customer.credit_grants.all()).filter(balance_minor__gt=0).order_by("currency"):
        of_currency = left.setdefault(grant.currency, dict.fromkeys(CreditKind.values, 0))
        of_currency[grant.kind] += int(grant.balance_minor)
    return {
        "customer": customer.external_id,
        "balances": [
            {
                "currency": currency,
                "total": _amount(sum(of_kind.values()), currency),
                **{kind: _amount(amount, currency) for kind, amount in of_kind.items()},
            }
            for currency, of_kind in left.items()
        ],
    }


def _amount(minor: int, currency: str) -> str:
    return plain(from_minor(minor, currency))
