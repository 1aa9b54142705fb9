"""How the credits of all customers moved in a range of days: what finance books as deferred revenue and breakage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from django.db.models import Q, Sum

from amberflow.lib.money import round_to_places, use_money_context
from invoicing.models import CreditEntry, CreditKind

Kind = CreditEntry.Kind
MOVEMENTS = (Kind.GRANTED, Kind.APPLIED, Kind.RESTORED, Kind.EXPIRED, Kind.REVOKED)


@dataclass(frozen=True, slots=True)
class CreditMovement:
    """The credits of one kind and currency, signed, in minor units: opening + the five movements = closing.

    `breakage_minor` is what customers paid for what expired: revenue without usage. None for promotional credits,
    whose expiry costs nobody anything.
    """

    currency: str
    kind: str
    opening: int
    granted: int
    applied: int
    restored: int
    expired: int
    revoked: int
    closing: int
    breakage_minor: int | None

    @property
    def label(self) -> str:
        """The kind in words."""
        return str(CreditKind(self.kind).label)

    @property
    def difference(self) -> int:
        """Zero when the movements explain the closing balance."""
        moved = self.granted + self.applied + self.restored + self.expired + self.revoked
        return self.opening + moved - self.closing


def credit_movements(*, start: date, end: date) -> list[CreditMovement]:
    """The movements booked on the UTC days [start, end), per currency and kind; those with nothing at all are left
    out."""
    begin, until = (datetime.combine(day, time(), UTC) for day in (start, end))
    inside = Q(at__gte=begin, at__lt=until)
    sums = (
        CreditEntry.objects.filter(at__lt=until)
        .order_by()
        .values("grant__currency", "grant__kind")
        .annotate(
            opening=Sum("amount_minor", filter=Q(at__lt=begin), default=0),
            closing=Sum("amount_minor", default=0),
            **{f"of_{kind}": Sum("amount_minor", filter=inside & Q(kind=kind), default=0) for kind in MOVEMENTS},
        )
    )
    breakage = breakage_by_currency(start=start, end=end)
    rows = [
        CreditMovement(
            currency=row["grant__currency"],
            kind=row["grant__kind"],
            opening=int(row["opening"]),
            closing=int(row["closing"]),
            breakage_minor=breakage.get(row["grant__currency"], 0) if row["grant__kind"] == CreditKind.PAID else None,
            **{str(kind): int(row[f"of_{kind}"]) for kind in MOVEMENTS},  # type: ignore[literal-required]  # as annotated
        )
        for row in sums.order_by("grant__currency", "grant__kind")
    ]
    return [row for row in rows if row.opening or row.closing or any(getattr(row, kind) for kind in MOVEMENTS)]


def breakage_by_currency(*, start: date, end: date) -> dict[str, int]:
    """What was paid for the credits that expired on the UTC days [start, end), in minor units by currency."""
    totals: dict[str, int] = {}
    for currency, amount in _breakages(start, end):
        totals[currency] = totals.get(currency, 0) + amount
    return totals


def breakage_of(*, expired_minor: int, amount_minor: int, paid_minor: int) -> int:
    """The part of the price of a grant that belongs to what expired of it: paid × expired ÷ granted, rounded."""
    with use_money_context():
        return int(round_to_places(Decimal(paid_minor) * expired_minor / amount_minor, 0))


def _breakages(start: date, end: date) -> Iterator[tuple[str, int]]:
    begin, until = (datetime.combine(day, time(), UTC) for day in (start, end))
    expired = CreditEntry.objects.filter(
        kind=Kind.EXPIRED, grant__kind=CreditKind.PAID, at__gte=begin, at__lt=until
    ).select_related("grant")
    for entry in expired.order_by("pk").iterator():
        grant = entry.grant
        yield (
            grant.currency,
            breakage_of(
                expired_minor=-entry.amount_minor, amount_minor=grant.amount_minor, paid_minor=grant.paid_minor or 0
            ),
        )
