"""Open reviews of one mailbox by an index of their own; and those of an account with their mailbox, to be counted."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0005_counts'),
        ('messaging', '0009_count_what_came'),
        ('oversight', '0002_guards'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='review',
            name='review_pending',
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['account', 'expires_at', 'id'], include=('mailbox',), name='review_pending'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(models.F('mailbox'), models.F('expires_at'), models.F('id'), condition=models.Q(('state', 'open')), name='review_pending_of_mailbox'),
        ),
    ]
