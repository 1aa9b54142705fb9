"""Form fields for dimension values, written as people would: one dimension a line, like `model: gpt-4o, o3`."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

_EXAMPLE = "model: gpt-4o, o3"


class FilterField(forms.CharField):
    """A filter: dimensions with the values that the price is for. JSON is read too."""

    widget: type[forms.Widget] = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if all(_is_plain(str(item)) for values in value.values() for item in values):
            return "\n".join(f"{name}: {', '.join(map(str, values))}" for name, values in value.items())
        return json.dumps(value, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        if text.lstrip().startswith("{"):
            return _read_json(text)
        found: dict[str, list[str]] = {}
        for line in filter(str.strip, text.splitlines()):
            name, values = _split(line)
            found.setdefault(name, []).extend(values)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or {}) != self._read_or_text(data)

    def _read_or_text(self, data: Any) -> Any:
        try:
            return self.to_python(data)
        except forms.ValidationError:
            return data


class DimensionsField(FilterField):
    """One value for each dimension, like that of usage or of a line's group: `model: gpt-4o, feature: chat`."""

    widget = forms.TextInput

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if all(_is_plain(str(item)) for item in value.values()):
            return ", ".join(f"{name}: {item}" for name, item in value.items())
        return json.dumps(value, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        text = forms.CharField.to_python(self, value) or ""
        if text.lstrip().startswith("{"):
            found = _read_json(text)
        else:
            found = {}
            for part in filter(str.strip, text.split(",")):
                name, values = _split(part)
                found[name] = values[0]
        for name, item in found.items():
            if not isinstance(item, str):
                raise forms.ValidationError(f"{name} needs one value: write it like “model: gpt-4o, feature: chat”.")
        return found


def _split(line: str) -> tuple[str, list[str]]:
    # Some write “model = gpt-4o”; whichever sign comes first divides.
    sign = min((sign for sign in ":=" if sign in line), key=line.index, default=":")
    name, colon, rest = line.partition(sign)
    values = [value.strip() for value in rest.split(",") if value.strip()]
    if not colon or not name.strip() or not values:
        raise forms.ValidationError(f"“{line.strip()}” is no dimension with values: write it like “{_EXAMPLE}”.")
    return name.strip(), values


def _read_json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise forms.ValidationError(f"That is no valid JSON ({error}): write it like “{_EXAMPLE}”.") from None
    return found


def _is_plain(value: str) -> bool:
    """Whether the value can stand in a list without being taken for several or cut."""
    return bool(value) and value == value.strip() and not set(value) & {",", "\n", "\r"} and value[0] != "{"
