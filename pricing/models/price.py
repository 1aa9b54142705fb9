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
    STAIRSTEP = "stairstep", "Stairstep"
    PACKAGE = "package", "Package"
    GRADUATED_PACKAGE = "graduated_package", "Graduated packages"
    VOLUME_PACKAGE = "volume_package", "Volume packages"
    PERCENTAGE = "percentage", "Percentage"
    GRADUATED_PERCENTAGE = "graduated_percentage", "Graduated percentage"
    COST_PLUS = "cost_plus", "Cost plus"


class UnitRounding(models.TextChoices):
    NONE = "none", "None"
    UP = "up", "Up"
    DOWN = "down", "Down"
    HALF_UP = "half_up", "Half up"


class Recurrence(models.TextChoices):
    RECURRING = "recurring", "Each period"
    ONE_TIME = "one_time", "Once"


class TierScope(models.TextChoices):
    GROUP = "group", "Each line for itself"
    ALL = "all", "All lines together"


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
        help_text="Dimensions that get a line each.",
    )
    tier_scope = models.CharField(
        "tiers count for",
        max_length=8,
        choices=TierScope,
        default=TierScope.GROUP,
        help_text="Whether tiers, included units, minimum and maximum count per line or over all of them.",
    )
    amount = AmountField(null=True, blank=True, help_text="The fixed fee per period.")
    recurrence = models.CharField(
        max_length=16, choices=Recurrence, default=Recurrence.RECURRING, help_text="How often a fixed fee is due."
    )
    unit_price = UnitPriceField(null=True, blank=True)
    unit_scale = AmountField(
        default=1, validators=[MinValueValidator(0)], help_text="1000000 when prices are per million units."
    )
    unit_rounding = models.CharField(max_length=8, choices=UnitRounding, default=UnitRounding.NONE)
    included_units = AmountField(default=0, help_text="Free in each period, in scaled units.")
    prorate_units = models.BooleanField(
        default=False, help_text="Included units and tiers shrink with a period that is cut off."
    )
    package_size = AmountField(null=True, blank=True, help_text="How many units a package has.")
    package_price = UnitPriceField(null=True, blank=True)
    rounding = models.CharField(
        "rounding of packages",
        max_length=8,
        choices=UnitRounding,
        default=UnitRounding.UP,
        help_text="What a package that is begun counts as.",
    )
    rate_percent = AmountField("rate", null=True, blank=True, help_text="Percent of the amount that the meter adds up.")
    fixed_fee = AmountField(default=0, help_text="Due for each event, beside the percentage.")
    free_events = models.PositiveBigIntegerField(
        default=0, help_text="How many events of a period don't pay the fixed fee."
    )
    free_amount = AmountField(default=0, help_text="What is free of the percentage in each period.")
    min_per_event = AmountField("minimum per event", null=True, blank=True)
    max_per_event = AmountField("maximum per event", null=True, blank=True)
    markup_percent = AmountField("markup", null=True, blank=True, help_text="Percent on top of the provider's cost.")
    minimum = AmountField(null=True, blank=True)
    maximum = AmountField(null=True, blank=True)
    flat_fee_at_zero = models.BooleanField(default=True, help_text="The first tier's flat fee is due without usage.")

    class Meta:
        ordering = ["plan_version_id", "sort_order", "key"]
        constraints = [
            models.UniqueConstraint(fields=["plan_version", "key"], name="pricing_price_key"),
            choices_constraint("model", ChargeModel, name="pricing_price_model"),
            choices_constraint("unit_rounding", UnitRounding, name="pricing_price_unit_rounding"),
            choices_constraint("rounding", UnitRounding, name="pricing_price_rounding"),
            choices_constraint("recurrence", Recurrence, name="pricing_price_recurrence"),
            choices_constraint("tier_scope", TierScope, name="pricing_price_tier_scope"),
            models.CheckConstraint(condition=models.Q(unit_scale__gt=0), name="pricing_price_unit_scale"),
            models.CheckConstraint(
                condition=models.Q(package_size__isnull=True) | models.Q(package_size__gt=0),
                name="pricing_price_package_size",
            ),
            models.CheckConstraint(
                condition=models.Q(min_per_event__isnull=True)
                | models.Q(max_per_event__isnull=True)
                | models.Q(min_per_event__lte=models.F("max_per_event")),
                name="pricing_price_per_event",
            ),
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
    """One step of a price with tiers. It begins where the one before ends, so no gap can be written."""

    price = models.ForeignKey(Price, on_delete=models.CASCADE, related_name="tiers")
    up_to = AmountField(null=True, blank=True, help_text="Last unit of the tier; empty for no end.")
    unit_price = UnitPriceField(default=0)
    flat_fee = AmountField(default=0)
    rate_percent = AmountField("rate", default=0, help_text="Percent of the part of the amount in the tier.")
    package_size = AmountField(null=True, blank=True, help_text="How many units a package of the tier has.")
    package_price = UnitPriceField(default=0)

    class Meta:
        ordering = [models.F("up_to").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(fields=["price", "up_to"], nulls_distinct=False, name="pricing_pricetier_up_to"),
            models.CheckConstraint(
                condition=models.Q(up_to__isnull=True) | models.Q(up_to__gt=0),
                name="pricing_pricetier_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(package_size__isnull=True) | models.Q(package_size__gt=0),
                name="pricing_pricetier_package_size",
            ),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to}" if self.up_to is not None else "above"
