from django.db import models

from customers.models import Customer


class CustomerAlias(models.Model):
    """Another name under which a customer's usage is sent. A customer's own external id wins over an alias."""

    reference = models.CharField(max_length=200, unique=True, help_text="As events carry it.")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="aliases")
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["reference"]
        verbose_name_plural = "customer aliases"

    def __str__(self) -> str:
        return self.reference
