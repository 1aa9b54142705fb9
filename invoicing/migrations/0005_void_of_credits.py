from django.db import migrations

from amberflow.sql_migrations import read_sql

NOTE_VOID_INVOICES = """
INSERT INTO rating_voidedperiod (period_id, voided_at)
SELECT period_id, voided_at FROM invoicing_invoice WHERE status = 'void'
"""


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0004_credits"), ("rating", "0008_voided_periods")]

    operations = [
        read_sql(__file__, "void_of_credits"),
        migrations.RunSQL(NOTE_VOID_INVOICES, reverse_sql=migrations.RunSQL.noop),
    ]
