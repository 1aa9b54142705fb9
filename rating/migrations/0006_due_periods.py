import django.db.models.deletion
from django.db import migrations, models


def check_every_frozen_period(apps, schema_editor):
    """Usage that came late before there were marks has left none."""
    period = apps.get_model("rating", "BillingPeriod")
    touched = apps.get_model("rating", "TouchedPeriod")
    frozen = period.objects.exclude(frozen_at=None).values_list("pk", flat=True)
    touched.objects.bulk_create((touched(period_id=pk) for pk in frozen.iterator()), batch_size=5000)


class Migration(migrations.Migration):
    dependencies = [
        ("rating", "0005_slices_by_series"),
        ("metering", "0006_changed_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="billingperiod",
            name="needs_rating",
            field=models.BooleanField(
                default=True, editable=False, help_text="Usage that the period may read changed since it was rated."
            ),
        ),
        migrations.AddField(
            model_name="billingperiod",
            name="needs_draft",
            field=models.BooleanField(
                default=True, editable=False, help_text="Its lines changed since its draft was brought up to date."
            ),
        ),
        migrations.AddField(
            model_name="billingperiod",
            name="terms_stamp",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="Of the terms as they stood at the last rating.",
                max_length=32,
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="billingperiod",
            index=models.Index(
                condition=models.Q(("frozen_at", None)), fields=["subscription"], name="rating_billingperiod_open"
            ),
        ),
        migrations.CreateModel(
            name="TouchedPeriod",
            fields=[
                (
                    "period",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="rating.billingperiod",
                    ),
                ),
            ],
        ),
        migrations.RunPython(check_every_frozen_period, migrations.RunPython.noop),
    ]
