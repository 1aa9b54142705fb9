"""Names that people gave to models: deployments, gateways' routes, models of one's own. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from metering.costbook.match import provider_id

MANY = "*"


@dataclass(frozen=True)
class Alias:
    """Calls of models named like `pattern` (in lower case, `*` for any text) cost what a model of the book costs.

    `provider` (as its clients or as the catalogue name it) limits it to calls of that provider; empty: any.
    `sold_by` is the provider of the book's model.
    """

    provider: str
    pattern: str
    cost_model_id: int
    sold_by: str

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, self.pattern.split(MANY))), re.DOTALL)

    def matches(self, *, provider: str, model: str) -> bool:
        """Whether it is meant for a call, by the names that its client sent."""
        sent = provider.strip().lower()
        if self.provider and self.provider != sent and provider_id(self.provider) != provider_id(sent):
            return False
        return self._expression.fullmatch(model.strip().lower()) is not None


def strongest_first(aliases: Iterable[Alias]) -> tuple[Alias, ...]:
    """In the order in which they are tried: for one provider before any, whole names before
    patterns, the longer first."""
    return tuple(
        sorted(
            aliases,
            key=lambda each: (not each.provider, MANY in each.pattern, -len(each.pattern), each.pattern, each.provider),
        )
    )
