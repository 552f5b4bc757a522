"""A developer's whole way through `/v1` with a client like the contract's SDKs, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zeal
from django.conf import settings

from mailboxes import accounts, clock, mailbox
from mailboxes.models import Account, Mailbox, User
from mailboxes.modes import OversightMode
from messaging.outbound import dispatch
from tests import builders
from tests.arrivals import arrive
from tests.browser.server import Server
from tests.letters import letter

from .client import CALLS, ApiError, ContractClient, Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("fuzz")]

EMAIL, PASSWORD = "dana@people.example", "a-long-secret-phrase"


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[ContractClient]:
    """Somebody who has signed up, whose human has verified the address, and whose mailbox is monitored."""
    client = ContractClient(f"{server.url}/v1/")
    assert client.check_slug_availability(params={"slug": "dana"}) == {"available": True}
    made = client.create_signup(body={"email": EMAIL, "password": PASSWORD, "slug": "dana"})
    client.resend_verification_email(body={"email": EMAIL})
    client.key = made["api_key"]["key"]
    accounts.verify_email(User.objects.get(email=EMAIL), password=PASSWORD, now=clock.now())
    mailbox.set_mode(Mailbox.objects.get(pk=made["mailbox"]["id"]), OversightMode.MONITORED, by="test", now=clock.now())
    builders.limit(Account.objects.get(slug="dana"), "domains", 1)
    yield client
    client.close()


def refused(call: Callable[..., object], *ids: str, **arguments: object) -> int:
    """The status of a call that must not go well."""
    with pytest.raises(ApiError) as caught:
        call(*ids, **arguments)
    return int(caught.value.status)


def mailboxes_and_keys(client: ContractClient) -> str:
    """The id of the mailbox that stays."""
    [box] = client.list_mailboxes()["mailboxes"]
    second = client.create_mailbox(body={"address": "second", "displayName": "Second"})["mailbox"]
    assert client.update_mailbox(second["id"], body={"displayName": ""})["mailbox"]["displayName"] is None
    scoped = client.create_api_key(body={"name": "scoped", "mailboxIds": [second["id"]]})
    other = client.another(scoped["key"])
    assert refused(other.get_account) == 403
    assert refused(other.get_mailbox, box["id"]) == 404
    for foreign in ("a/b", "not a uuid", "%2e%2e", "01980b5e-6c1f-7d3a-9b54-3f1f6f0f7a11"):
        assert refused(client.get_mailbox, foreign) == 404, foreign
    assert client.delete_mailbox(second["id"]) == {"deleted": True}
    assert client.get_mailbox(box["id"])["mailbox"]["id"] == box["id"]
    return str(box["id"])


def mail_out_and_in(client: ContractClient, box: str) -> None:
    file = client.upload_attachment(upload=Upload(b"hello", "plan.pdf", "application/pdf"))
    sent = client.send_message(
        box,
        body={
            "to": ["kim@friends.example"],
            "cc": ["lee@friends.example"],
            "bcc": ["max@friends.example"],
            "subject": "The plan",
            "bodyText": "It is here.",
            "attachments": [file["id"]],
            "headers": {"X-Custom-Order": "17"},
        },
    )["message"]
    assert sent["status"] == "QUEUED"
    with zeal.zeal_ignore():
        dispatch.drain()
    assert client.get_message(box, sent["id"])["message"]["status"] == "SENT"
    headers = f"In-Reply-To: {sent['messageId']}\nReferences: {sent['messageId']}"
    inbox = Mailbox.objects.select_related("account", "domain").get(pk=box)
    with zeal.zeal_ignore():
        arrive(inbox, letter(headers, to=inbox.full_address))
    [answer] = client.list_messages(box, params={"direction": "INBOUND", "limit": 1, "offset": 0})["messages"]
    assert answer["threadId"] == sent["threadId"]
    [thread] = client.list_threads(box)["threads"]
    assert len(client.get_thread(box, thread["id"])["thread"]["messages"]) == 2
    download = client.download_attachment(file["id"])
    path = download["url"].removeprefix(settings.PUBLIC_URL)
    assert client.http.get(str(client.http.base_url.join(path))).content == b"hello"  # without a key
    unsent = client.upload_attachment(upload=Upload(b"no", "no.txt", "text/plain"))
    assert client.delete_attachment(unsent["id"]) == {"deleted": True}


def webhooks_suppressions_domains(client: ContractClient, box: str) -> None:
    asked = {"url": "https://hooks.example/mail", "events": ["message.received"], "mailboxId": box}
    hook = client.create_webhook(body=asked | {"headers": {"Authorization": "Bearer other"}})["webhook"]
    assert client.update_webhook(hook["id"], body={"status": "PAUSED"})["webhook"]["headers"] is not None
    client.update_webhook(hook["id"], body={"headers": None})  # null clears, left out keeps
    assert client.get_webhook(hook["id"])["webhook"]["headers"] is None
    assert client.list_webhook_deliveries(hook["id"]) == {"deliveries": [], "nextCursor": None}
    assert [one["id"] for one in client.list_webhooks()["webhooks"]] == [hook["id"]]
    client.delete_webhook(hook["id"])
    entry = client.create_suppression(body={"email": "gone@friends.example"})["suppression"]
    to_nobody = {"to": ["gone@friends.example"], "subject": "x", "bodyText": "x"}
    assert refused(client.send_message, box, body=to_nobody) == 400
    assert [one["id"] for one in client.list_suppressions()["suppressions"]] == [entry["id"]]
    client.delete_suppression(entry["id"])
    domain = client.create_domain(body={"domain": "dana.example"})["domain"]
    assert client.verify_domain(domain["id"])["verification"]["allVerified"] is False
    assert client.get_domain(domain["id"])["domain"]["id"] == client.list_domains()["domains"][0]["id"]
    client.delete_domain(domain["id"])


def a_lost_key_and_the_end(client: ContractClient) -> None:
    checkout = client.create_upgrade_checkout(body={"plan": "growth"})
    assert client.create_upgrade_checkout(body={"plan": "growth"})["checkout_url"] == checkout["checkout_url"]
    lost = next(one["id"] for one in client.list_api_keys()["keys"] if one["name"] == "default")
    anew = client.another()
    assert anew.sign_in(EMAIL, PASSWORD)["user"]["email"] == EMAIL
    anew.key = anew.create_api_key(body={"name": "replacement"})["key"]
    anew.http.cookies.clear()
    assert anew.revoke_api_key(lost) == {"revoked": True}
    assert refused(client.get_account) == 401
    assert anew.delete_account(body={"confirm": "DELETE"}) == {"deleted": True}
    assert refused(anew.get_account) == 401
    client.called |= anew.called


def test_a_client_written_to_the_contract_gets_everything_it_was_promised(client: ContractClient) -> None:
    client.send_welcome_email()
    assert client.set_post_verify_target()["target"] in ("/dashboard?verified=true", "/onboarding")
    client.submit_support_ticket(body={"category": "other", "subject": "Hello", "message": "How?"})
    assert client.get_account()["account"]["emailVerified"] is True
    box = mailboxes_and_keys(client)
    mail_out_and_in(client, box)
    webhooks_suppressions_domains(client, box)
    a_lost_key_and_the_end(client)
    assert set(CALLS) - client.called == set()


def test_nothing_is_redirected_and_everything_is_json(client: ContractClient) -> None:
    for path in ("mailboxes/", "nothing", "account/", "mailboxes/x/messages/"):
        answer = client.http.get(path, headers={"Authorization": f"Bearer {client.key}", "Accept": "text/html"})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
