"""Credits: money or promises that a customer has with the seller, taken off invoice lines until they are used up.

Everything is in whole minor units of one currency; nothing is rounded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

from amberflow.lib.money import from_minor

PAID: Literal["paid"] = "paid"
PROMOTIONAL: Literal["promotional"] = "promotional"


class Creditable(Protocol):
    """What a line needs so that a credit can be taken off it; `meter` is empty for a fixed fee."""

    @property
    def position(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def price_key(self) -> str: ...
    @property
    def meter(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """A credit grant with what is left of it.

    It counts on the local days [effective_on, expires_on). Of `prices` (keys) and `meters` (codes) a line needs to
    be named by one; with neither, every line is covered.
    """

    id: int
    name: str
    kind: Literal["paid", "promotional"]
    balance_minor: int
    priority: int
    effective_on: date
    expires_on: date | None
    created_at: datetime
    prices: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()

    def is_in_force(self, on: date) -> bool:
        """Whether it counts on a local day."""
        return self.effective_on <= on and (self.expires_on is None or on < self.expires_on)

    def covers(self, line: Creditable) -> bool:
        """Whether the line is in its scope."""
        if not self.prices and not self.meters:
            return True
        return line.price_key in self.prices or (bool(line.meter) and line.meter in self.meters)


@dataclass(frozen=True, slots=True)
class Application:
    """So much of one grant taken off one line; `text` explains it, `left_minor` stays on the grant."""

    grant: int
    name: str
    kind: Literal["paid", "promotional"]
    position: int
    amount_minor: int
    left_minor: int
    text: str


@dataclass(frozen=True, slots=True)
class Credited:
    """What was taken off which line, in the order in which it was done, and one sentence on each grant."""

    applications: tuple[Application, ...] = ()
    explanation: tuple[str, ...] = ()

    def of_line(self, position: int) -> tuple[Application, ...]:
        """What was taken off one line."""
        return tuple(one for one in self.applications if one.position == position)


@dataclass(frozen=True, slots=True)
class Used:
    """What one grant takes off a whole invoice."""

    grant: int
    name: str
    kind: str
    amount_minor: int


def used_by_grant(credits_of_lines: Iterable[Sequence[Mapping[str, Any]]]) -> tuple[Used, ...]:
    """The credits that invoice lines keep, added up by grant, in order of first use."""
    used: dict[int, Used] = {}
    for credits in credits_of_lines:
        for credit in credits:
            before = used[credit["grant"]].amount_minor if credit["grant"] in used else 0
            amount_minor = before + credit["amount_minor"]
            used[credit["grant"]] = Used(credit["grant"], credit["name"], credit["kind"], amount_minor)
    return tuple(used.values())


def in_order(grants: Iterable[Grant]) -> list[Grant]:
    """By priority (lower first), then what expires first (never comes last), then the older."""
    return sorted(
        grants,
        key=lambda grant: (
            grant.priority,
            grant.expires_on is None,
            grant.expires_on or date.max,
            grant.created_at,
            grant.id,
        ),
    )


def apply_credits(lines: Sequence[Creditable], grants: Iterable[Grant], *, on: date, currency: str) -> Credited:
    """Take the grants that are in force on the local day `on` off the lines, in order of position.

    Each line is filled before the next. None goes below zero, nor does their sum; what isn't needed stays on the grant.
    """
    desk = _Desk(currency, sorted(lines, key=lambda line: line.position))
    for grant in in_order(grants):
        desk.use(grant, on)
    return Credited(tuple(desk.applications), tuple(desk.explanation))


@dataclass
class _Desk:
    """The lines with what is left to pay of each, while grants are used one after the other."""

    currency: str
    lines: Sequence[Creditable]
    applications: list[Application] = field(default_factory=list)
    explanation: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open = {line.position: max(line.amount_minor, 0) for line in self.lines}
        # A line below zero already lowers the invoice, which credits must not turn into a debt to the customer.
        self.total_open = max(sum(line.amount_minor for line in self.lines), 0)

    def use(self, grant: Grant, on: date) -> None:
        if grant.balance_minor <= 0:
            return
        covered = [line for line in self.lines if grant.covers(line)]
        if not grant.is_in_force(on):
            self._pass_over(grant, f"counts {_window(grant)}, and the invoice's last day is {on}")
        elif not covered:
            self._pass_over(grant, "covers none of the lines")
        else:
            self._fill(grant, covered)

    def _fill(self, grant: Grant, covered: Sequence[Creditable]) -> None:
        left = grant.balance_minor
        for line in covered:
            before, due = left, self.open[line.position]
            taken = min(before, due, self.total_open)
            if not taken:
                continue
            left -= taken
            self.open[line.position] -= taken
            self.total_open -= taken
            text = (
                f"Credit {grant.name} ({grant.kind}) with {self._money(before)}: {self._money(taken)} off the "
                f"{self._money(due)} to pay; {self._money(left)} of it left"
            )
            self.applications.append(Application(grant.id, grant.name, grant.kind, line.position, taken, left, text))
        if left == grant.balance_minor:
            self._pass_over(grant, "found nothing left to pay on the lines that it covers")
        else:
            used = grant.balance_minor - left
            self.explanation.append(f"Credit {grant.name}: {self._money(used)} used, {self._money(left)} left.")

    def _pass_over(self, grant: Grant, why: str) -> None:
        self.explanation.append(f"Credit {grant.name}: not used, it {why}; {self._money(grant.balance_minor)} left.")

    def _money(self, amount_minor: int) -> str:
        return f"{from_minor(amount_minor, self.currency):,f} {self.currency}"


def _window(grant: Grant) -> str:
    until = "" if grant.expires_on is None else f" up to, not including, {grant.expires_on}"
    return f"from {grant.effective_on}{until}"
