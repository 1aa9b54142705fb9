from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoicing", "0005_void_of_credits"),
    ]

    operations = [
        migrations.AddField(
            model_name="creditgrant",
            name="idempotency_key",
            field=models.CharField(
                editable=False, help_text="Of the API request that made it.", max_length=200, null=True, unique=True
            ),
        ),
    ]
