"""A person's second factor: switched on by a code, each code once, five wrong ones, recovery, and the way out."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator

from mailboxes import second_factor
from mailboxes.errors import Conflict, Forbidden, Invalid
from mailboxes.models import CodeTries, Event, Member, Role, User
from mailboxes.second_factor import CodesLocked, WrongCode
from tests import builders
from tests.codes import code_of, enrol, wrong_code
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def rhea(clock: Clock) -> Member:
    clock.set(clock.now())
    return builders.member(builders.tenant().account)


def kinds(member: Member) -> list[str]:
    return list(Event.objects.filter(subject=str(member.pk)).order_by("seq").values_list("kind", flat=True))


def told(member: Member) -> dict[str, object]:
    data: dict[str, object] = json.loads(Event.objects.filter(subject=str(member.pk)).latest("seq").data)
    return data


def test_a_code_of_the_app_switches_it_on_and_ten_recovery_codes_are_told(rhea: Member, clock: Clock) -> None:
    _, codes = enrol(rhea.user, now=clock.now())
    assert len(set(codes)) == 10
    assert second_factor.is_enrolled(User.objects.get(pk=rhea.user_id))
    assert second_factor.recovery_codes_left(rhea.user) == 10
    assert kinds(rhea)[-1] == "member.mfa_enabled"
    assert told(rhea)["by"] == f"member:{rhea.pk}"


def test_a_wrong_code_switches_nothing_on(rhea: Member, clock: Clock) -> None:
    secret = second_factor.new_secret()
    with pytest.raises(WrongCode):
        second_factor.confirm(rhea.user, secret=secret, code=wrong_code(secret, clock.now()), now=clock.now())
    assert not second_factor.is_enrolled(User.objects.get(pk=rhea.user_id))
    assert not Authenticator.objects.filter(user=rhea.user).exists()


def test_it_is_switched_on_once(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    other = second_factor.new_secret()
    with pytest.raises(Conflict):
        second_factor.switch_on(rhea.user, secret=other, now=clock.now())
    second_factor.check_code(rhea.user, code_of(secret, clock.now()), now=clock.now())


def test_secrets_are_encrypted_at_rest(rhea: Member, clock: Clock) -> None:
    secret, codes = enrol(rhea.user, now=clock.now())
    stored = json.dumps(list(Authenticator.objects.filter(user=rhea.user).values_list("data", flat=True)))
    assert secret not in stored
    assert all(code not in stored for code in codes)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_that_is_half_a_minute_wrong_does_no_harm(rhea: Member, clock: Clock, steps: int) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    later = clock.advance(seconds=300)
    second_factor.check_code(rhea.user, code_of(secret, later, steps=steps), now=later)


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_another_minute_is_wrong(rhea: Member, clock: Clock, steps: int) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    later = clock.advance(seconds=300)
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, code_of(secret, later, steps=steps), now=later)


def test_a_code_works_once_in_the_whole_time_in_which_it_is_let_pass(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    now = clock.advance(seconds=300)
    code = code_of(secret, now, steps=1)
    second_factor.check_code(rhea.user, code, now=now)
    for seconds in (0, 20, 20, 19):
        now = clock.advance(seconds=seconds)
        with pytest.raises(WrongCode):
            second_factor.check_code(rhea.user, code, now=now)


def test_no_code_older_than_the_last_one_is_taken(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    now = clock.advance(seconds=300)
    second_factor.check_code(rhea.user, code_of(secret, now), now=now)
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, code_of(secret, now, steps=-1), now=now)


def test_the_code_that_switched_it_on_opens_nothing_afterwards(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, code_of(secret, clock.now(), steps=-1), now=clock.now())


def test_five_wrong_codes_lock_and_say_until_when_even_for_the_right_one(rhea: Member, clock: Clock) -> None:
    secret, codes = enrol(rhea.user, now=clock.now())
    wrong = wrong_code(secret, clock.now())
    for _ in range(4):
        with pytest.raises(WrongCode):
            second_factor.check_code(rhea.user, wrong, now=clock.now())
    for text in (wrong, code_of(secret, clock.now()), codes[0]):
        with pytest.raises(CodesLocked) as locked:
            second_factor.check_code(rhea.user, text, now=clock.now())
        assert "Try again after" in locked.value.fix
        assert locked.value.status == 429
    assert kinds(rhea).count("member.codes_locked") == 1
    now = clock.advance(seconds=15 * 60)
    second_factor.check_code(rhea.user, code_of(secret, now), now=now)
    assert CodeTries.objects.get(user=rhea.user).wrong_count == 0


def test_a_right_code_forgets_the_wrong_ones(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    for _ in range(3):
        now = clock.advance(seconds=60)
        for _ in range(4):
            with pytest.raises(WrongCode):
                second_factor.check_code(rhea.user, wrong_code(secret, now), now=now)
        second_factor.check_code(rhea.user, code_of(secret, now), now=now)


def test_a_recovery_code_works_once_and_is_told(rhea: Member, clock: Clock) -> None:
    _, codes = enrol(rhea.user, now=clock.now())
    typed = f" {codes[3][:4]} {codes[3][4:]} "
    second_factor.check_code(rhea.user, typed, now=clock.now())
    assert second_factor.recovery_codes_left(rhea.user) == 9
    assert kinds(rhea)[-1] == "member.recovery_code_used"
    assert told(rhea)["left"] == 9
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, codes[3], now=clock.now())


def test_new_recovery_codes_end_the_old_ones(rhea: Member, clock: Clock) -> None:
    _, old = enrol(rhea.user, now=clock.now())
    new = second_factor.renew_recovery_codes(rhea.user, now=clock.now())
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, old[0], now=clock.now())
    second_factor.check_code(rhea.user, new[0], now=clock.now())
    assert "member.recovery_codes_renewed" in kinds(rhea)


def test_nobody_without_a_second_factor_gets_recovery_codes(rhea: Member, clock: Clock) -> None:
    with pytest.raises(Conflict):
        second_factor.renew_recovery_codes(rhea.user, now=clock.now())


@pytest.mark.parametrize("text", ["", " ", "١٢٣٤٥٦", "abcdef", "1" * 500, "\x00", "123456\n"])
def test_odd_text_is_a_wrong_code_and_nothing_worse(rhea: Member, clock: Clock, text: str) -> None:
    enrol(rhea.user, now=clock.now())
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, text, now=clock.advance(seconds=7200))


def test_switched_off_nothing_is_left(rhea: Member, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    assert second_factor.switch_off(rhea.user, now=clock.now())
    assert not second_factor.switch_off(rhea.user, now=clock.now())
    assert not Authenticator.objects.filter(user=rhea.user).exists()
    assert kinds(rhea)[-1] == "member.mfa_disabled"
    with pytest.raises(WrongCode):
        second_factor.check_code(rhea.user, code_of(secret, clock.now()), now=clock.now())


def test_an_operator_resets_it_with_a_reason(rhea: Member, clock: Clock) -> None:
    enrol(rhea.user, now=clock.now())
    for reason in ("", "  ", "x" * 201):
        with pytest.raises(Invalid):
            second_factor.reset(rhea.user, by="operator:1", reason=reason, now=clock.now())
    assert second_factor.is_enrolled(rhea.user)
    assert second_factor.reset(rhea.user, by="operator:1", reason="Phone lost", now=clock.now())
    assert not second_factor.is_enrolled(User.objects.get(pk=rhea.user_id))
    assert told(rhea) == {
        "by": "operator:1",
        "reason": "Phone lost",
        "member_id": str(rhea.pk),
        "user_id": str(rhea.user_id),
    }


def test_sessions_end_where_a_second_factor_comes_or_goes(rhea: Member, clock: Clock) -> None:
    hashes = [rhea.user.get_session_auth_hash()]
    enrol(rhea.user, now=clock.now())
    hashes.append(rhea.user.get_session_auth_hash())
    second_factor.switch_off(rhea.user, now=clock.now())
    clock.advance(seconds=60)
    enrol(rhea.user, now=clock.now())
    hashes.append(rhea.user.get_session_auth_hash())
    assert len(set(hashes)) == 3
    assert rhea.user.get_session_auth_hash() == User.objects.get(pk=rhea.user_id).get_session_auth_hash()


def test_what_an_operator_without_an_account_does_stands_in_the_log_of_the_house(clock: Clock) -> None:
    operator = User.objects.create_superuser("op@people.example", builders.PASSWORD)
    enrol(operator, now=clock.now())
    assert Event.objects.get(subject=str(operator.pk)).kind == "member.mfa_enabled"


def test_only_an_owner_with_a_second_factor_asks_it_of_the_members(clock: Clock) -> None:
    alice = builders.tenant()
    admin = builders.member(alice.account, "ada", Role.ADMIN)
    enrol(admin.user, now=clock.now())
    for one in (admin, alice.owner):
        with pytest.raises(Forbidden):
            second_factor.require_of_members(one, True, now=clock.now())
    enrol(alice.owner.user, now=clock.now())
    assert second_factor.require_of_members(alice.owner, True, now=clock.now())
    assert not second_factor.require_of_members(alice.owner, True, now=clock.now())
    assert second_factor.is_missing(builders.member(alice.account).user, alice.owner.account)
    assert second_factor.require_of_members(alice.owner, False, now=clock.now())
