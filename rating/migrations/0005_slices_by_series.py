import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import amberflow.model_fields
from amberflow.sql_migrations import read_sql


def amounts():
    return django.contrib.postgres.fields.ArrayField(
        base_field=amberflow.model_fields.AmountField(), null=True, size=None
    )


class Migration(migrations.Migration):
    dependencies = [("rating", "0004_line_credit")]

    operations = [
        migrations.AddField(
            model_name="ratedline",
            name="digest",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="Of the line and its slices: the same is not written again.",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="ratedline",
            name="price",
            field=models.ForeignKey(
                help_text="Empty for what no price charges.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="pricing.price",
            ),
        ),
        migrations.CreateModel(
            name="SeriesSlices",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "days",
                    django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None),
                ),
                ("quantity", amounts()),
                ("gross", amounts()),
                ("discount", amounts()),
                ("adjustment", amounts()),
                (
                    "cost",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=amberflow.model_fields.CostField(), null=True, size=None
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="series_slices",
                        to="rating.ratedline",
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="seriesslices",
            constraint=models.UniqueConstraint(
                fields=("line", "series"), name="rating_seriesslices_key", nulls_distinct=False
            ),
        ),
        # The rows move before their guard is there, so that those of frozen periods can.
        read_sql(__file__, "slices_to_arrays"),
        migrations.DeleteModel(name="Slice"),
        migrations.CreateModel(
            name="Slice",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("quantity", amberflow.model_fields.AmountField()),
                ("gross", amberflow.model_fields.AmountField()),
                ("discount", amberflow.model_fields.AmountField()),
                ("adjustment", amberflow.model_fields.AmountField()),
                ("net", amberflow.model_fields.AmountField()),
                ("cost", amberflow.model_fields.CostField()),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="slices",
                        to="rating.ratedline",
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="metering.series",
                    ),
                ),
            ],
            options={"db_table": "rating_slice", "managed": False},
        ),
        read_sql(__file__, "slices_view"),
    ]
