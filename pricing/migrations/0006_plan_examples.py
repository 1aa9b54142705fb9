import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import amberflow.model_fields
from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0003_rate_editions_and_uncosted_days"),
        ("pricing", "0005_redemptions_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlanExample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="What the case shows, like “a small customer”.", max_length=120)),
                (
                    "total",
                    amberflow.model_fields.AmountField(
                        blank=True, help_text="What the period must cost; empty to compare lines alone.", null=True
                    ),
                ),
                (
                    "plan_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="examples", to="pricing.planversion"
                    ),
                ),
            ],
            options={
                "verbose_name": "example invoice",
                "ordering": ["plan_version_id", "id"],
            },
        ),
        migrations.CreateModel(
            name="ExampleUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dimensions", models.JSONField(blank=True, default=dict)),
                ("quantity", amberflow.model_fields.AmountField(help_text="In the meter's unit.")),
                (
                    "events",
                    models.PositiveIntegerField(default=1, help_text="How many events made it up, equal parts each."),
                ),
                (
                    "cost",
                    amberflow.model_fields.AmountField(
                        default=0,
                        help_text="The provider's cost, in the plan's currency.",
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "meter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="metering.meter"
                    ),
                ),
                (
                    "example",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="usage", to="pricing.planexample"
                    ),
                ),
            ],
            options={
                "verbose_name": "usage",
                "verbose_name_plural": "usage",
                "ordering": ["example_id", "id"],
            },
        ),
        migrations.CreateModel(
            name="ExampleLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("price_key", models.SlugField(help_text="The key of the price.", max_length=64)),
                ("group", models.JSONField(blank=True, default=dict)),
                ("amount", amberflow.model_fields.AmountField()),
                (
                    "example",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="pricing.planexample"
                    ),
                ),
            ],
            options={
                "verbose_name": "expected line",
                "ordering": ["example_id", "id"],
            },
        ),
        migrations.AddConstraint(
            model_name="planexample",
            constraint=models.UniqueConstraint(fields=("plan_version", "name"), name="pricing_planexample_name"),
        ),
        migrations.AddConstraint(
            model_name="exampleusage",
            constraint=models.UniqueConstraint(
                fields=("example", "meter", "dimensions"), name="pricing_exampleusage_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="exampleline",
            constraint=models.UniqueConstraint(
                fields=("example", "price_key", "group"), name="pricing_exampleline_once"
            ),
        ),
        read_sql(__file__, "examples_are_final"),
    ]
