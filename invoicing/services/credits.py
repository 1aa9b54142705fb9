"""Credits of customers: granted, spent on final invoices, given back when those are void, revoked and expired.

The ledger is the truth: what is left of a grant is the sum of its entries. Whoever takes from a grant locks it first.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django_q.tasks import async_task

from amberflow.lib.currencies import CurrencyError
from amberflow.lib.errors import DomainError
from amberflow.lib.money import NumberError, parse_decimal, plain, to_minor
from amberflow.lib.periods import local_midnight_utc
from invoicing.balances import usable_grants, with_balances
from invoicing.engine.credits import Grant
from invoicing.models import CreditEntry, CreditGrant, CreditKind, Invoice, InvoiceLine
from metering.models import Meter
from pricing.models import Price
from rating.models import BillingPeriod

# What the column holds.
MAX_MINOR = 2**63 - 1


@transaction.atomic
def grant_credits(
    *,
    customer_id: int,
    kind: str,
    name: str,
    amount: Decimal,
    currency: str,
    effective_on: date,
    reason: str,
    now: datetime,
    expires_on: date | None = None,
    priority: int = 100,
    prices: Sequence[str] = (),
    meters: Sequence[str] = (),
    paid: Decimal | None = None,
    payment_reference: str = "",
    user: User | None = None,
    idempotency_key: str | None = None,
) -> CreditGrant:
    """Give a customer credits that count on the local days [effective_on, expires_on); amounts in major units.

    `paid` is what the customer paid for them (paid ones only; the amount itself if not said). `prices` and `meters`
    limit them to lines of these keys and codes. Raises DomainError for what can't be granted.
    """
    if kind not in CreditKind.values:
        raise DomainError("unknown_kind", f"kind {kind!r} is not known; use paid or promotional.", field="kind")
    _check_words(name, reason)
    _check_window(effective_on, expires_on)
    _check_scope(prices, meters)
    amount_minor = _minor("amount", amount, currency)
    if amount_minor <= 0:
        raise DomainError("amount_not_positive", f"amount {plain(amount)} is not above 0.", field="amount")
    grant = CreditGrant.objects.create(
        customer_id=customer_id,
        kind=kind,
        name=name.strip(),
        currency=currency,
        amount_minor=amount_minor,
        paid_minor=_paid_minor(kind, paid, amount_minor, currency),
        payment_reference=payment_reference.strip(),
        priority=priority,
        effective_on=effective_on,
        expires_on=expires_on,
        prices=sorted(set(prices)),
        meters=sorted(set(meters)),
        reason=reason.strip(),
        created_at=now,
        created_by=user,
        idempotency_key=idempotency_key,
    )
    CreditEntry.objects.create(
        grant=grant, kind=CreditEntry.Kind.GRANTED, amount_minor=amount_minor, at=now, reason=reason.strip(), user=user
    )
    refresh_drafts_later(customer_id=customer_id)
    return grant


def grant_credits_once(*, idempotency_key: str, terms: Mapping[str, Any]) -> tuple[CreditGrant, bool]:
    """`grant_credits` with these arguments, unless it was done under the key before; the grant, and whether it is new.

    Two at once give one grant. Raises DomainError `idempotency_key_used` when the grant of the key is another one;
    reasons may differ.
    """
    known = CreditGrant.objects.filter(idempotency_key=idempotency_key)
    if (earlier := known.first()) is not None:
        return _same_grant(earlier, terms), False
    try:
        with transaction.atomic():
            return grant_credits(**terms, idempotency_key=idempotency_key), True
    except IntegrityError:
        if (earlier := known.first()) is None:
            raise
        return _same_grant(earlier, terms), False


@transaction.atomic
def revoke_credits_once(*, grant_id: int, reason: str, now: datetime, user: User | None = None) -> CreditEntry:
    """`revoke_credits`, but a grant that is revoked already stays as it is: the entry that did it is returned."""
    CreditGrant.objects.select_for_update().get(pk=grant_id)
    if balance_of(grant_id=grant_id) <= 0:
        revoked = CreditEntry.objects.filter(grant_id=grant_id, kind=CreditEntry.Kind.REVOKED).order_by("pk").last()
        if revoked is not None:
            return revoked
    return revoke_credits(grant_id=grant_id, reason=reason, now=now, user=user)


@transaction.atomic
def revoke_credits(*, grant_id: int, reason: str, now: datetime, user: User | None = None) -> CreditEntry:
    """Take back what is left of a grant; what was spent stays spent. Raises DomainError when nothing is left."""
    if not reason.strip():
        raise DomainError("reason_missing", "reason is empty: say why the credits are taken back.", field="reason")
    grant = CreditGrant.objects.select_for_update().get(pk=grant_id)
    left = balance_of(grant_id=grant_id)
    if left <= 0:
        raise DomainError("nothing_left", f"Nothing is left of {grant.name}, so nothing can be revoked.")
    refresh_drafts_later(customer_id=grant.customer_id)
    return _take_rest(grant_id, left, CreditEntry.Kind.REVOKED, now, reason.strip(), user)


def expire_credits(*, now: datetime) -> int:
    """Write off what is left of grants that no invoice can use any more; returns how many. Safe to repeat.

    A grant pays the periods whose last day it covers. So it waits for their drafts: for the grace time after its
    expiry, and as long as such a draft is not final or such a period can't be rated.
    """
    over = CreditGrant.objects.filter(expires_on__lte=now.date() + timedelta(days=1))
    candidates = with_balances(over).filter(balance_minor__gt=0).order_by("pk").values_list("pk", flat=True)
    return sum(_expire(grant_id, now) for grant_id in list(candidates))


def balance_of(*, grant_id: int) -> int:
    """What is left of a grant, in minor units."""
    left: int = CreditEntry.objects.filter(grant_id=grant_id).aggregate(left=Sum("amount_minor", default=0))["left"]
    return int(left)


def lock_grants(*, customer_id: int, currency: str) -> list[Grant]:
    """The customer's usable grants, locked until the transaction ends, so that nobody else spends them meanwhile."""
    locked = CreditGrant.objects.select_for_update().filter(customer_id=customer_id, currency=currency)
    ids = list(locked.order_by("pk").values_list("pk", flat=True))
    # One that is granted just now is not locked, and not used.
    return usable_grants(customer_id=customer_id, currency=currency, among=ids)


