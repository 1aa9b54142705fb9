import django.contrib.postgres.fields
from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("metering", "0006_changed_usage")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="body",
            field=models.IntegerField(
                help_text="Hash of the content as it was sent: the same id with another content is a conflict.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="UnclaimedEvents",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("received_at", models.DateTimeField()),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
            ],
            options={"verbose_name_plural": "unclaimed events"},
        ),
        # Events that are there already have no digest of their body: they are compared by what was sent.
        migrations.RemoveField(model_name="eventidentity", name="body"),
        migrations.AlterField(
            model_name="eventidentity",
            name="identity",
            field=models.UUIDField(
                help_text="12 bytes of the hash of customer, source and event id.", primary_key=True, serialize=False
            ),
        ),
        read_sql(__file__, "unclaimed_events"),
    ]
