"""SQL of a migration lives beside it, in `migrations/sql/NAME.sql` and its reverse `NAME.reverse.sql`."""

from pathlib import Path

from django.db import migrations


def read_sql(migration_file: str, name: str) -> migrations.RunSQL:
    """The operation that runs `sql/NAME.sql` next to the migration, and `sql/NAME.reverse.sql` backwards."""
    folder = Path(migration_file).parent / "sql"
    return migrations.RunSQL(
        (folder / f"{name}.sql").read_text(), reverse_sql=(folder / f"{name}.reverse.sql").read_text()
    )
