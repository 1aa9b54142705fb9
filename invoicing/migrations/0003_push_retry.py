from django.db import migrations, models

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0002_final_is_final")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="push_retry_at",
            field=models.DateTimeField(help_text="When a failed push is tried again; empty: by a person.", null=True),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="push_attempts",
            field=models.PositiveIntegerField(default=0, help_text="How many have failed."),
        ),
        read_sql(__file__, "push_retry"),
    ]
