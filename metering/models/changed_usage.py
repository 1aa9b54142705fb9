from django.db import models

from customers.models import Customer


class ChangedUsage(models.Model):
    """A mark that the usage of a customer changed on some of the days from `first_day` to `last_day`.

    A database trigger makes it in the statement that changes the days; whoever rates takes it away
    (`metering.services.changed_usage`). Several for one customer are normal.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    first_day = models.DateField()
    last_day = models.DateField()

    def __str__(self) -> str:
        return f"customer {self.customer_id}, {self.first_day} to {self.last_day}"
