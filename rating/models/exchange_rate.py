from django.db import models

from amberflow.model_fields import CurrencyField, UnitPriceField


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in another from a day on; turns provider cost into invoice currency."""

    from_currency = CurrencyField()
    to_currency = CurrencyField()
    effective_from = models.DateField()
    rate = UnitPriceField(help_text="to_currency for one from_currency.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["from_currency", "to_currency", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["from_currency", "to_currency", "effective_from"], name="rating_exchangerate_once"
            ),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="rating_exchangerate_positive"),
        ]

    def __str__(self) -> str:
        return f"1 {self.from_currency} = {self.rate.normalize():f} {self.to_currency}"
