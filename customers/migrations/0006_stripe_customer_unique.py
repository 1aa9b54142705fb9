# One customer for each of Stripe's: usage is found by its id.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
<<<<<<<< HEAD:customers/migrations/0006_stripe_customer_unique.py
        ("customers", "0005_rate_limits"),
========
        ("customers", "0004_correct_scope_and_first_sight"),
>>>>>>>> dialects2:customers/migrations/0005_stripe_customer_unique.py
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
