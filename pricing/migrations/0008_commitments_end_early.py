from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pricing", "0007_subscription_external_id"),
    ]

    operations = [
        migrations.AddField(
            model_name="commitment",
            name="early_end",
            field=models.CharField(
                choices=[
                    ("full", "All that is missing"),
                    ("prorated", "What is missing of the days that ran"),
                    ("waived", "Nothing"),
                ],
                default="full",
                help_text="What is due when the subscription ends before the term does.",
                max_length=16,
                verbose_name="due on early end",
            ),
        ),
        migrations.AddField(
            model_name="historicalcommitment",
            name="early_end",
            field=models.CharField(
                choices=[
                    ("full", "All that is missing"),
                    ("prorated", "What is missing of the days that ran"),
                    ("waived", "Nothing"),
                ],
                default="full",
                help_text="What is due when the subscription ends before the term does.",
                max_length=16,
                verbose_name="due on early end",
            ),
        ),
        migrations.AddConstraint(
            model_name="commitment",
            constraint=models.CheckConstraint(
                condition=models.Q(("early_end__in", ["full", "prorated", "waived"])),
                name="pricing_commitment_early_end",
            ),
        ),
    ]
