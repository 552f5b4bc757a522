"""Webhooks: deliveries are leased while they are told, and found by endpoint."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0018_hooks'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='webhookdelivery',
            name='webhook_delivery_due',
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='leased_until',
            field=models.DateTimeField(blank=True, help_text='Until then somebody is telling it.', null=True),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.F('next_at'), models.F('event_seq'), condition=models.Q(('status', 'PENDING')), name='webhook_delivery_due'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('leased_until'), models.F('endpoint'), condition=models.Q(('leased_until__isnull', False)), name='webhook_delivery_leased'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), condition=models.Q(('attempts__gt', 0), ('attempts_before', 0), ('status', 'FAILED')), name='webhook_delivery_given_up'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('leased_until__isnull', True), ('status', 'PENDING'), _connector='OR'), name='webhook_delivery_leased_is_pending'),
        ),
    ]
