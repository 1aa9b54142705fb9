"""Other names of customers than their external id: what apps know that metering must not import, handed to it here."""

from collections.abc import Callable, Mapping, Sequence

# Of those references that it knows, whose they are: reference → primary key of the customer.
NamesFunction = Callable[[Sequence[str]], Mapping[str, int]]
_functions: list[NamesFunction] = []


def add_customer_names(function: NamesFunction) -> None:
    """Have the function asked for references that are no customer's external id; the first that was added wins."""
    if function not in _functions:
        _functions.append(function)


def find_named(references: Sequence[str]) -> dict[str, int]:
    """The customers of those references that anybody knows."""
    found: dict[str, int] = {}
    for function in _functions:
        missing = [reference for reference in references if reference not in found]
        if missing:
            found |= function(missing)
    return found
