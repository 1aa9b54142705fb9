"""Nothing left to do: 0001_initial creates the tables as they are after this migration."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("djstripe", "0002_2_10")]
    operations = []
