"""What waits in a lane is counted by its index alone: with mailbox and snooze."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('oversight', '0015_back_test'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='review', name='review_by_lane'),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(condition=models.Q(('state', 'open'), models.Q(('lane', ''), _negated=True)), fields=['account', 'lane', 'expires_at', 'id'], include=('mailbox', 'snoozed_until'), name='review_by_lane'),
        ),
    ]
