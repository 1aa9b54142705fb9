"""What the meters of an event type need to be kept of each event beside its sums."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from amberflow.lib.errors import DomainError
from metering.meters import measures_of, stat_of
from metering.models import Meter
from metering.models.meter import Aggregation


@dataclass(frozen=True, slots=True)
class Needs:
    """By name of the property: `stats` with the measures whose sum is the value of one event, those of them in `kept`
    with each single value; `uniques` with the distinct texts."""

    stats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    uniques: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.stats or self.uniques)


NOTHING = Needs()


@dataclass(frozen=True, slots=True)
class KeptTypes:
    """The codes of the event types of which more than sums is kept, and of those whose level is carried over."""

    stats: frozenset[str]
    levels: frozenset[str]


def needing_meters() -> QuerySet[Meter]:
    """The meters for which sums are not enough."""
    return Meter.objects.filter(~Q(aggregation__in=(Aggregation.SUM, Aggregation.COUNT)) | Q(keep_amounts=True))


def kept_types() -> KeptTypes:
    """Of which event types meters need more than sums. One query."""
    found = list(needing_meters().values_list("event_type__code", "carries_over"))
    return KeptTypes(
        stats=frozenset(code for code, _ in found),
        levels=frozenset(code for code, carries_over in found if carries_over),
    )


def all_needs() -> dict[int, Needs]:
    """What is needed, by id of the event type; types whose meters need only sums are left out. One query."""
    by_type: dict[int, list[Meter]] = {}
    for meter in needing_meters().select_related("event_type").order_by("pk"):
        by_type.setdefault(meter.event_type_id, []).append(meter)
    found = ((event_type, needs_of(members)) for event_type, members in by_type.items())
    return {event_type: needs for event_type, needs in found if needs}


def needs_of(meters: Iterable[Meter]) -> Needs:
    """What these meters of one event type need."""
    stats: dict[str, tuple[str, ...]] = {}
    kept, uniques = set(), set()
    for meter in meters:
        name = stat_of(meter)
        if not name:
            continue
        if meter.aggregation == Aggregation.UNIQUE_COUNT:
            uniques.add(name)
            continue
        try:
            stats[name] = measures_of(meter)
        except DomainError:
            # Nothing can be kept of a property that no event carries. No price can use the meter either.
            continue
        if meter.keep_amounts:
            kept.add(name)
    return Needs(stats, frozenset(kept), tuple(sorted(uniques)))
