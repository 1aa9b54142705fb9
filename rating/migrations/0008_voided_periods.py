import django.db.models.deletion
from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("rating", "0007_simulation"),
    ]

    operations = [
        migrations.CreateModel(
            name="VoidedPeriod",
            fields=[
                (
                    "period",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="voided",
                        serialize=False,
                        to="rating.billingperiod",
                    ),
                ),
                ("voided_at", models.DateTimeField()),
            ],
        ),
        read_sql(__file__, "voided_periods"),
    ]
