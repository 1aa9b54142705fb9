from django.db import models

from amberflow.model_fields import CurrencyField, choices_constraint


class Plan(models.Model):
    """A named offer. What it costs is in its versions."""

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_default = models.BooleanField(
        "default plan",
        default=False,
        help_text="Customers whose first usage arrives without a subscription are put on its newest published version.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="pricing_plan_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PlanVersionStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    RETIRED = "retired", "Retired"


class PlanVersion(models.Model):
    """A set of prices. Once published it never changes (a trigger refuses); a change is a new version."""

    Status = PlanVersionStatus

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    status = models.CharField(max_length=16, choices=PlanVersionStatus, default=PlanVersionStatus.DRAFT, editable=False)
    currency = CurrencyField(default="USD")
    note = models.CharField(max_length=200, blank=True, help_text="What is new in this version.")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["plan__name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="pricing_planversion_number"),
            choices_constraint("status", PlanVersionStatus, name="pricing_planversion_status"),
        ]

    def __str__(self) -> str:
        return f"{self.plan.name} v{self.number}"
