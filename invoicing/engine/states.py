"""Which state of an invoice can follow which. The names are Stripe's."""

from amberflow.lib.errors import DomainError

DRAFT, OPEN, PAID, VOID, UNCOLLECTIBLE = "draft", "open", "paid", "void", "uncollectible"

TRANSITIONS: dict[str, tuple[str, ...]] = {
    DRAFT: (OPEN,),
    OPEN: (PAID, VOID, UNCOLLECTIBLE),
    UNCOLLECTIBLE: (PAID, VOID),
    PAID: (),
    VOID: (),
}


def can_become(current: str, wanted: str) -> bool:
    """Whether an invoice in state `current` can go to `wanted` directly."""
    return wanted in TRANSITIONS[current]


def check_transition(current: str, wanted: str) -> None:
    """Raises DomainError, naming both states and what is possible, unless `wanted` can follow `current`."""
    if can_become(current, wanted):
        return
    possible = " or ".join(TRANSITIONS[current])
    remedy = f"from {current} it can only become {possible}." if possible else f"{current} is its last state."
    raise DomainError("wrong_status", f"The invoice can't go from {current} to {wanted}: {remedy}", field="status")


def can_be_void(current: str, total_minor: int) -> bool:
    """Whether an invoice can be taken back: also a paid one, if nothing was to pay as credits paid it all."""
    return can_become(current, VOID) or (current == PAID and total_minor == 0)


def check_void(current: str, total_minor: int) -> None:
    """Raises DomainError unless an invoice in state `current`, with so much to pay, can be taken back."""
    if not can_be_void(current, total_minor):
        check_transition(current, VOID)
