"""What the forms of negotiated terms share: the service checks before anything is saved, and JSON is readable."""

import json
from typing import Any

from django import forms
from django.db import models

from amberflow.lib.errors import DomainError


class IndentedJSONField(forms.JSONField):
    """JSON over several lines; nothing is an empty field."""

    rows = 4

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs["rows"] = self.rows

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return ""
        if isinstance(value, dict | list):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else json.dumps(value)
        return super().prepare_value(value)


class CheckedForm(forms.ModelForm):
    """A form whose whole instance `check` looks at; what it refuses is an error at its field."""

    def check(self, instance: Any) -> None:
        """Raises DomainError."""
        raise NotImplementedError

    def complete(self, instance: Any, values: dict[str, Any]) -> None:
        """Fill in what the form doesn't ask for."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        for name, value in values.items():
            if not isinstance(self.instance._meta.get_field(name), models.ManyToManyField):
                setattr(self.instance, name, value)
        self.complete(self.instance, values)
        try:
            self.check(self.instance)
        except DomainError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
        return values
