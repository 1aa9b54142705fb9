from django.db import migrations

# What zstd compressed and hashes don't get smaller; PostgreSQL tried it with each request.
COLUMNS = (("metering_eventbatch", "payload"), ("metering_unclaimedevents", "keys"))


def _set_storage(storage):
    return [f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE {storage}" for table, column in COLUMNS]


class Migration(migrations.Migration):
    dependencies = [("metering", "0016_rejected_events_by_source")]

    operations = [migrations.RunSQL(sql=_set_storage("EXTERNAL"), reverse_sql=_set_storage("EXTENDED"))]
