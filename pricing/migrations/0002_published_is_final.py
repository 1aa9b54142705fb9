from django.db import migrations

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial")]

    operations = [read_sql(__file__, "published_is_final")]
