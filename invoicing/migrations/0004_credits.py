import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import amberflow.model_fields
from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_initial"),
        ("invoicing", "0003_push_retry"),
        ("rating", "0004_line_credit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CreditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("granted", "Granted"),
                            ("applied", "Applied"),
                            ("restored", "Restored"),
                            ("expired", "Expired"),
                            ("revoked", "Revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("reason", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "credit ledger",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="CreditGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("paid", "Paid"), ("promotional", "Promotional")], max_length=16)),
                ("name", models.CharField(help_text="What the customer reads.", max_length=120)),
                ("currency", amberflow.model_fields.CurrencyField()),
                ("amount_minor", models.BigIntegerField(help_text="What was granted.")),
                (
                    "paid_minor",
                    models.BigIntegerField(help_text="What the customer paid for it; empty if promotional.", null=True),
                ),
                ("payment_reference", models.CharField(blank=True, max_length=120)),
                ("priority", models.SmallIntegerField(default=100, help_text="Lower ones are used first.")),
                ("effective_on", models.DateField(help_text="The first day on which it counts.")),
                (
                    "expires_on",
                    models.DateField(
                        help_text="The first day on which it no longer counts; empty for never.", null=True
                    ),
                ),
                (
                    "prices",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        default=list,
                        help_text="Keys of the prices whose lines it pays.",
                        size=None,
                    ),
                ),
                (
                    "meters",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        default=list,
                        help_text="Codes of the meters whose lines it pays.",
                        size=None,
                    ),
                ),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="invoice",
            name="credit_explanation",
            field=models.JSONField(default=list, help_text="A sentence on each grant that could be used."),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credit_grants",
            field=models.JSONField(
                default=list, editable=False, help_text="The grants as they stood when the invoice was finalized."
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credits_minor",
            field=models.BigIntegerField(default=0, help_text="What credits take off the lines."),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="credit_minor",
            field=models.BigIntegerField(default=0, help_text="What credits take off the amount."),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="credits",
            field=models.JSONField(default=list, help_text="Which grant took how much, in order."),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="promotional_minor",
            field=models.BigIntegerField(default=0, help_text="The part of it that lowers net revenue."),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="total_minor",
            field=models.BigIntegerField(default=0, help_text="Subtotal less credits: what is to pay."),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="amount_minor",
            field=models.BigIntegerField(help_text="Before credits."),
        ),
        migrations.AddConstraint(
            model_name="invoiceline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("credit_minor", 0),
                    models.Q(("credit_minor__gt", 0), ("credit_minor__lte", models.F("amount_minor"))),
                    _connector="OR",
                ),
                name="invoicing_invoiceline_credit",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceline",
            constraint=models.CheckConstraint(
                condition=models.Q(("promotional_minor__gte", 0), ("promotional_minor__lte", models.F("credit_minor"))),
                name="invoicing_invoiceline_promotional",
            ),
        ),
        migrations.AddField(
            model_name="creditentry",
            name="invoice",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_entries",
                to="invoicing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="creditentry",
            name="invoice_line",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_entries",
                to="invoicing.invoiceline",
            ),
        ),
        migrations.AddField(
            model_name="creditentry",
            name="user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="customer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="credit_grants", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="creditentry",
            name="grant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="invoicing.creditgrant"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["paid", "promotional"])), name="invoicing_creditgrant_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="invoicing_creditgrant_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "paid"), ("paid_minor__gte", 0)),
                    models.Q(("kind", "promotional"), ("paid_minor", None)),
                    _connector="OR",
                ),
                name="invoicing_creditgrant_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_on", None), ("expires_on__gt", models.F("effective_on")), _connector="OR"),
                name="invoicing_creditgrant_window",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["granted", "applied", "restored", "expired", "revoked"])),
                name="invoicing_creditentry_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor__gt", 0), ("kind__in", ["granted", "restored"])),
                    models.Q(("amount_minor__lt", 0), ("kind__in", ["applied", "expired", "revoked"])),
                    _connector="OR",
                ),
                name="invoicing_creditentry_sign",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("invoice__isnull", False),
                        ("invoice_line__isnull", False),
                        ("kind__in", ["applied", "restored"]),
                    ),
                    models.Q(
                        ("invoice", None), ("invoice_line", None), ("kind__in", ["granted", "expired", "revoked"])
                    ),
                    _connector="OR",
                ),
                name="invoicing_creditentry_invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "granted")), fields=("grant",), name="invoicing_creditentry_granted_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["applied", "restored"])),
                fields=("grant", "invoice_line", "kind"),
                name="invoicing_creditentry_line_once",
            ),
        ),
        read_sql(__file__, "credit_ledger"),
    ]
