"""dj-stripe's tables in one step: where its own migrations end, under the same names, without their half minute.

`0001_initial` is what `makemigrations` writes for dj-stripe 2.11.0; the later names are empty. Used through
`MIGRATION_MODULES`. When dj-stripe is upgraded, add a module for each new name with that migration's operations;
`tests/amberflow/test_djstripe_migrations.py` compares names and resulting models.
"""
