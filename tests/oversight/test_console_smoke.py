import pytest
from django.test import Client
from tests import builders
from mailboxes.models import Role
pytestmark = pytest.mark.django_db
def test_smoke(client: Client):
  import zeal
  with zeal.zeal_ignore():
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    rs=[builders.held(alice, subject=f"Hello {n}", body_html="<p style='color:red'>Hello <a href='https://x.example/'>x</a></p>", body_text="Hello x") for n in range(3)]
    r = client.post("/login/", {"username": rhea.user.email, "password": builders.PASSWORD})
    assert r.status_code == 302, r.content.decode()
    for url in ["/review/", f"/review/{rs[0].pk}/", *[f"/review/{rs[0].pk}/?tab={t}" for t in ("text","links","headers","source")], f"/review/{rs[0].pk}/body/", f"/review/{rs[0].pk}/link/1/", "/monitor/", "/mailboxes/", f"/mailboxes/{alice.mailbox.pk}/", f"/threads/{rs[0].message.thread_id}/", f"/messages/{rs[0].message_id}/", f"/messages/{rs[0].message_id}/body/", "/stop/", f"/live/since/?account={alice.account.pk}&cursor=0"]:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext
        with CaptureQueriesContext(connection) as c:
            r = client.get(url)
        print(url, r.status_code, len(c), len(r.content))
        assert r.status_code == 200, r.content.decode()[:2000]
        if url in ("/review/", f"/review/{rs[0].pk}/"):
            for q in c.captured_queries: print("   ", q["sql"][:150])
    r = client.post(f"/review/{rs[0].pk}/approve/", {"version": 1})
    print(r.status_code, r.headers)
    r = client.get(r.headers["location"]); print(r.status_code)
    assert b"undo-item" in r.content
    r = client.post(f"/review/{rs[0].pk}/approve/", {"version": 1}); print(r.status_code)
    r = client.post(f"/review/{rs[0].pk}/undo/", {"version": 2}); print(r.status_code, r.headers["location"])
    r = client.post(f"/review/{rs[1].pk}/reject/", {"version": 1}); print(r.status_code)
    r = client.post(f"/review/{rs[1].pk}/reject/", {"version": 1, "reason":"tone","note":"x"}); print(r.status_code)
    r = client.get(f"/review/{rs[1].pk}/"); print(r.status_code)
