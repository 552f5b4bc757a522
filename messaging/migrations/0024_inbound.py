"""What came while its mailbox held received mail waits for a human, whatever the mailbox's mode is when it is filed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0019_tell'),
    ]

    operations = [
        migrations.AddField(
            model_name='rawmessage',
            name='is_gated',
            field=models.BooleanField(db_default=False, default=False, help_text='It came, or waited, while its mailbox was gated_all.'),
        ),
    ]
