import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0007_unclaimed_events"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelAlias",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(
                        blank=True,
                        help_text="Only for calls of this provider, like azure. Empty: of any.",
                        max_length=64,
                    ),
                ),
                (
                    "pattern",
                    models.CharField(
                        help_text="The name that calls carry, like my-gpt4o-prod. A * stands for any text: "
                        "team-*-gpt4o.",
                        max_length=200,
                        verbose_name="model as sent",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "cost_model",
                    models.ForeignKey(
                        help_text="The model of the cost book whose rates apply.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aliases",
                        to="metering.costmodel",
                        verbose_name="costs like",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "model aliases",
                "ordering": ["pattern", "provider"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "pattern"),
                        name="metering_modelalias_once",
                        violation_error_message="There is an alias for this provider and name; change that one.",
                    ),
                    models.CheckConstraint(
                        condition=~models.Q(("pattern", "")),
                        name="metering_modelalias_pattern",
                    ),
                ],
            },
        ),
    ]
