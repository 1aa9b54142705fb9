import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import amberflow.model_fields


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_initial"),
        ("metering", "0003_rate_editions_and_uncosted_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="IngestionChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=200)),
                ("made_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="TimezoneChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="timezone_changes",
                        to="customers.customer",
                    ),
                ),
                ("old_timezone", models.CharField(max_length=64)),
                ("timezone", models.CharField(max_length=64)),
                ("effective_at", models.DateTimeField()),
                ("first_day", models.DateField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "moved_at",
                    models.DateTimeField(
                        help_text="When all usage stood on its new days; empty until then.", null=True
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="UsageAmountDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series",
                        "day",
                        "property",
                        "amount",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
                ("day", models.DateField()),
                ("property", models.CharField(max_length=64)),
                ("amount", amberflow.model_fields.AmountField()),
                ("events", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="UsageRebuild",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "customer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "event_type",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.eventtype",
                    ),
                ),
                ("since", models.DateField(help_text="First local day; empty for all.", null=True)),
                ("done_before", models.DateField(help_text="Days before this one are done.", null=True)),
                ("requested_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="UsageStatDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series", "day", "property", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
                ("day", models.DateField()),
                ("property", models.CharField(max_length=64)),
                ("count", models.BigIntegerField()),
                ("minimum", amberflow.model_fields.AmountField()),
                ("maximum", amberflow.model_fields.AmountField()),
                ("latest_at", models.BigIntegerField()),
                ("latest_key", models.UUIDField()),
                ("latest", amberflow.model_fields.AmountField()),
                ("total", amberflow.model_fields.AmountField()),
                ("weighted", models.DecimalField(decimal_places=12, max_digits=60)),
            ],
        ),
        migrations.CreateModel(
            name="UsageStatDelta",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "series",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
                ("day", models.DateField()),
                ("property", models.CharField(max_length=64)),
                ("count", models.BigIntegerField()),
                ("minimum", amberflow.model_fields.AmountField(null=True)),
                ("maximum", amberflow.model_fields.AmountField(null=True)),
                ("latest_at", models.BigIntegerField(null=True)),
                ("latest_key", models.UUIDField(null=True)),
                ("latest", amberflow.model_fields.AmountField(null=True)),
                ("total", amberflow.model_fields.AmountField(null=True)),
                ("weighted", models.DecimalField(decimal_places=12, max_digits=60, null=True)),
                (
                    "amounts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=amberflow.model_fields.AmountField(), null=True, size=None
                    ),
                ),
                (
                    "uniques",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), null=True, size=None),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageUniqueDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series",
                        "day",
                        "property",
                        "hash",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
                ("day", models.DateField()),
                ("property", models.CharField(max_length=64)),
                ("hash", models.UUIDField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="meter",
            name="metering_meter_aggregation",
        ),
        migrations.AddField(
            model_name="meter",
            name="carries_over",
            field=models.BooleanField(
                default=False,
                help_text="Time-weighted sum only: a period begins with the level that the one before ended with (seats, stored bytes), not with 0.",
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="keep_amounts",
            field=models.BooleanField(
                default=False,
                help_text="Sum only: keep the value of each event, for percentage prices with a minimum or maximum per event.",
                verbose_name="keep single amounts",
            ),
        ),
        migrations.AlterField(
            model_name="meter",
            name="aggregation",
            field=models.CharField(
                choices=[
                    ("sum", "Sum"),
                    ("count", "Count"),
                    ("max", "Maximum"),
                    ("min", "Minimum"),
                    ("latest", "Latest"),
                    ("unique_count", "Unique count"),
                    ("average", "Average"),
                    ("time_weighted_sum", "Time-weighted sum"),
                ],
                default="sum",
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="meter",
            name="value_property",
            field=models.CharField(
                blank=True,
                help_text="What is measured: input_tokens, output_tokens, total_tokens, a single pool like cache_read, or one of the event type's own values. For a unique count any property of the events, like user_id. Empty for a count.",
                max_length=64,
            ),
        ),
        migrations.AddConstraint(
            model_name="meter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "aggregation__in",
                        ["sum", "count", "max", "min", "latest", "unique_count", "average", "time_weighted_sum"],
                    )
                ),
                name="metering_meter_aggregation",
            ),
        ),
        migrations.AddConstraint(
            model_name="meter",
            constraint=models.CheckConstraint(
                condition=models.Q(("carries_over", False), ("aggregation", "time_weighted_sum"), _connector="OR"),
                name="metering_meter_carries_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="meter",
            constraint=models.CheckConstraint(
                condition=models.Q(("keep_amounts", False), ("aggregation", "sum"), _connector="OR"),
                name="metering_meter_keep_amounts",
            ),
        ),
        migrations.AddIndex(
            model_name="timezonechange",
            index=models.Index(
                condition=models.Q(("moved_at", None)), fields=["customer"], name="metering_tzchange_open"
            ),
        ),
        migrations.AddIndex(
            model_name="usagerebuild",
            index=models.Index(condition=models.Q(("finished_at", None)), fields=["id"], name="metering_rebuild_open"),
        ),
    ]
