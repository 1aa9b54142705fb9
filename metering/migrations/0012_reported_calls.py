from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0011_reads")]

    operations = [
        migrations.CreateModel(
            name="ReportedCall",
            fields=[
                (
                    "call",
                    models.UUIDField(help_text="Hash of customer and response id.", primary_key=True, serialize=False),
                ),
                ("key", models.UUIDField(help_text="Of the event.")),
                ("source", models.CharField(help_text="The route by which the event came.", max_length=40)),
            ],
        ),
    ]
