"""Whose it is: nothing hangs on another account's or another mailbox's things."""

from __future__ import annotations

from .invariant import promise

ACCOUNTS_APART = """
SELECT 'mailbox ' || b.id FROM mailboxes_mailbox b
JOIN mailboxes_domain d ON d.id = b.domain_id
LEFT JOIN mailboxes_agent a ON a.id = b.agent_id
WHERE d.account_id <> b.account_id AND NOT d.is_platform OR a.account_id <> b.account_id
UNION ALL
SELECT 'key ' || k.id FROM mailboxes_apikey k
LEFT JOIN mailboxes_agent a ON a.id = k.agent_id
LEFT JOIN mailboxes_member p ON p.id = k.member_id
JOIN mailboxes_account o ON o.id = k.account_id
WHERE coalesce(a.account_id, p.account_id) <> k.account_id OR (k.environment = 'test') <> (o.test_of_id IS NOT NULL)
UNION ALL
SELECT 'key ' || k.id FROM mailboxes_apikey k
JOIN mailboxes_apikey_mailboxes link ON link.apikey_id = k.id
JOIN mailboxes_mailbox b ON b.id = link.mailbox_id
WHERE b.account_id <> k.account_id
UNION ALL
SELECT 'message ' || m.id FROM messaging_message m
JOIN mailboxes_mailbox b ON b.id = m.mailbox_id
LEFT JOIN mailboxes_agent a ON a.id = m.agent_id
LEFT JOIN mailboxes_member p ON p.id = m.member_id
LEFT JOIN mailboxes_apikey k ON k.id = m.key_id
WHERE b.account_id <> m.account_id OR a.account_id <> m.account_id OR p.account_id <> m.account_id
    OR k.account_id <> m.account_id
"""

CHILDREN_APART = """
SELECT 'thread ' || t.id FROM messaging_thread t JOIN mailboxes_mailbox b ON b.id = t.mailbox_id
WHERE b.account_id <> t.account_id
UNION ALL
SELECT 'attachment ' || f.id FROM messaging_attachment f JOIN messaging_message m ON m.id = f.message_id
WHERE m.account_id <> f.account_id
UNION ALL
SELECT 'received ' || r.id FROM messaging_rawmessage r JOIN messaging_message m ON m.id = r.message_id
WHERE m.mailbox_id IS DISTINCT FROM r.mailbox_id
UNION ALL
SELECT 'review ' || w.id FROM oversight_review w JOIN messaging_message m ON m.id = w.message_id
WHERE m.account_id <> w.account_id OR m.mailbox_id <> w.mailbox_id
UNION ALL
SELECT 'event ' || e.id FROM mailboxes_event e JOIN mailboxes_mailbox b ON b.id = e.mailbox_id
WHERE b.account_id <> e.account_id
UNION ALL
SELECT 'usage ' || u.id FROM mailboxes_usage u JOIN mailboxes_mailbox b ON b.id = u.subject_id
WHERE b.account_id <> u.account_id
UNION ALL
SELECT 'webhook ' || w.id FROM messaging_webhookendpoint w JOIN mailboxes_mailbox b ON b.id = w.mailbox_id
WHERE b.account_id <> w.account_id
UNION ALL
SELECT 'delivery ' || d.id FROM messaging_webhookdelivery d
JOIN messaging_webhookendpoint w ON w.id = d.endpoint_id JOIN mailboxes_event e ON e.id = d.event_id
WHERE e.account_id <> w.account_id
"""

THREADS_APART = """
SELECT 'message ' || m.id FROM messaging_message m JOIN messaging_thread t ON t.id = m.thread_id
WHERE t.mailbox_id <> m.mailbox_id
"""

INVARIANTS = (
    promise("I24", "Mailboxes, keys and messages belong to one account with all that they name.", ACCOUNTS_APART),
    promise(
        "I25",
        "Threads, files, reviews, events, counters, webhooks belong to the account of what they are of.",
        CHILDREN_APART,
    ),
    promise("I31", "A thread never joins two mailboxes.", THREADS_APART),
)