def spend_credits(*, invoice: Invoice, at: datetime) -> None:
    """Write to the ledger what the lines of an invoice say that becomes final; the grants are locked."""
    CreditEntry.objects.bulk_create(
        CreditEntry(
            grant_id=credit["grant"],
            kind=CreditEntry.Kind.APPLIED,
            amount_minor=-credit["amount_minor"],
            invoice=invoice,
            invoice_line=line,
            at=at,
        )
        for line in InvoiceLine.objects.filter(invoice=invoice, credit_minor__gt=0).order_by("position")
        for credit in line.credits
    )
    if invoice.credits_minor:
        refresh_drafts_later(customer_id=invoice.customer_id)


def restore_credits(*, invoice: Invoice, reason: str, at: datetime, user: User | None = None) -> int:
    """Give back what a void invoice had spent; returns how much. What was revoked meanwhile is taken back at once."""
    spent = list(invoice.credit_entries.filter(kind=CreditEntry.Kind.APPLIED).order_by("grant_id", "pk"))
    if not spent:
        return 0
    grants = {entry.grant_id for entry in spent}
    list(CreditGrant.objects.select_for_update().filter(pk__in=grants).order_by("pk"))
    CreditEntry.objects.bulk_create(
        CreditEntry(
            grant_id=entry.grant_id,
            kind=CreditEntry.Kind.RESTORED,
            amount_minor=-entry.amount_minor,
            invoice=invoice,
            invoice_line_id=entry.invoice_line_id,
            at=at,
            reason=reason,
            user=user,
        )
        for entry in spent
    )
    revoked = CreditEntry.objects.filter(grant__in=grants, kind=CreditEntry.Kind.REVOKED)
    for grant_id in sorted(set(revoked.values_list("grant_id", flat=True))):
        left = balance_of(grant_id=grant_id)
        _take_rest(grant_id, left, CreditEntry.Kind.REVOKED, at, "The grant was revoked before.", user)
    refresh_drafts_later(customer_id=invoice.customer_id)
    return -sum(entry.amount_minor for entry in spent)


def refresh_drafts_later(*, customer_id: int) -> None:
    """Bring the customer's drafts up to date with the credits as soon as the current transaction is committed."""
    transaction.on_commit(lambda: async_task("invoicing.tasks.refresh_drafts", customer_id), robust=True)


