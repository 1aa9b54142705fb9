import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0007_billing_write"),
        ("metering", "0014_held_events"),
    ]

    operations = [
        migrations.AlterField(
            model_name="eventtype",
            name="dimensions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64),
                blank=True,
                default=list,
                help_text="Properties that prices, invoices and margin can tell apart, like provider, model, feature. When they change, usage that is not invoiced follows.",
                size=None,
            ),
        ),
        migrations.CreateModel(
            name="DimensionChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "old_dimensions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None),
                ),
                (
                    "dimensions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None),
                ),
                ("made_by", models.CharField(help_text="The person or command.", max_length=200)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "expected",
                    models.BigIntegerField(default=0, help_text="How many events there were to read when it was made."),
                ),
                ("done_to", models.UUIDField(help_text="Key of the last event that is done.", null=True)),
                ("read", models.BigIntegerField(default=0, help_text="Events that are done.")),
                ("moved", models.BigIntegerField(default=0, help_text="Events that got another series.")),
                (
                    "too_many",
                    models.BigIntegerField(
                        default=0,
                        help_text="Events that kept their series, because their customer would have too many.",
                    ),
                ),
                (
                    "without_payload",
                    models.BigIntegerField(
                        default=0, help_text="Events that kept their series, because what was sent is no longer kept."
                    ),
                ),
                (
                    "unreadable",
                    models.BigIntegerField(
                        default=0,
                        help_text="Events with a property that is no dimension's value: they count as without one.",
                    ),
                ),
                ("first_day", models.DateField(help_text="The earliest day of an event that moved.", null=True)),
                ("last_day", models.DateField(help_text="The latest day of an event that moved.", null=True)),
                (
                    "counted_before",
                    models.DateField(
                        help_text="What is kept beside sums is counted anew on the days before this one.", null=True
                    ),
                ),
                (
                    "moved_at",
                    models.DateTimeField(
                        help_text="When all usage stood in its new series; empty until then.", null=True
                    ),
                ),
                (
                    "event_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dimension_changes",
                        to="metering.eventtype",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="DimensionChangeStart",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "change", "customer", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("first_day", models.DateField()),
                (
                    "change",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="starts",
                        to="metering.dimensionchange",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="dimensionchange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("moved_at", None)), fields=("event_type",), name="metering_dimensionchange_open"
            ),
        ),
        read_sql(__file__, "dimension_changes"),
    ]
