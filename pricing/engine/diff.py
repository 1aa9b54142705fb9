"""What is different between two versions of a plan: prices added, removed and changed, field by field and tier by
tier."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal, plain
from pricing.engine.price import Price, Tier

Document = Mapping[str, Any]
# Wide enough for any unit price; what can't be read as a number is compared as it is written.
_PLACES = 18


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field's value before and after, as in the documents; None where it is not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TierChange:
    """The n-th tier of both prices side by side, None where there is none; `fields` are those that differ."""

    number: int
    before: Document | None
    after: Document | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price that both versions have under the same key, with other values.

    `tiers` are all tiers of both if any of them differs, else empty.
    """

    key: str
    before: Document
    after: Document
    fields: tuple[FieldChange, ...]
    tiers: tuple[TierChange, ...]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions compared, in order of the newer one's prices, then of the older one's."""

    added: tuple[tuple[str, Document], ...]
    removed: tuple[tuple[str, Document], ...]
    changed: tuple[PriceChange, ...]
    unchanged: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both versions charge the same."""
        return not (self.added or self.removed or self.changed)


def diff_versions(old: Mapping[str, Document], new: Mapping[str, Document]) -> VersionDiff:
    """Compare two versions, given as price documents by price key.

    A document may hold more than the engine reads (a name, a place in the order). A missing field is one at its
    default, and numbers are compared by value: 1.50 is 1.5.
    """
    changed = []
    unchanged = []
    for key, after in new.items():
        if key not in old:
            continue
        change = _compare(key, old[key], after)
        if change.fields or change.tiers:
            changed.append(change)
        else:
            unchanged.append(key)
    return VersionDiff(
        added=tuple((key, document) for key, document in new.items() if key not in old),
        removed=tuple((key, document) for key, document in old.items() if key not in new),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
    )


def _compare(key: str, before: Document, after: Document) -> PriceChange:
    names = dict.fromkeys([*after, *before])
    names.pop("tiers", None)
    changes = [
        FieldChange(name, _value(before, name, _DEFAULTS), _value(after, name, _DEFAULTS))
        for name in names
        if _normal(_value(before, name, _DEFAULTS)) != _normal(_value(after, name, _DEFAULTS))
    ]
    return PriceChange(
        key, before, after, tuple(changes), _compare_tiers(before.get("tiers") or (), after.get("tiers") or ())
    )


def _compare_tiers(before: Sequence[Document], after: Sequence[Document]) -> tuple[TierChange, ...]:
    rows = []
    for n in range(max(len(before), len(after))):
        old = before[n] if n < len(before) else None
        new = after[n] if n < len(after) else None
        rows.append(TierChange(n + 1, old, new, _different_fields(old or {}, new or {})))
    is_same = len(before) == len(after) and not any(row.fields for row in rows)
    return () if is_same else tuple(rows)


def _different_fields(before: Document, after: Document) -> tuple[str, ...]:
    return tuple(
        name
        for name in dict.fromkeys([*before, *after])
        if _normal(_value(before, name, _TIER_DEFAULTS)) != _normal(_value(after, name, _TIER_DEFAULTS))
    )


def _value(document: Document, name: str, defaults: Mapping[str, Any]) -> Any:
    value = document.get(name)
    return defaults.get(name) if value is None else value


def _normal(value: Any) -> Any:
    """The value in the form that equal ones share."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return {name: _normal(item) for name, item in value.items()} or None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_normal(item) for item in value] or None
    try:
        return plain(parse_decimal(value, places=_PLACES))
    except NumberError:
        return value


def _defaults_of(values: type[Price] | type[Tier]) -> dict[str, Any]:
    found = {field.name: field.default for field in fields(values) if field.default is not MISSING}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in found.items()}


_DEFAULTS = _defaults_of(Price)
_TIER_DEFAULTS = _defaults_of(Tier)