@transaction.atomic
def _expire(grant_id: int, now: datetime) -> bool:
    grant = CreditGrant.objects.select_for_update(of=("self",)).select_related("customer").get(pk=grant_id)
    assert grant.expires_on is not None
    left = balance_of(grant_id=grant_id)
    waits_until = local_midnight_utc(grant.expires_on, grant.customer.timezone) + timedelta(hours=settings.GRACE_HOURS)
    if left <= 0 or now < waits_until or _is_waited_for(grant):
        return False
    _take_rest(grant_id, left, CreditEntry.Kind.EXPIRED, now, f"Not used before {grant.expires_on}.", None)
    return True


def _is_waited_for(grant: CreditGrant) -> bool:
    """Whether a period that the grant may pay is not invoiced yet."""
    return (
        BillingPeriod.objects.filter(
            Q(invoice__isnull=False) | ~Q(problem=""),
            subscription__customer_id=grant.customer_id,
            plan_version__currency=grant.currency,
            frozen_at=None,
            end_date__gt=grant.effective_on,
            end_date__lte=grant.expires_on,
        )
        .order_by()
        .exists()
    )


def _same_grant(grant: CreditGrant, terms: Mapping[str, Any]) -> CreditGrant:
    """The grant, if it is what the terms say."""
    currency = terms["currency"]
    amount_minor = _minor("amount", terms["amount"], currency)
    wanted = {
        "customer_id": terms["customer_id"],
        "kind": terms["kind"],
        "name": terms["name"].strip(),
        "currency": currency,
        "amount_minor": amount_minor,
        "paid_minor": _paid_minor(terms["kind"], terms["paid"], amount_minor, currency),
        "payment_reference": terms["payment_reference"].strip(),
        "priority": terms["priority"],
        "effective_on": terms["effective_on"],
        "expires_on": terms["expires_on"],
        "prices": sorted(set(terms["prices"])),
        "meters": sorted(set(terms["meters"])),
    }
    for name, value in wanted.items():
        if getattr(grant, name) != value:
            raise DomainError(
                "idempotency_key_used",
                f"The key was used for grant {grant.pk}, whose {name.removesuffix('_id').removesuffix('_minor')} is "
                "another: use a new key for a new grant.",
            )
    return grant


def _take_rest(grant_id: int, left: int, kind: str, at: datetime, reason: str, user: User | None) -> CreditEntry:
    return CreditEntry.objects.create(grant_id=grant_id, kind=kind, amount_minor=-left, at=at, reason=reason, user=user)


def _check_words(name: str, reason: str) -> None:
    if not name.strip():
        raise DomainError("name_missing", "name is empty: say what the customer will read.", field="name")
    if not reason.strip():
        raise DomainError("reason_missing", "reason is empty: say why the credits are granted.", field="reason")


def _check_window(effective_on: date, expires_on: date | None) -> None:
    if expires_on is not None and expires_on <= effective_on:
        raise DomainError(
            "window",
            f"expires_on {expires_on} is not after effective_on {effective_on}: it is the first day that no longer "
            "counts.",
            field="expires_on",
        )


def _check_scope(prices: Sequence[str], meters: Sequence[str]) -> None:
    known = {
        "prices": (prices, Price.objects.filter(key__in=prices).values_list("key", flat=True)),
        "meters": (meters, Meter.objects.filter(code__in=meters).values_list("code", flat=True)),
    }
    for field, (named, found) in known.items():
        missing = sorted(set(named) - set(found))
        if missing:
            raise DomainError(
                f"unknown_{field}",
                f"{field}: {', '.join(missing)} is not known; name existing {field}, or leave it empty for all.",
                field=field,
            )


def _paid_minor(kind: str, paid: Decimal | None, amount_minor: int, currency: str) -> int | None:
    if kind == CreditKind.PROMOTIONAL:
        if paid is not None:
            raise DomainError(
                "paid_promotional", "paid: nobody pays for promotional credits; leave it empty.", field="paid"
            )
        return None
    if paid is None:
        return amount_minor
    paid_minor = _minor("paid", paid, currency)
    if paid_minor < 0:
        raise DomainError("paid_negative", f"paid {plain(paid)} is below 0; write what was paid.", field="paid")
    return paid_minor


def _minor(field: str, amount: Decimal, currency: str) -> int:
    try:
        amount_minor = to_minor(parse_decimal(amount, field), currency)
    except CurrencyError as error:
        raise DomainError("unknown_currency", str(error), field="currency") from error
    except NumberError as error:
        raise DomainError("bad_amount", f"{field}: {error.message}", field=field) from error
    if abs(amount_minor) > MAX_MINOR:
        raise DomainError("bad_amount", f"{field} {plain(amount)} is too large; check the currency.", field=field)
    return amount_minor
