import django.contrib.postgres.fields
from django.db import migrations, models

import customers.models.api_key


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0006_stripe_customer_unique"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("usage:write", "Send usage"),
                        ("usage:correct", "Void, replace and backfill usage"),
                        ("usage:read", "Read usage"),
                        ("billing:read", "Read amounts, cost, credits and simulations"),
                        ("billing:write", "Grant and revoke credits"),
                    ],
                    max_length=32,
                ),
                default=customers.models.api_key.default_scopes,
                size=None,
            ),
        ),
    ]
