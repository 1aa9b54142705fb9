from django.db import migrations

from amberflow.sql_migrations import read_sql


class Migration(migrations.Migration):
    dependencies = [("pricing", "0004_negotiated_terms_and_promotions")]

    operations = [read_sql(__file__, "redemptions_stay")]
