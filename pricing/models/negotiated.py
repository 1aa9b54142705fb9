"""What one subscription was promised besides its plan: prices, add-ons, one-off charges, commitments."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast
from simple_history.models import HistoricalRecords

from amberflow.model_fields import AmountField, CurrencyField, choices_constraint
from pricing.engine.document import DocumentError, parse_price
from pricing.models.subscription import Subscription

# A text as a range of one number, since an exclusion constraint needs ranges and no extension is installed.
# Two keys of one subscription with the same 64-bit hash would be refused, which nobody will live to see.
_KEY = Cast(Func(F("key"), Value(0), function="hashtextextended"), models.DecimalField(max_digits=20, decimal_places=0))


def check_document(document: object) -> None:
    """Raises ValidationError, naming the path in the document, when it is no price document."""
    try:
        parse_price(document)  # type: ignore[arg-type]  # what isn't a mapping is refused in words
    except DocumentError as error:
        raise ValidationError(str(error), code=error.code) from error


class AddOn(models.Model):
    """Something that can be sold beside any plan, like seats or a support package; copied when it is attached."""

    code = models.SlugField(max_length=64, unique=True, help_text="The price's key on subscriptions.")
    name = models.CharField(max_length=120, help_text="What the customer reads on the invoice line.")
    currency = CurrencyField(default="USD")
    document = models.JSONField("price document", validators=[check_document])
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "add-on"
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class NegotiatedKind(models.TextChoices):
    OVERRIDE = "override", "Own price"
    ADD_ON = "add_on", "Add-on"
    ONE_OFF = "one_off", "One-off charge"


class SubscriptionPrice(models.Model):
    """A price that one subscription has on the days from `starts_on` up to `ends_on`.

    An override takes the place of the plan's price of the same key, an add-on comes on top under a key of its own, and
    a one-off charge is due once, on its first day.
    """

    Kind = NegotiatedKind

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="negotiated_prices")
    kind = models.CharField(max_length=16, choices=NegotiatedKind)
    key = models.SlugField(max_length=64, help_text="Of an own price: the key of the plan's price that it replaces.")
    name = models.CharField(max_length=120, help_text="What the customer reads on the invoice line.")
    document = models.JSONField("price document", validators=[check_document])
    times = AmountField(
        "quantity",
        default=1,
        validators=[MinValueValidator(0)],
        help_text="How many of an add-on with a fixed fee, like 3 seats.",
    )
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="The first day without it; empty for no end.")
    add_on = models.ForeignKey(AddOn, on_delete=models.PROTECT, null=True, blank=True, related_name="attached")
    sort_order = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=500, help_text="Why, for whoever reads the history: a contract, a ticket.")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "negotiated price"
        ordering = ["subscription_id", "starts_on", "id"]
        constraints = [
            choices_constraint("kind", NegotiatedKind, name="pricing_subscriptionprice_kind"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
                name="pricing_subscriptionprice_window",
            ),
            models.CheckConstraint(condition=Q(times__gt=0), name="pricing_subscriptionprice_times"),
            ExclusionConstraint(
                name="pricing_subscriptionprice_one_a_day",
                expressions=[
                    (Func(F("subscription"), F("subscription"), Value("[]"), function="int8range"), "&&"),
                    (Func(_KEY, _KEY, Value("[]"), function="numrange"), "&&"),
                    (Func(F("starts_on"), F("ends_on"), function="daterange"), "&&"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EarlyEnd(models.TextChoices):
    FULL = "full", "All that is missing"
    PRORATED = "prorated", "What is missing of the days that ran"
    WAIVED = "waived", "Nothing"


class Commitment(models.Model):
    """A promise to spend at least `amount` in the term from `starts_on` up to `ends_on`; the rest is due at its end.

    A subscription that ends before the term settles it on that day, as `early_end` says.
    """

    EarlyEnd = EarlyEnd

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="commitments")
    name = models.CharField(max_length=120, help_text="What the customer reads, like “Commitment 2027”.")
    amount = AmountField(validators=[MinValueValidator(0)], help_text="In the subscription's currency, for the term.")
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="The first day after the term.")
    price_keys = ArrayField(
        models.SlugField(max_length=64),
        null=True,
        blank=True,
        help_text="Keys of the prices whose lines count, separated by commas; empty for all.",
    )
    early_end = models.CharField(
        "due on early end",
        max_length=16,
        choices=EarlyEnd,
        default=EarlyEnd.FULL,
        help_text="What is due when the subscription ends before the term does.",
    )
    reason = models.CharField(max_length=500, help_text="Why, for whoever reads the history: a contract, a ticket.")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["subscription_id", "starts_on", "id"]
        constraints = [
            choices_constraint("early_end", EarlyEnd, name="pricing_commitment_early_end"),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="pricing_commitment_term"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="pricing_commitment_amount"),
        ]

    def __str__(self) -> str:
        return self.name
