from django.db import models


class NumberSequence(models.Model):
    """The last invoice number given out per prefix. Locked while one is taken, so numbers have no gap."""

    prefix = models.CharField(max_length=20, unique=True)
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.prefix}{self.last_number}"
