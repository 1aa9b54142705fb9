from django.db import models

from customers.models import ApiKey


class ApiRequest(models.Model):
    """One call of the HTTP API, and how it was answered. Only the last calls of each key are kept.

    Written in bulk and about a second late (`metering.services.request_log`); a process that dies takes its last second
    of rows with it, but never an event.
    """

    api_key = models.ForeignKey(
        ApiKey, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    sent_key = models.CharField(
        max_length=16, blank=True, help_text="How what was sent as a key begins, where it is no valid one."
    )
    at = models.DateTimeField(db_index=True)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    dialect = models.CharField(max_length=40, blank=True, help_text="Whose format it spoke.")
    status = models.PositiveSmallIntegerField()
    accepted = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    code = models.CharField("problem", max_length=60, blank=True, help_text="Of the answer, or of the first event.")
    message = models.CharField(max_length=500, blank=True)
    duration_us = models.PositiveIntegerField(help_text="From the first middleware to the answer, in microseconds.")
    body_bytes = models.PositiveBigIntegerField(default=0, help_text="Of the body as it was sent, compressed or not.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "API request"
        indexes = [models.Index(fields=["api_key", "-id"], name="metering_apirequest_key")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status}"
