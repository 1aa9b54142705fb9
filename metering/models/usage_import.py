from django.db import models


class UsageImport(models.Model):
    """How far a file was loaded, so that an import that was cut off goes on where it stood."""

    digest = models.CharField(max_length=64, unique=True, help_text="Of the file's content and the mapping.")
    file_name = models.CharField(max_length=255)
    lines = models.PositiveBigIntegerField(default=0, help_text="Data lines that are done.")
    accepted = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.file_name
