"""Webhooks: a delivery that is asked for once more begins its schedule anew; given-up ones are found by themselves."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0016_told'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookdelivery',
            name='attempts_before',
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('attempts_before__gte', 0), ('attempts_before__lte', models.F('attempts'))), name='webhook_delivery_schedule_began'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('status', 'FAILED')), name='webhook_delivery_failed'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.F('event_seq'), condition=models.Q(('status', 'PENDING')), name='webhook_delivery_line'),
        ),
    ]
