"""Messages in the order of their direction: a list of the received ones never reads past all that was sent."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0005_counts'),
        ('messaging', '0007_narrow_indexes'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='message',
            name='message_by_mailbox',
        ),
        migrations.RemoveIndex(
            model_name='message',
            name='message_by_account',
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('mailbox'), models.F('direction'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='message_by_mailbox'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('account'), models.F('direction'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='message_by_account'),
        ),
    ]
