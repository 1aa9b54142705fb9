import django.db.models.deletion
from django.db import migrations, models

import amberflow.model_fields
from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0003_rate_editions_and_uncosted_days"),
        ("rating", "0003_late_usage"),
    ]

    operations = [
        migrations.CreateModel(
            name="LineCredit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("amount", amberflow.model_fields.AmountField()),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="credits", to="rating.ratedline"
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="rating_linecredit_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("line", "series", "day"), name="rating_linecredit_key", nulls_distinct=False
                    )
                ],
            },
        ),
        read_sql(__file__, "line_credit"),
    ]
