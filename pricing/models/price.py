from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models

from amberflow.model_fields import AmountField, UnitPriceField, choices_constraint
from metering.models import Meter
from pricing.models.plan import PlanVersion


class ChargeModel(models.TextChoices):
    FLAT = "flat", "Flat fee"
    PER_UNIT = "per_unit", "Per unit"
    GRADUATED = "graduated", "Graduated tiers"
    VOLUME = "volume", "Volume tiers"


class UnitRounding(models.TextChoices):
    NONE = "none", "None"
    UP = "up", "Up"
    DOWN = "down", "Down"
    HALF_UP = "half_up", "Half up"


class Price(models.Model):
    """How one meter (or a fixed fee) is charged. The row form of a price document."""

    ChargeModel = ChargeModel

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="prices")
    key = models.SlugField(max_length=64, help_text="Short name, unique in the plan version; kept by later versions.")
    name = models.CharField(max_length=120, help_text="What the customer reads on the invoice line.")
    sort_order = models.PositiveSmallIntegerField(default=0)
    model = models.CharField("charge model", max_length=24, choices=ChargeModel)
    meter = models.ForeignKey(
        Meter,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="prices",
        help_text="Empty for a fixed fee.",
    )
    filter = models.JSONField(
        default=dict,
        blank=True,
        help_text='Dimension values that the price is for, like {"model": ["gpt-4o"]}.',
    )
    group_by = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Dimensions that get a line each. Tiers, included units, minimum and maximum count per line.",
    )
    amount = AmountField(null=True, blank=True, help_text="The fixed fee per period.")
    unit_price = UnitPriceField(null=True, blank=True)
    unit_scale = AmountField(
        default=1, validators=[MinValueValidator(0)], help_text="1000000 when prices are per million units."
    )
    unit_rounding = models.CharField(max_length=8, choices=UnitRounding, default=UnitRounding.NONE)
    included_units = AmountField(default=0, help_text="Free in each period, in scaled units.")
    minimum = AmountField(null=True, blank=True)
    maximum = AmountField(null=True, blank=True)
    flat_fee_at_zero = models.BooleanField(default=True, help_text="The first tier's flat fee is due without usage.")

    class Meta:
        ordering = ["plan_version_id", "sort_order", "key"]
        constraints = [
            models.UniqueConstraint(fields=["plan_version", "key"], name="pricing_price_key"),
            choices_constraint("model", ChargeModel, name="pricing_price_model"),
            choices_constraint("unit_rounding", UnitRounding, name="pricing_price_unit_rounding"),
            models.CheckConstraint(condition=models.Q(unit_scale__gt=0), name="pricing_price_unit_scale"),
            models.CheckConstraint(
                condition=models.Q(minimum__isnull=True)
                | models.Q(maximum__isnull=True)
                | models.Q(minimum__lte=models.F("maximum")),
                name="pricing_price_minimum_maximum",
            ),
            models.CheckConstraint(
                condition=models.Q(model="flat", meter__isnull=True)
                | (~models.Q(model="flat") & models.Q(meter__isnull=False)),
                name="pricing_price_meter",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriceTier(models.Model):
    """One step of a graduated or volume price. It begins where the one before ends, so no gap can be written."""

    price = models.ForeignKey(Price, on_delete=models.CASCADE, related_name="tiers")
    up_to = AmountField(null=True, blank=True, help_text="Last unit of the tier; empty for no end.")
    unit_price = UnitPriceField(default=0)
    flat_fee = AmountField(default=0)

    class Meta:
        ordering = [models.F("up_to").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(fields=["price", "up_to"], nulls_distinct=False, name="pricing_pricetier_up_to"),
            models.CheckConstraint(
                condition=models.Q(up_to__isnull=True) | models.Q(up_to__gt=0),
                name="pricing_pricetier_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to}" if self.up_to is not None else "above"
