"""What a billing run did, row by row, for whoever started it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

DRAFTED, UNCHANGED, NO_USAGE, RATED, REMOVED = "drafted", "unchanged", "nothing to bill", "rated", "removed"
FINALIZED, HELD_BACK, PUSHED, FAILED = "finalized", "held back", "pushed", "FAILED"

NEEDS_ATTENTION = (HELD_BACK, FAILED)


@dataclass(frozen=True, slots=True)
class RunRow:
    """What was done for one period or invoice; `detail` says why, `amount` what it comes to."""

    customer: str
    what: str
    result: str
    amount: str = ""
    detail: str = ""


@dataclass(slots=True)
class RunSummary:
    """The rows of one run, in order. `on_row` is told of each as soon as its work is committed.

    `passed_by` counts what a run had no reason to look at: it is unchanged and has no row.
    """

    on_row: Callable[[RunRow], None] | None = None
    passed_by: int = 0
    rows: list[RunRow] = field(default_factory=list)

    def add(self, row: RunRow) -> None:
        self.rows.append(row)
        if self.on_row is not None:
            self.on_row(row)

    @property
    def counts(self) -> dict[str, int]:
        """How many had each result."""
        counts = Counter(row.result for row in self.rows)
        if self.passed_by:
            counts[UNCHANGED] += self.passed_by
        return dict(counts)

    @property
    def needs_attention(self) -> list[RunRow]:
        """What a person has to look at."""
        return [row for row in self.rows if row.result in NEEDS_ATTENTION]

    def __str__(self) -> str:
        return ", ".join(f"{count} {result}" for result, count in self.counts.items()) or "nothing to do"
