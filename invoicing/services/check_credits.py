"""Proves the credit ledger: each balance from its entries, and the entries from what the invoices say."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Sum

from amberflow.formats import minor_text
from invoicing.balances import engine_grant, with_balances
from invoicing.engine.credits import Grant
from invoicing.models import CreditEntry, CreditGrant, Invoice, InvoiceLine, InvoiceStatus

Kind = CreditEntry.Kind
# A line of an invoice, and a grant.
Spending = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CreditCheck:
    """How many grants and entries were looked at, and what is not as it must be."""

    grants: int
    entries: int
    differences: tuple[str, ...]


def check_credits() -> CreditCheck:
    """Work out each balance from its entries, and compare what was spent with what the invoices say. Writes nothing."""
    differences = [*_check_grants(), *_check_lines(), *_check_invoices()]
    return CreditCheck(CreditGrant.objects.count(), CreditEntry.objects.count(), tuple(differences))


def compare_spent_grants(*, invoice: Invoice, grants: Sequence[Grant]) -> Iterator[str]:
    """Differences between the grants that an invoice was computed with, the grants themselves, and the ledger.

    `grants` have the balances of then: what the ledger had before the invoice spent from it.
    """
    kept = {grant.id: grant for grant in grants}
    rows = with_balances(CreditGrant.objects.filter(pk__in=kept))
    for now in map(engine_grant, rows):
        then = kept.pop(now.id)
        for name in ("name", "kind", "priority", "effective_on", "expires_on", "created_at", "prices", "meters"):
            if getattr(then, name) != getattr(now, name):
                yield f"grant {now.id}: {name} was {getattr(then, name)}, is {getattr(now, name)}"
        yield from _compare_balance(invoice, then)
    for missing in kept:
        yield f"grant {missing}: used, but there is no such grant"
    lines = InvoiceLine.objects.filter(invoice=invoice)
    yield from _compare_spendings(_said(lines), _booked(Kind.APPLIED, invoice), "applied")
    given_back = _booked(Kind.RESTORED, invoice)
    wanted = _booked(Kind.APPLIED, invoice) if invoice.status == InvoiceStatus.VOID else Counter()
    yield from _compare_spendings(wanted, given_back, "restored")


def _compare_balance(invoice: Invoice, then: Grant) -> Iterator[str]:
    first = invoice.credit_entries.filter(grant_id=then.id, kind=Kind.APPLIED).order_by("pk").first()
    if first is None:
        return
    before = CreditEntry.objects.filter(grant_id=then.id, pk__lt=first.pk)
    balance = before.aggregate(balance=Sum("amount_minor", default=0))["balance"]
    if balance != then.balance_minor:
        yield f"grant {then.id}: had {then.balance_minor} left for the invoice, the ledger says {balance}"


def _check_grants() -> Iterator[str]:
    for grant in CreditGrant.objects.prefetch_related("entries").order_by("pk").iterator(chunk_size=500):
        entries = list(grant.entries.all())
        granted = [entry.amount_minor for entry in entries if entry.kind == Kind.GRANTED]
        if granted != [grant.amount_minor] or entries[0].kind != Kind.GRANTED:
            yield f"grant {grant.pk}: its ledger does not begin with the {grant.amount_minor} that were granted"
        balance = 0
        for entry in sorted(entries, key=lambda entry: entry.pk):
            balance += entry.amount_minor
            if balance < 0:
                yield f"grant {grant.pk}: overspent by {minor_text(-balance, grant.currency)} in entry {entry.pk}"


def _check_lines() -> Iterator[str]:
    """What final lines say was taken by which grant, against the entries; void invoices gave back all of it."""
    final = InvoiceLine.objects.exclude(invoice__status=InvoiceStatus.DRAFT)
    booked = _booked(Kind.APPLIED)
    yield from _compare_spendings(_said(final), booked, "applied")
    void = set(
        CreditEntry.objects.filter(invoice__status=InvoiceStatus.VOID, kind=Kind.APPLIED).values_list(
            "invoice_line_id", flat=True
        )
    )
    wanted = Counter({place: amount for place, amount in booked.items() if place[0] in void})
    yield from _compare_spendings(wanted, _booked(Kind.RESTORED), "restored")


def _check_invoices() -> Iterator[str]:
    sums = Invoice.objects.annotate(
        lines_minor=Sum("lines__amount_minor", default=0), taken_minor=Sum("lines__credit_minor", default=0)
    )
    wrong = sums.exclude(
        subtotal_minor=F("lines_minor"),
        credits_minor=F("taken_minor"),
        total_minor=F("lines_minor") - F("taken_minor"),
    )
    for invoice in wrong.order_by("pk"):
        yield (
            f"invoice {invoice}: {invoice.subtotal_minor} - {invoice.credits_minor} = {invoice.total_minor}, "
            f"its lines say {invoice.lines_minor} - {invoice.taken_minor}"
        )
    foreign = CreditEntry.objects.filter(invoice__isnull=False).exclude(
        Q(invoice__customer=F("grant__customer"))
        & Q(invoice__currency=F("grant__currency"))
        & Q(invoice_line__invoice=F("invoice"))
    )
    for entry in foreign.order_by("pk"):
        yield f"grant {entry.grant_id}: entry {entry.pk} is of another customer's, currency's or invoice's line"


def _said(lines: QuerySet[InvoiceLine]) -> Counter[Spending]:
    said: Counter[Spending] = Counter()
    rows = lines.filter(credit_minor__gt=0).order_by().values_list("pk", "credits")
    for line, credits in rows.iterator():
        for credit in credits:
            said[line, credit["grant"]] += credit["amount_minor"]
    return said


def _booked(kind: str, invoice: Invoice | None = None) -> Counter[Spending]:
    entries = CreditEntry.objects.filter(kind=kind)
    if invoice is not None:
        entries = entries.filter(invoice=invoice)
    booked: Counter[Spending] = Counter()
    for line, grant, amount in entries.order_by().values_list("invoice_line_id", "grant_id", "amount_minor").iterator():
        booked[line, grant] += abs(amount)
    return booked


def _compare_spendings(wanted: Counter[Spending], booked: Counter[Spending], word: str) -> Iterator[str]:
    for line, grant in sorted(wanted.keys() | booked.keys()):
        if wanted[line, grant] != booked[line, grant]:
            yield (
                f"grant {grant}: {word} {booked[line, grant]} minor units by the ledger on invoice line {line}, "
                f"{wanted[line, grant]} by the invoice"
            )
