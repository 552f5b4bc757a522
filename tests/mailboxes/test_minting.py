"""Keys that end, that are bound to addresses, that are rotated; and that none makes one that reaches further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes import clock, keys, minting, networks
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Unauthenticated
from mailboxes.key_bounds import FREE, Bounds, Terms
from mailboxes.minting import Change, NewKey
from mailboxes.models import ApiKey, Event
from mailboxes.principals import Principal
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def bound(owner: Tenant, terms: Terms, *, address: str = HERE) -> Principal:
    """An actor with a full-access key on these terms."""
    _, text = keys.create_agent_key(owner.agent, terms=terms, now=clock.now())
    return keys.authenticate(text, address=address, now=clock.now())


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Problem) as refused:
        act()
    return refused.value.code


# --- No key makes a stronger one ------------------------------------------------------------------------------------

SCOPES = st.sampled_from([frozenset({"read"}), frozenset({"read", "send"}), frozenset({"read", "send", "admin"})])
MAILBOXES = st.none() | st.frozensets(st.integers(0, 2), max_size=3)
ENDS = st.none() | st.integers(0, 3).map(lambda days: NOW + timedelta(days=days))
NETWORKS = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32", "2001:db8::1"]),
    max_size=3,
).map(tuple)
BOUNDS = st.builds(Bounds, SCOPES, MAILBOXES, st.builds(Terms, ENDS, NETWORKS), st.booleans())
PLACES = ["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.5", "2001:db8::1", "2001:db8::2", "198.51.100.7"]


def may(one: Bounds) -> set[tuple[Any, ...]]:
    """All that a key with these bounds does: a scope, in a mailbox, of one kind of data, at a time, from a place."""
    boxes = range(4) if one.mailbox_ids is None else one.mailbox_ids
    listed, ends = one.terms.ip_allowlist, one.terms.expires_at
    days = [day for day in range(5) if ends is None or NOW + timedelta(days=day) < ends]
    places = [place for place in PLACES if not listed or networks.hold(listed, place)]
    data = [True] if one.is_test else [True, False]
    return set(product(one.scopes, boxes, data, days, places))


@given(BOUNDS, BOUNDS)
def test_what_covers_another_may_all_that_the_other_may(own: Bounds, asked: Bounds) -> None:
    if own.cover(asked):
        assert may(asked) <= may(own)


@given(BOUNDS)
def test_every_key_covers_itself_and_the_free_one_covers_all(one: Bounds) -> None:
    free = Bounds(frozenset({"read", "send", "admin"}))
    assert one.cover(one)
    assert free.cover(one)
    assert may(one) <= may(free)


TERMS = {
    "free": FREE,
    "ends": Terms(expires_at=NOW + timedelta(days=700)),
    "ends sooner": Terms(expires_at=NOW + timedelta(days=600)),
    "here": Terms(ip_allowlist=("198.51.100.0/24",)),
    "only here": Terms(ip_allowlist=(HERE,)),
    "elsewhere": Terms(ip_allowlist=(ELSEWHERE,)),
    "ends here": Terms(NOW + timedelta(days=700), (HERE,)),
}


@pytest.mark.parametrize("own", TERMS)
def test_a_minted_key_reaches_no_further_than_its_maker(own: str, alice: Tenant) -> None:
    twin, mine = builders.twin(alice), TERMS[own]
    actor = bound(alice, mine, address=ELSEWHERE if own == "elsewhere" else HERE)
    for owner, is_scoped, asked in product([alice, twin], [False, True], [None, *TERMS.values()]):
        wanted = NewKey("", [owner.mailbox] if is_scoped else [])
        if asked is not None:
            wanted = replace(wanted, expires_at=asked.expires_at, ip_allowlist=asked.ip_allowlist)
        inherited = wanted.expires_at or mine.expires_at
        may_be_made = asked is None or mine.cover(Terms(inherited, asked.ip_allowlist))
        try:
            made, _ = minting.mint(actor, owner.agent, asked=wanted, now=clock.now())
        except Forbidden:
            assert not may_be_made
        else:
            assert may_be_made
            assert mine.cover(Terms(made.expires_at, tuple(made.ip_allowlist)))
            assert set(made.scopes) == {"read", "send"} | (set() if is_scoped else {"admin"})


@pytest.mark.parametrize("who", ["scoped", "decide", "test"])
def test_a_key_without_full_access_to_the_live_data_makes_none_there(who: str, alice: Tenant) -> None:
    texts = {
        "scoped": lambda: keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1],
        "decide": lambda: builders.decide_key(alice.owner),
        "test": lambda: builders.twin(alice).key_text,
    }
    api = Api(texts[who]())
    refused = api.post("/api-keys", {"environment": "live"})
    assert (refused.status, refused.code) == (403, "wrong_environment" if who == "test" else "scoped_key")
    count = ApiKey.objects.count()
    key = ApiKey.objects.get(account=alice.account, name="default")
    for path, method in ((f"/api-keys/{key.pk}/rotate", "POST"), (f"/api-keys/{key.pk}", "PATCH")):
        assert api.send(method, path, {}).status == (404 if who == "test" else 403)
    assert ApiKey.objects.count() == count


def test_no_request_names_a_scope(alice: Tenant) -> None:
    """A23: an agent that was told to raise its own scope finds nothing to write it into."""
    api = Api(alice.key_text)
    for body in ({"scopes": ["decide"]}, {"scopes": ["read", "send", "decide"]}, {"member": str(alice.owner.pk)}):
        assert api.post("/api-keys", body).code == "unknown_field"
        key = api.get("/api-keys").json["keys"][0]["id"]
        assert api.patch(f"/api-keys/{key}", body).code == "unknown_field"
        assert api.post(f"/api-keys/{key}/rotate", body).code == "unknown_field"


# --- The end, and the addresses -------------------------------------------------------------------------------------


def test_a_key_is_made_with_an_end_and_addresses_and_told_with_them(alice: Tenant) -> None:
    api = Api(alice.key_text)
    made = api.post(
        "/api-keys",
        {
            "name": "batch",
            "expiresAt": "2027-05-01T02:00:00+02:00",
            "ipAllowlist": ["198.51.100.7/32", "2001:DB8::/32"],
        },
    )
    assert made.status == 201
    assert made.json["expiresAt"] == "2027-05-01T00:00:00.000Z"
    assert made.json["ipAllowlist"] == ["198.51.100.7", "2001:db8::/32"]
    listed = next(key for key in api.get("/api-keys").json["keys"] if key["id"] == made.json["id"])
    assert listed["expiresAt"] == made.json["expiresAt"]
    assert listed["ipAllowlist"] == made.json["ipAllowlist"]
    assert listed["lastUsedAt"] is None
    assert listed["rotatedTo"] is None
    told = Event.objects.get(kind="key.created", subject=made.json["id"]).data
    assert '"is_bound":true' in told
    assert "198.51" not in told


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expiresAt", "2020-01-01T00:00:00Z"),
        ("expiresAt", "9999-12-31T23:59:59Z"),
        ("expiresAt", "9999-12-31T23:59:59-23:59"),
        ("expiresAt", "0001-01-01T00:00:00+23:59"),
        ("expiresAt", "2027-05-01T00:00:00+25:00"),
        ("expiresAt", "2027-02-29T00:00:00Z"),
        ("expiresAt", "2027-05-01T00:00:00"),
        ("expiresAt", "-1"),
        ("expiresAt", 1),
        ("expiresAt", ""),
        ("ipAllowlist", ["198.51.100.7/24"]),
        ("ipAllowlist", ["::ffff:198.51.100.7/64"]),
        ("ipAllowlist", ["fe80::1%eth0"]),
        ("ipAllowlist", ["friends.example"]),
        ("ipAllowlist", ["198.51.100.0-198.51.100.9"]),
        ("ipAllowlist", [" 198.51.100.7"]),
        ("ipAllowlist", ["0198.51.100.7"]),
        ("ipAllowlist", [3325256711]),
        ("ipAllowlist", "198.51.100.7"),
        ("ipAllowlist", [""]),
        ("ipAllowlist", [f"198.51.100.{number}" for number in range(21)]),
    ],
)
def test_what_is_no_end_and_no_list_is_refused_by_its_name(field: str, value: object, alice: Tenant) -> None:
    refused = Api(alice.key_text).post("/api-keys", {field: value})
    assert refused.status == 400, refused.json
    assert refused.json["field"].startswith(field)


def test_a_key_that_makes_another_hands_its_bounds_on(alice: Tenant) -> None:
    ends = clock.now() + timedelta(days=1)
    actor = bound(alice, Terms(ends, (HERE,)))
    made, _ = minting.mint(actor, alice.agent, asked=NewKey(), now=clock.now())
    assert (made.expires_at, made.ip_allowlist) == (ends, [HERE])
    for asked in (NewKey(expires_at=ends + timedelta(days=1)), NewKey(ip_allowlist=()), NewKey(ip_allowlist=("::/0",))):
        with pytest.raises(Forbidden) as refused:
            minting.mint(actor, alice.agent, asked=asked, now=clock.now())
        assert refused.value.code == "stronger_key"


def test_a_key_that_was_revoked_a_moment_ago_makes_none(alice: Tenant) -> None:
    actor = bound(alice, FREE)
    assert actor.key is not None
    keys.revoke_now(actor.key, by="test", now=clock.now())
    with pytest.raises(Unauthenticated):
        minting.mint(actor, alice.agent, asked=NewKey(), now=clock.now())


# --- Rotation -------------------------------------------------------------------------------------------------------


def test_a_rotated_key_goes_on_for_a_while_and_the_new_one_is_like_it(alice: Tenant) -> None:
    api, ends = Api(alice.key_text), clock.now() + timedelta(days=30)
    terms = Terms(ends, ("127.0.0.1",))
    old, old_text = keys.create_agent_key(
        alice.agent, name="crm", mailboxes=[alice.mailbox], terms=terms, now=clock.now()
    )
    answer = api.post(f"/api-keys/{old.pk}/rotate", {"overlapHours": 2})
    assert answer.status == 201
    new = ApiKey.objects.get(pk=answer.json["id"])
    assert (new.name, new.scopes, new.is_scoped, new.expires_at) == ("crm", ["read", "send"], True, ends)
    assert (new.ip_allowlist, list(new.mailboxes.all()), new.agent) == (["127.0.0.1"], [alice.mailbox], alice.agent)
    assert answer.json["old"]["rotatedTo"] == str(new.pk)
    old.refresh_from_db()
    assert old.expires_at is not None
    assert timedelta(hours=1.9) < old.expires_at - clock.now() <= timedelta(hours=2)
    assert Api(old_text).get("/mailboxes").status == Api(answer.json["key"]).get("/mailboxes").status == 200
    with pytest.raises(Unauthenticated) as over:
        keys.authenticate(old_text, address="127.0.0.1", now=old.expires_at)
    assert over.value.code == "expired_key"
    assert Event.objects.filter(kind="key.rotated", subject=str(old.pk)).count() == 1


def test_a_rotation_without_a_word_takes_the_servers_time_and_none_ends_it_at_once(alice: Tenant) -> None:
    first, _ = keys.create_agent_key(alice.agent, now=clock.now())
    second, text = keys.create_agent_key(alice.agent, now=clock.now())
    old, _, _ = minting.rotate(alice.agent_actor, str(first.pk), now=clock.now())
    assert old.expires_at is not None
    assert timedelta(hours=23.9) < old.expires_at - clock.now() <= timedelta(hours=24)
    minting.rotate(alice.agent_actor, str(second.pk), overlap_hours=0, now=clock.now())
    assert Api(text).get("/mailboxes").code == "expired_key"


def test_a_rotation_never_lengthens_a_life(alice: Tenant) -> None:
    ends = clock.now() + timedelta(hours=1)
    key, _ = keys.create_agent_key(alice.agent, terms=Terms(ends), now=clock.now())
    old, new, _ = minting.rotate(alice.agent_actor, str(key.pk), now=clock.now())
    assert (old.expires_at, new.expires_at) == (ends, ends)


def test_a_key_is_rotated_once_and_not_after_its_end(alice: Tenant) -> None:
    now = clock.now()
    key, _ = keys.create_agent_key(alice.agent, now=now)
    over, _ = keys.create_agent_key(alice.agent, now=now)
    keys.revoke_now(over, by="test", now=now)
    minting.rotate(alice.agent_actor, str(key.pk), now=now)
    for pk, code in ((key.pk, "already_rotated"), (over.pk, "key_over"), ("not-an-id", "NOT_FOUND")):
        with pytest.raises(Problem) as refused:
            minting.rotate(alice.agent_actor, str(pk), now=now)
        assert refused.value.code == code
    for hours in (-1, 25):
        with pytest.raises(Invalid):
            minting.rotate(alice.agent_actor, str(key.pk), overlap_hours=hours, now=now)


def test_a_bound_key_rotates_itself_and_none_that_is_freer(alice: Tenant) -> None:
    free, _ = keys.create_agent_key(alice.agent, now=clock.now())
    actor = bound(alice, Terms(clock.now() + timedelta(days=1), (HERE,)))
    assert refusal(lambda: minting.rotate(actor, str(free.pk), now=clock.now())) == "stronger_key"
    assert actor.key is not None
    _, new, _ = minting.rotate(actor, str(actor.key.pk), now=clock.now())
    assert (new.expires_at, new.ip_allowlist) == (actor.key.expires_at, [HERE])


def test_a_repeated_rotation_with_its_idempotency_key_gives_the_same_key(alice: Tenant) -> None:
    api = Api(alice.key_text)
    key, _ = keys.create_agent_key(alice.agent, now=clock.now())
    first = api.post(f"/api-keys/{key.pk}/rotate", {}, Idempotency_Key="once")
    again = api.post(f"/api-keys/{key.pk}/rotate", {}, Idempotency_Key="once")
    assert (first.status, again.status) == (201, 201)
    assert first.json["key"] == again.json["key"]
    assert api.post(f"/api-keys/{key.pk}/rotate", {}).code == "already_rotated"


def test_nobody_rotates_or_changes_a_strangers_or_a_members_key(alice: Tenant) -> None:
    charlie = builders.tenant("charlie")
    builders.decide_key(alice.owner)
    decide = ApiKey.objects.get(member=alice.owner)
    assert charlie.agent_actor.key is not None
    for foreign in (charlie.agent_actor.key.pk, decide.pk, "not-an-id"):
        with pytest.raises(NotFound):
            minting.rotate(alice.agent_actor, foreign, now=clock.now())
        with pytest.raises(NotFound):
            minting.change(alice.agent_actor, foreign, asked=Change(name="mine"), now=clock.now())


# --- Changes --------------------------------------------------------------------------------------------------------


def test_a_key_binds_itself_more_tightly_and_never_looser(alice: Tenant) -> None:
    api = Api(alice.key_text)
    [own] = api.get("/api-keys").json["keys"]
    path = f"/api-keys/{own['id']}"
    told = api.patch(path, {"name": "mine", "expiresAt": "2030-05-01T00:00:00Z", "ipAllowlist": ["127.0.0.0/8"]})
    assert told.status == 200, told.json
    assert told.json["key"]["ipAllowlist"] == ["127.0.0.0/8"]
    assert api.patch(path, {"ipAllowlist": ["127.0.0.1"]}).status == 200
    looser: Any
    for looser in (
        {"ipAllowlist": []},
        {"ipAllowlist": ["127.0.0.0/8"]},
        {"ipAllowlist": ["127.0.0.1", "198.51.100.7"]},
        {"expiresAt": None},
        {"expiresAt": "2030-05-01T00:00:01Z"},
    ):
        assert api.patch(path, looser).code == "stronger_key", looser
    assert api.patch(path, {"expiresAt": "2030-04-01T00:00:00Z"}).json["key"]["name"] == "mine"
    assert Event.objects.filter(kind="key.changed").count() == 3


def test_a_key_does_not_loosen_another_either(alice: Tenant) -> None:
    other, _ = keys.create_agent_key(alice.agent, terms=Terms(ip_allowlist=(HERE,)), now=clock.now())
    assert Api(alice.key_text).patch(f"/api-keys/{other.pk}", {"ipAllowlist": []}).code == "stronger_key"


def test_a_signed_in_person_loosens_but_wakes_no_key_that_is_over(alice: Tenant) -> None:
    session = Principal(account=alice.account, scopes=frozenset({"read", "send", "admin"}), agent=alice.agent)
    key, _ = keys.create_agent_key(alice.agent, terms=Terms(clock.now() + timedelta(days=1), (HERE,)), now=clock.now())
    freed = minting.change(session, str(key.pk), asked=Change(expires_at=None, ip_allowlist=()), now=clock.now())
    assert (freed.expires_at, freed.ip_allowlist) == (None, [])
    keys.revoke_now(key, by="test", now=clock.now())
    with pytest.raises(Conflict):
        minting.change(session, str(key.pk), asked=Change(name="again"), now=clock.now())


def test_nobody_lengthens_the_overlap_of_a_rotated_key(alice: Tenant) -> None:
    session = Principal(account=alice.account, scopes=frozenset({"read", "send", "admin"}), agent=alice.agent)
    key, _ = keys.create_agent_key(alice.agent, now=clock.now())
    minting.rotate(session, str(key.pk), now=clock.now())
    assert refusal(lambda: minting.change(session, str(key.pk), asked=Change(expires_at=None), now=clock.now())) == (
        "stronger_key"
    )
