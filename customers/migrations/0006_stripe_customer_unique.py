# One customer for each of Stripe's: usage is found by its id.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0005_rate_limits"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stripe_customer_id", ""), _negated=True),
                fields=("stripe_customer_id",),
                name="customers_customer_one_per_stripe_customer",
                violation_error_message="Another customer has this id at Stripe: usage by it would be ambiguous.",
            ),
        ),
    ]
