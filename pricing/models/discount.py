from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from amberflow.model_fields import AmountField, CurrencyField, choices_constraint
from customers.models import Customer
from pricing.models.negotiated import check_document
from pricing.models.plan import Plan
from pricing.models.subscription import Subscription


class DiscountKind(models.TextChoices):
    FREE_UNITS = "free_units", "Free units"
    PRICE = "price", "Promotional price"
    AMOUNT = "amount", "Amount"
    PERCENT = "percent", "Percent"
    GRADUATED_PERCENT = "graduated_percent", "Graduated percent"


class Duration(models.TextChoices):
    FOREVER = "forever", "Forever"
    ONCE = "once", "One billing period"
    PERIODS = "periods", "A number of billing periods"
    DATES = "dates", "Until the end date"


class DiscountTerms(models.Model):
    """What a discount takes off, from what, and for how long. What its kind doesn't need stays empty."""

    Kind = DiscountKind
    Duration = Duration

    name = models.CharField(max_length=120, help_text="What the customer reads.")
    kind = models.CharField(max_length=24, choices=DiscountKind, default=DiscountKind.PERCENT)
    percent = AmountField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Of the kind percent: of what is left when it is its turn.",
    )
    amount = AmountField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Of the kind amount: per billing period of a subscription.",
    )
    currency = CurrencyField(blank=True, help_text="Of amount, tiers and promotional price.")
    units = AmountField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Of the kind free units: per billing period, in scaled units of the price.",
    )
    tiers = models.JSONField(
        default=list,
        blank=True,
        help_text='Of the kind graduated percent: [{"up_to": "500", "percent": "10"}, {"up_to": null, "percent": "15"}]'
        " is 10 % of the first 500 of the period and 15 % of what is above.",
    )
    price = models.JSONField(
        "promotional price",
        null=True,
        blank=True,
        validators=[check_document],
        help_text="Of the kind promotional price: the price document that holds where it is cheaper.",
    )
    priority = models.SmallIntegerField(default=0, help_text="Lower ones are applied first.")
    price_keys = ArrayField(
        models.SlugField(max_length=64),
        default=list,
        blank=True,
        help_text="Keys of the prices that it is for, separated by commas; empty for all.",
    )
    meter_codes = ArrayField(
        models.SlugField(max_length=64),
        default=list,
        blank=True,
        help_text="Codes of the meters that it is for, separated by commas; empty for all, and for fixed fees.",
    )
    filter = models.JSONField(
        default=dict,
        blank=True,
        help_text='Dimension values that it is for, like {"model": ["gpt-4o"]}; empty for all.',
    )
    duration = models.CharField(max_length=16, choices=Duration, default=Duration.FOREVER)
    periods = models.PositiveSmallIntegerField(null=True, blank=True, help_text="How many billing periods it is for.")

    class Meta:
        abstract = True
        constraints = [
            choices_constraint("kind", DiscountKind, name="%(app_label)s_%(class)s_kind"),
            choices_constraint("duration", Duration, name="%(app_label)s_%(class)s_duration"),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(percent__range=(0, 100)), name="%(app_label)s_%(class)s_percent"
            ),
            models.CheckConstraint(
                condition=Q(kind="percent", percent__isnull=False)
                | Q(kind="amount", amount__isnull=False)
                | Q(kind="free_units", units__isnull=False)
                | Q(kind="price", price__isnull=False)
                | Q(kind="graduated_percent") & ~Q(tiers=[]),
                name="%(app_label)s_%(class)s_whole",
            ),
            models.CheckConstraint(
                condition=(Q(duration="periods") & Q(periods__gte=1))
                | (~Q(duration="periods") & Q(periods__isnull=True)),
                name="%(app_label)s_%(class)s_periods",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Discount(DiscountTerms):
    """A reduction that a customer, a subscription or all subscriptions of a plan were promised.

    It is for usage of the days from `starts_on` up to `ends_on`. The end of one that is for a number of billing periods
    is worked out for each subscription, by `pricing.discounts.discount_windows`.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="discounts")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="discounts"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="discounts")
    redemption = models.OneToOneField(
        "pricing.Redemption", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="discount"
    )
    starts_on = models.DateField(null=True, blank=True, help_text="Empty: from the beginning.")
    ends_on = models.DateField(null=True, blank=True, help_text="The first day without it; empty for no end.")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta(DiscountTerms.Meta):
        abstract = False
        ordering = ["priority", "id"]
        constraints = [
            *DiscountTerms.Meta.constraints,
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gt=models.F("starts_on")),
                name="pricing_discount_window",
            ),
            models.CheckConstraint(
                condition=Q(customer__isnull=False, subscription__isnull=True, plan__isnull=True)
                | Q(customer__isnull=True, subscription__isnull=False, plan__isnull=True)
                | Q(customer__isnull=True, subscription__isnull=True, plan__isnull=False),
                name="pricing_discount_scope",
            ),
        ]
