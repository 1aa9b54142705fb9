"""What an invoice comes to. Pure: integers of minor units and exact fractions in, integers out."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from amberflow.stripe_standin.store import Obj

# ISK and UGX have no minor unit in use, but Stripe's API writes them with two places.
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


def exponent(currency: str) -> int:
    """How many decimal places the minor unit of a currency stands for: JPY 0, USD 2, KWD 3."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def format_minor(amount_minor: int, currency: str) -> str:
    """`1234.50 USD` for 123450 cents."""
    places = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{part:0{places}d}" if places else "")
    return f"{'-' if amount_minor < 0 else ''}{digits} {currency.upper()}"


def round_half_away(value: Fraction) -> int:
    """The nearest integer; a half goes away from zero."""
    whole = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return whole if value >= 0 else -whole


@dataclass(frozen=True)
class Rate:
    """A tax rate; `percentage` of 100."""

    id: str
    percentage: Fraction
    inclusive: bool


@dataclass(frozen=True)
class Tax:
    """The tax of one rate on an invoice, in minor units."""

    rate: Rate
    taxable: int
    amount: int

    def as_json(self) -> Obj:
        return {
            "amount": self.amount,
            "tax_behavior": "inclusive" if self.rate.inclusive else "exclusive",
            "tax_rate_details": {"tax_rate": self.rate.id},
            "taxability_reason": "not_available",
            "taxable_amount": self.taxable,
            "type": "tax_rate_details",
        }


@dataclass(frozen=True)
class Totals:
    """Minor units: the sum of the lines, the taxes, and what is owed before credits."""

    subtotal: int
    taxes: tuple[Tax, ...]

    @property
    def inclusive_tax(self) -> int:
        return sum(tax.amount for tax in self.taxes if tax.rate.inclusive)

    @property
    def exclusive_tax(self) -> int:
        return sum(tax.amount for tax in self.taxes if not tax.rate.inclusive)

    @property
    def total(self) -> int:
        return self.subtotal + self.exclusive_tax


def add_up(lines: Iterable[tuple[int, tuple[Rate, ...]]]) -> Totals:
    """Totals of lines given as amount and tax rates; each rate is rounded once, on the sum of its lines."""
    subtotal = 0
    taxable: dict[Rate, int] = {}
    exact: dict[Rate, Fraction] = {}
    for amount, rates in lines:
        subtotal += amount
        included = sum((rate.percentage for rate in rates if rate.inclusive), Fraction(0))
        net = amount * 100 / (100 + included)
        for rate in rates:
            taxable[rate] = taxable.get(rate, 0) + amount
            exact[rate] = exact.get(rate, Fraction(0)) + net * rate.percentage / 100
    return Totals(subtotal, tuple(Tax(rate, taxable[rate], round_half_away(exact[rate])) for rate in taxable))
