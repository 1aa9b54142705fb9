from django.db import migrations

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0001_initial")]

    operations = [read_sql(__file__, "final_is_final")]
