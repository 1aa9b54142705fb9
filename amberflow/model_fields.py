"""Column types that mean the same everywhere (see docs/glossary.md: quantity, unit price, amount, cost)."""

from typing import Any

from django.db import models

AMOUNT_PLACES = 12
UNIT_PRICE_PLACES = 18
# Provider rates have up to 18 decimals per million tokens, so one token may cost 24 decimals.
COST_PLACES = 24


class _Places(models.DecimalField):
    """A numeric(38, n) column whose n is part of the type."""

    places = AMOUNT_PLACES

    def __init__(self, *args: Any, **options: Any) -> None:
        options.update(max_digits=38, decimal_places=self.places)
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()
        del options["max_digits"], options["decimal_places"]
        return name, f"amberflow.model_fields.{type(self).__name__}", args, options


class AmountField(_Places):
    """A quantity, or an amount in major units: 12 decimals."""


class UnitPriceField(_Places):
    """A price for one unit: 18 decimals."""

    places = UNIT_PRICE_PLACES


class CostField(_Places):
    """A provider cost in the cost book's currency: 24 decimals, so that no call's cost is ever rounded."""

    places = COST_PLACES


class CurrencyField(models.CharField):
    """An ISO 4217 code in capitals."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["max_length"] = 3
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, _path, args, options = super().deconstruct()
        del options["max_length"]
        return name, "amberflow.model_fields.CurrencyField", args, options


def choices_constraint(field: str, choices: type[models.TextChoices], *, name: str) -> models.CheckConstraint:
    """A check that the column holds one of `choices`, whoever writes to it."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)
