"""What was kept of an event is found by its id when its client sends it again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0013_retention")]

    operations = [
        migrations.AddIndex(
            model_name="rejectedevent",
            index=models.Index(
                fields=["event_id"],
                condition=models.Q(status="open") & ~models.Q(event_id=""),
                name="metering_rejectedevent_sent",
            ),
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="resolved_reason",
            field=models.TextField(blank=True, db_default="", help_text="Why it was dismissed or is settled."),
        ),
    ]
