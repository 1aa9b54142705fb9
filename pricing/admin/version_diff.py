"""The difference between two plan versions, ready to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amberflow.admin_base import Panel
from amberflow.formats import NONE, number_text
from amberflow.lib.money import NumberError, parse_decimal
from amberflow.templatetags.back_office import unit_of
from metering.models import Meter
from pricing.engine.diff import PriceChange, TierChange, VersionDiff
from pricing.engine.document import DocumentError, parse_price
from pricing.engine.price import Tier
from pricing.engine.summary import summarize
from pricing.models import Price, PriceTier

TEMPLATE = "admin/pricing/planversion/diff.html"
_CHOICES = {
    field.name: dict(field.flatchoices) for field in Price._meta.concrete_fields if getattr(field, "choices", None)
}


@dataclass(frozen=True, slots=True)
class TierTable:
    """The tiers of both versions side by side: `columns` are labels, rows hold a pair of (cells, class) each."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]], ...]


def diff_panel(diff: VersionDiff, *, before: str, after: str) -> Panel:
    """The difference as a part of a page; `before` and `after` name the versions."""
    units = dict(Meter.objects.values_list("code", "unit"))
    documents = [document for _, document in (*diff.added, *diff.removed)] + [change.after for change in diff.changed]
    return Panel(
        TEMPLATE,
        {
            "currency": next((document["currency"] for document in documents), ""),
            "is_empty": diff.is_empty,
            "before": before,
            "after": after,
            "added": [_whole(key, document, units) for key, document in diff.added],
            "removed": [_whole(key, document, units) for key, document in diff.removed],
            "changed": [_changed(change, units) for change in diff.changed],
            "unchanged": len(diff.unchanged),
        },
    )


def diff_words(diff: VersionDiff) -> str:
    """The difference in a few words, like “1 price added, 2 changed”."""
    counts = [(len(diff.added), "added"), (len(diff.removed), "removed"), (len(diff.changed), "changed")]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no difference"


def _whole(key: str, document: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, Any]:
    return {"key": key, "name": document.get("name", key), "lines": _lines(document, units)}


def _lines(document: Mapping[str, Any], units: Mapping[str, str]) -> tuple[str, ...]:
    try:
        price = parse_price({name: value for name, value in document.items() if name != "name"})
        return summarize(price, units.get(price.meter or "", "unit"))
    except DocumentError as error:
        return (f"not whole yet: {error}",)


def _changed(change: PriceChange, units: Mapping[str, str]) -> dict[str, Any]:
    return {
        "key": change.key,
        "name": change.after.get("name", change.key),
        "unit": _unit(change.after, units),
        "fields": [
            (_label(field.field, Price), _text(field.field, field.before), _text(field.field, field.after))
            for field in change.fields
        ],
        "tiers": _tier_table(change.tiers) if change.tiers else None,
    }


def _unit(document: Mapping[str, Any], units: Mapping[str, str]) -> str:
    """What tiers count and unit prices are for: token, or 1,000,000 tokens; nothing for a fee."""
    unit = units.get(document.get("meter") or "")
    if unit is None:
        return ""
    return unit_of(parse_decimal(document.get("unit_scale") or "1"), unit)


def _tier_table(tiers: Sequence[TierChange]) -> TierTable:
    used = [
        name
        for name in Tier.__dataclass_fields__
        if name == "up_to" or any(_has(row.before, name) or _has(row.after, name) for row in tiers)
    ]
    return TierTable(
        columns=tuple(_label(name, PriceTier) for name in used),
        rows=tuple((row.number, _cells(row.before, row, used), _cells(row.after, row, used)) for row in tiers),
    )


def _cells(tier: Mapping[str, Any] | None, row: TierChange, names: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    is_alone = row.before is None or row.after is None
    if tier is None:
        return tuple(("", False) for _ in names)
    return tuple(
        (
            "no end" if name == "up_to" and tier.get(name) is None else _text(name, tier.get(name)),
            is_alone or name in row.fields,
        )
        for name in names
    )


def _has(tier: Mapping[str, Any] | None, name: str) -> bool:
    return tier is not None and tier.get(name) not in (None, "0")


def _label(name: str, model: type[Price] | type[PriceTier]) -> str:
    """The words that the form has for the field."""
    columns = {field.name: field for field in model._meta.concrete_fields}
    label = str(columns[name].verbose_name) if name in columns else name.replace("_", " ")
    return label[:1].upper() + label[1:]


def _text(name: str, value: Any) -> str:
    """A document's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {', '.join(map(str, values))}" for key, values in value.items()) or NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or NONE
    if value is None or value == "":
        return NONE
    if name in _CHOICES:
        return str(_CHOICES[name].get(value, value))
    try:
        return number_text(parse_decimal(value, places=18))
    except NumberError:
        return str(value)
