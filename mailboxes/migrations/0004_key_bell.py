"""Whoever remembers keys hears at once that one changed, whichever process, shell or operator changed it."""

from django.db import migrations

# By statement and without a payload: listeners forget everything. `last_used_at` is written often and changes nothing.
BELL = """
CREATE FUNCTION gatepost_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gatepost_keys', '');
    RETURN NULL;
END $$;

CREATE TRIGGER key_changed
    AFTER UPDATE OF revoked_at, expires_at, scopes, is_scoped, environment, digest, account_id, agent_id, member_id
    ON mailboxes_apikey FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
CREATE TRIGGER key_deleted AFTER DELETE ON mailboxes_apikey
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
CREATE TRIGGER key_reach_changed AFTER INSERT OR UPDATE OR DELETE ON mailboxes_apikey_mailboxes
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
CREATE TRIGGER account_changed AFTER UPDATE OR DELETE ON mailboxes_account
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
"""

UNDO = """
DROP TRIGGER key_changed ON mailboxes_apikey;
DROP TRIGGER key_deleted ON mailboxes_apikey;
DROP TRIGGER key_reach_changed ON mailboxes_apikey_mailboxes;
DROP TRIGGER account_changed ON mailboxes_account;
DROP FUNCTION gatepost_keys_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0003_epoch")]
    operations = [migrations.RunSQL(BELL, UNDO)]
