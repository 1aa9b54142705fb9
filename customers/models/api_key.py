from django.contrib.postgres.fields import ArrayField
from django.db import models


class Scope(models.TextChoices):
    USAGE_WRITE = "usage:write", "Send usage"
    USAGE_CORRECT = "usage:correct", "Void, replace and backfill usage"
    USAGE_READ = "usage:read", "Read usage"
    BILLING_READ = "billing:read", "Read amounts, cost and simulations"


def default_scopes() -> list[str]:
    return [Scope.USAGE_WRITE]


class ApiKey(models.Model):
    """A key for the HTTP API. Only a hash is kept: the key itself is shown once, when it is made."""

    Scope = Scope

    name = models.CharField(max_length=100, help_text="Which system uses it.")
    prefix = models.CharField(max_length=16, editable=False, help_text="The first characters, to recognise the key.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices), default=default_scopes)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
