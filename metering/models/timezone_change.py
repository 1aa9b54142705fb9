from django.db import models

from customers.models import Customer


class TimezoneChange(models.Model):
    """A customer's billing time zone became another one, for usage from an instant on.

    Usage before `effective_at` keeps its day. What is after it has its day in `timezone`, but none before `first_day`:
    days before that are invoiced. Of several changes whose instant has come, the newest holds.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="timezone_changes")
    old_timezone = models.CharField(max_length=64)
    timezone = models.CharField(max_length=64)
    effective_at = models.DateTimeField()
    first_day = models.DateField()
    made_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(null=True, help_text="When all usage stood on its new days; empty until then.")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["customer"], condition=models.Q(moved_at=None), name="metering_tzchange_open"),
        ]

    def __str__(self) -> str:
        return f"{self.old_timezone} to {self.timezone} from {self.first_day}"
