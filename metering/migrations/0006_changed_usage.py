import django.db.models.deletion
from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("metering", "0005_ingestion_changes")]

    operations = [
        migrations.CreateModel(
            name="ChangedUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        read_sql(__file__, "changed_usage"),
    ]
