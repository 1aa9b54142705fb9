from django.db import migrations

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_aggregations")]

    operations = [read_sql(__file__, "ingestion_changes")]
