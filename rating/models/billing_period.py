from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Value

from pricing.models import PlanVersion, Subscription


class BillingPeriod(models.Model):
    """One period of a subscription, computed once from its billing cycle and the customer's time zone, then kept.

    Local dates and UTC instants, both half-open. Frozen when its invoice is finalized: its lines never change then.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="periods")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    timezone = models.CharField(max_length=64)
    start_date = models.DateField()
    end_date = models.DateField()
    full_start_date = models.DateField(help_text="Of the whole cycle period, when this one is cut off by start or end.")
    full_end_date = models.DateField()
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    input_digest = models.CharField(max_length=64, blank=True, help_text="Of everything the last rating read.")
    needs_rating = models.BooleanField(
        default=True, editable=False, help_text="Usage that the period may read changed since it was rated."
    )
    needs_draft = models.BooleanField(
        default=True, editable=False, help_text="Its lines changed since its draft was brought up to date."
    )
    terms_stamp = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text="Of the engine and the terms as they stood at the last rating.",
    )
    problem = models.TextField(blank=True, help_text="Why the last rating failed; empty when it did not.")
    rated_at = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)
    frozen_input = models.BinaryField(
        null=True,
        editable=False,
        help_text="All that the last rating read (JSON, zstd): what verify_invoice rates again.",
    )

    class Meta:
        ordering = ["subscription_id", "start_date"]
        indexes = [
            # What a billing run looks at: a period or two per subscription, however long it runs.
            models.Index(fields=["subscription"], condition=models.Q(frozen_at=None), name="rating_billingperiod_open"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "start_date"], name="rating_billingperiod_start"),
            models.CheckConstraint(
                condition=models.Q(end_date__gt=F("start_date"), period_end__gt=F("period_start")),
                name="rating_billingperiod_ends_after_start",
            ),
            ExclusionConstraint(
                name="rating_billingperiod_no_overlap",
                expressions=[
                    (Func(F("subscription"), F("subscription"), Value("[]"), function="int8range"), "&&"),
                    (Func(F("period_start"), F("period_end"), function="tstzrange"), "&&"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start_date} to {self.end_date}"
