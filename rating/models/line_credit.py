from django.db import models

from amberflow.model_fields import AmountField
from metering.models import Series
from rating.models.rated_line import RatedLine


class LineCredit(models.Model):
    """The part of a line's promotional credits that belongs to one day and one series, as its slices do.

    Net revenue is net of the slices less these; like the slices they are frozen with their period.
    """

    line = models.ForeignKey(RatedLine, on_delete=models.CASCADE, related_name="credits")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    day = models.DateField()
    amount = AmountField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line", "series", "day"], nulls_distinct=False, name="rating_linecredit_key"
            ),
        ]
        # The margin of a time range reads by day.
        indexes = [models.Index(fields=["day"], name="rating_linecredit_day")]

    def __str__(self) -> str:
        return f"{self.day}"
