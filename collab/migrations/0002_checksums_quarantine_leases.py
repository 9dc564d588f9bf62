import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("collab", "0001_rooms_pages_log_people_images"),
    ]

    operations = [
        migrations.CreateModel(
            name="PageLease",
            fields=[
                (
                    "page",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="lease",
                        serialize=False,
                        to="collab.page",
                        verbose_name="page",
                    ),
                ),
                ("owner", models.UUIDField(editable=False, null=True, verbose_name="owner")),
                ("until", models.DateTimeField(editable=False, null=True, verbose_name="until")),
            ],
            options={
                "verbose_name": "lease",
                "verbose_name_plural": "leases",
            },
        ),
        migrations.AddField(
            model_name="page",
            name="attention",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=300, verbose_name="needs attention"
            ),
        ),
        migrations.AddField(
            model_name="page",
            name="attention_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="needs attention since"),
        ),
        migrations.AddField(
            model_name="pagesnapshot",
            name="checksum",
            field=models.BigIntegerField(editable=False, null=True, verbose_name="checksum"),
        ),
        migrations.AddField(
            model_name="pagesnapshot",
            name="state_vector",
            field=models.BinaryField(null=True, verbose_name="state vector"),
        ),
        migrations.AddField(
            model_name="pageupdate",
            name="checksum",
            field=models.BigIntegerField(editable=False, null=True, verbose_name="checksum"),
        ),
        migrations.CreateModel(
            name="QuarantinedUpdate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.PositiveIntegerField(verbose_name="epoch")),
                ("seq", models.PositiveBigIntegerField(verbose_name="sequence")),
                ("payload", models.BinaryField(verbose_name="payload")),
                ("checksum", models.BigIntegerField(editable=False, null=True, verbose_name="checksum")),
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("created_at", models.DateTimeField(editable=False, verbose_name="created at")),
                (
                    "quarantined_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="put aside at",
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quarantine",
                        to="collab.page",
                        verbose_name="page",
                    ),
                ),
            ],
            options={
                "verbose_name": "quarantined update",
                "verbose_name_plural": "quarantined updates",
                "constraints": [
                    models.UniqueConstraint(fields=("page", "epoch", "seq"), name="collab_quarantine_sequence")
                ],
            },
        ),
    ]
