import django.contrib.postgres.fields
from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_corrections")]

    operations = [
        migrations.AlterField(
            model_name="eventtype",
            name="values",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64),
                blank=True,
                default=list,
                help_text="Up to four numeric properties to be summed, like pages. Only add at the end: each keeps its "
                "place. Events of before get the value that they carried.",
                size=4,
            ),
        ),
        read_sql(__file__, "values_named_later"),
    ]
