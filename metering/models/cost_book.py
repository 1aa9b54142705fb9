from django.db import models

from amberflow.model_fields import UnitPriceField


class CostModel(models.Model):
    """One model of one provider in the cost book."""

    provider = models.CharField(max_length=64)
    name = models.CharField("model", max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["provider", "name"]
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="metering_costmodel_name")]

    def __str__(self) -> str:
        return f"{self.provider} / {self.name}"


class CostRate(models.Model):
    """What the provider charges for one unit of a model, from when, and since when that is known.

    Rates are only added. The one in force for a call is, of those effective at `occurred_at`, the one of the strongest
    source, then the latest effective, then the latest known. `above_input_tokens` is the size of the single
    call's input above which the rate is charged for the whole call.
    """

    model = models.ForeignKey(CostModel, on_delete=models.PROTECT, related_name="rates")
    unit = models.CharField(max_length=40, help_text="What is charged for, like input_mtok (per million input tokens).")
    price = UnitPriceField(help_text="In the cost book's currency, per `per` units.")
    per = models.PositiveIntegerField(default=1_000_000)
    above_input_tokens = models.PositiveIntegerField(default=0)
    effective_from = models.DateField(null=True, blank=True, help_text="First day (UTC); empty: since ever.")
    from_time = models.TimeField(
        null=True, blank=True, help_text="Time of day (UTC) from which it holds, if it depends on it."
    )
    until_time = models.TimeField(null=True, blank=True)
    known_since = models.DateTimeField()
    source = models.CharField(max_length=60, help_text="Where the rate is from, like genai-prices 0.2.3, or own.")
    priority = models.SmallIntegerField(
        default=0, help_text="Of the source: own and contract rates override the default book."
    )

    class Meta:
        ordering = ["model", "unit", "above_input_tokens", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "model",
                    "unit",
                    "above_input_tokens",
                    "effective_from",
                    "from_time",
                    "source",
                    "known_since",
                ],
                nulls_distinct=False,
                name="metering_costrate_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.unit}"
