"""Credits on the pages of a customer (what is left, what expires soon) and of a grant (its ledger)."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from amberflow.admin_base import Panel, add_panel, list_url
from customers.models import Customer
from invoicing.admin.credit_entry import ENTRY_LABELS
from invoicing.admin.credit_grant import ADD, CHANGE, expires_soon, scope_text
from invoicing.balances import with_balances
from invoicing.models import CreditEntry, CreditGrant


def _customer_credits(request: HttpRequest, customer: Customer) -> Panel | None:
    if not request.user.has_perm("invoicing.view_creditgrant"):
        return None
    today = timezone.now().date()
    usable = with_balances(customer.credit_grants.all()).filter(balance_minor__gt=0)
    grants = list(usable.order_by("priority", "expires_on", "created_at", "pk"))
    totals: dict[str, int] = {}
    for grant in grants:
        totals[grant.currency] = totals.get(grant.currency, 0) + int(grant.balance_minor)
    return Panel(
        "admin/invoicing/creditgrant/of_customer.html",
        {
            "customer": customer,
            "rows": [
                (grant, int(grant.balance_minor), scope_text(grant), expires_soon(grant, today)) for grant in grants
            ],
            "totals": sorted(totals.items()),
            "may_grant": request.user.has_perm(ADD),
            "all": list_url(CreditGrant, customer__id__exact=customer.pk),
            "ledger": list_url(CreditEntry, grant__customer__id__exact=customer.pk),
        },
    )


def _grant_ledger(request: HttpRequest, grant: Any) -> Panel:
    rows, left = [], 0
    for entry in grant.entries.select_related("invoice", "invoice_line", "user").order_by("pk"):
        left += entry.amount_minor
        rows.append((entry, ENTRY_LABELS[entry.get_kind_display()], left))
    return Panel(
        "admin/invoicing/creditgrant/grant.html",
        {"grant": grant, "rows": rows, "left": left, "may_revoke": left > 0 and request.user.has_perm(CHANGE)},
    )


add_panel(Customer, _customer_credits)
add_panel(CreditGrant, _grant_ledger)
