"""Who wrote to whom: every spelling of an address as one, and an index of the people of an account's mail."""

from django.db import migrations

# As `mime.addresses.mailbox_key`. Bodies of standard SQL are bound when they are made: no search path can change them.
ADDRESS_KEY = """
CREATE FUNCTION messaging_address_key(address text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN split_part(address, '@', 2) IN ('gmail.com', 'googlemail.com')
    THEN replace(
        coalesce(nullif(split_part(split_part(address, '@', 1), '+', 1), ''), split_part(address, '@', 1)), '.', ''
    ) || '@gmail.com'
    ELSE coalesce(nullif(split_part(split_part(address, '@', 1), '+', 1), ''), split_part(address, '@', 1))
        || '@' || split_part(address, '@', 2)
END
"""
# '>' before those that a mail went to, '<' before who wrote it.
PEOPLE = """
CREATE FUNCTION messaging_people(account uuid, direction text, sender text, recipients text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN direction = 'INBOUND' THEN ARRAY[account::text || '<' || messaging_address_key(sender)]
    ELSE ARRAY(SELECT DISTINCT account::text || '>' || messaging_address_key(one) FROM unnest(recipients) AS one)
END
"""
# Without the list of pending entries: whoever sends never waits for somebody to work it off.
INDEX = """
CREATE INDEX message_people ON messaging_message USING gin (
    messaging_people(account_id, direction::text, from_address, to_addresses || cc_addresses || bcc_addresses)
) WITH (fastupdate = off)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0019_tell'),
    ]

    operations = [
        migrations.RunSQL(ADDRESS_KEY, "DROP FUNCTION messaging_address_key(text)"),
        migrations.RunSQL(PEOPLE, "DROP FUNCTION messaging_people(uuid, text, text, text[])"),
        migrations.RunSQL(INDEX, "DROP INDEX message_people"),
    ]
