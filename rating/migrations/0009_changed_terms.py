from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("rating", "0008_voided_periods"),
        ("pricing", "0008_commitments_end_early"),
        ("metering", "0015_dimension_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChangedTerms",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer_id", models.BigIntegerField(null=True)),
                ("subscription_id", models.BigIntegerField(null=True)),
                ("plan_id", models.BigIntegerField(null=True)),
            ],
            options={"verbose_name_plural": "changed terms"},
        ),
        migrations.AlterField(
            model_name="billingperiod",
            name="terms_stamp",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Of the engine and the terms as they stood at the last rating.",
                max_length=32,
            ),
        ),
        # Stamps from before name no engine: each open period is looked at once more, so no earlier change is missed.
        read_sql(__file__, "changed_terms"),
    ]
