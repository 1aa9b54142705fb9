from django.db import models


class ChangedTerms(models.Model):
    """A mark that something by which subscriptions are charged changed: of one customer, subscription or plan, or of
    all where none of them is named.

    A database trigger makes it in the transaction of the change; whoever rates takes it away
    (`rating.services.changed_terms`). Numbers and not keys: a mark may outlast what it names.
    """

    customer_id = models.BigIntegerField(null=True)
    subscription_id = models.BigIntegerField(null=True)
    plan_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name_plural = "changed terms"

    def __str__(self) -> str:
        named = (("customer", self.customer_id), ("subscription", self.subscription_id), ("plan", self.plan_id))
        return ", ".join(f"{name} {pk}" for name, pk in named if pk is not None) or "all"
