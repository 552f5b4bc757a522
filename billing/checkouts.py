"""A checkout: asked for by an agent or a member, opened once, paid at Stripe or approved by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from mailboxes import checkout_links, departure, events
from mailboxes.errors import Conflict, Gone
from mailboxes.models import Account, Member, Role

from . import endings, locks, plans, stripe_api, subscriptions
from .models import Checkout, CheckoutState, Via
from .plans import Plan
from .stripe_api import Session, StripeFailed, Wanted

VALID_FOR = timedelta(hours=24)
FIRST_CHECK = timedelta(minutes=2)
# A session that can still be paid; one that is complete, and whose payment takes days.
UNDECIDED = frozenset({"open", "complete", "incomplete"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Which plan, for which period, and who asks: an `identity` of mailboxes.principals."""

    plan: str
    period: str
    by: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkout that can be paid. `is_new`: this call made it."""

    checkout: Checkout
    is_new: bool

    @property
    def url(self) -> str:
        return url_of(self.checkout)


def open_(account: Account, asked: Asked, *, now: datetime) -> Opened:
    """The account's open checkout of that plan and period, a new one if there is none. Safe to call at any time.

    Raises Invalid, Conflict (`already_paid`), PlansOff, or StripeFailed after which it may be called again. Calls
    Stripe, so never inside of a transaction.
    """
    plan = plans.get_paid(asked.plan)
    price = plan.price(asked.period)
    checkout, is_new = _place(account, plan, asked, price, now=now)
    if not is_ready(checkout):
        checkout = ask_stripe(checkout, now=now)
    return Opened(checkout, is_new)


def is_ready(checkout: Checkout) -> bool:
    """Whether somebody can pay it: Stripe has answered, or need not be asked."""
    return checkout.via == Via.OPERATOR or bool(checkout.session_id)


def is_covered(checkout: Checkout) -> bool:
    """Whether the account has that plan or a larger one by now."""
    return plans.rank_of(checkout.account.plan) >= plans.rank_of(checkout.plan)


def is_open(checkout: Checkout, *, now: datetime) -> bool:
    return checkout.state == CheckoutState.OPEN and checkout.expires_at > now


def url_of(checkout: Checkout) -> str:
    """Where a human completes it."""
    return checkout.url or checkout_links.url(checkout.pk)


def ask_stripe(checkout: Checkout, *, now: datetime) -> Checkout:
    """The row with its session. Asked again, by whomever, it is the same session: the row's id is Stripe's key."""
    try:
        session = stripe_api.open_session(_wanted(checkout))
    except StripeFailed as failure:
        if failure.is_final:  # the same key would get the same answer; the next call takes a new row
            unanswered = Checkout.objects.filter(pk=checkout.pk, session_id="")
            unanswered.update(state=CheckoutState.FAILED, closed_at=now, closed_by="stripe", next_check_at=None)
        raise
    try:
        return _record_answer(checkout, session, now=now)
    except Gone:  # deleted while Stripe was asked: nobody gets the address, and nobody can pay
        endings.add([session.session_id], now=now)
        Checkout.objects.filter(pk=checkout.pk).update(next_check_at=None)
        raise


def _record_answer(checkout: Checkout, session: Session, *, now: datetime) -> Checkout:
    with transaction.atomic():
        locks.hold(checkout.account_id)
        departure.check_here(checkout.account)
        is_first = Checkout.objects.filter(pk=checkout.pk, session_id="").update(
            session_id=session.session_id,
            url=session.url,
            expires_at=session.expires_at,
            next_check_at=now + FIRST_CHECK,
        )
        current = Checkout.objects.select_related("account").get(pk=checkout.pk)
        if is_first:
            record_opened(current, now=now)
    return current


def settle(checkout: Checkout, session: Session, *, now: datetime) -> None:
    """Write down what Stripe says of the session. In whatever order it is heard, the end is the same."""
    with transaction.atomic():
        locks.hold(checkout.account_id)
        current = Checkout.objects.select_related("account").filter(pk=checkout.pk).first()
        status = session.bought.status if session.bought else session.status
        if current is None or current.account.departed_at or status in UNDECIDED:
            return
        if session.bought is None or status == "incomplete_expired":
            _finish(current, CheckoutState.EXPIRED, by="stripe", now=now)
        else:
            subscriptions.record(current, session.bought, now=now)
            _finish(current, CheckoutState.COMPLETED, by="stripe", now=now)


def approve(checkout: Checkout, *, by: str, now: datetime) -> None:
    """An operator says that it is settled: the account gets the plan. Raises Conflict once it is over."""
    with transaction.atomic():
        current = _waiting_for_operator(checkout, now=now)
        plan = plans.get(current.plan)
        _check_not_paid(current.account, plan)
        subscriptions.grant(current.account, plan, period=current.period, by=by, now=now)
        _finish(current, CheckoutState.COMPLETED, by=by, now=now)


def decline(checkout: Checkout, *, by: str, now: datetime) -> None:
    """An operator says no. Raises Conflict once it is over."""
    with transaction.atomic():
        _finish(_waiting_for_operator(checkout, now=now), CheckoutState.DECLINED, by=by, now=now)


def record_opened(checkout: Checkout, *, now: datetime) -> None:
    """Tell that it can be paid. The address stands nowhere in the log; the mail makes it from the id."""
    data = {"checkout_id": str(checkout.pk), "plan": checkout.plan, "period": checkout.period, "by": checkout.asked_by}
    events.record(checkout.account_id, "billing.checkout_opened", subject=str(checkout.pk), data=data, now=now)


def _place(account: Account, plan: Plan, asked: Asked, price: int, *, now: datetime) -> tuple[Checkout, bool]:
    via = Via.STRIPE if stripe_api.is_linked() else Via.OPERATOR
    with transaction.atomic():
        locks.hold(account.pk)
        account.refresh_from_db(fields=["plan"])
        _check_not_paid(account, plan)
        same = Checkout.objects.filter(
            account=account, plan=plan.name, period=asked.period, via=via, state=CheckoutState.OPEN
        )
        # Over by our clock: Stripe may know better, so next_check_at stays until it has said.
        same.filter(expires_at__lte=now).update(state=CheckoutState.EXPIRED, closed_at=now)
        if found := same.first():
            return found, False
        checkout = Checkout.objects.create(
            account=account,
            plan=plan.name,
            period=asked.period,
            amount=price,
            currency=plans.offer().currency,
            via=via,
            asked_by=asked.by,
            created_at=now,
            expires_at=now + VALID_FOR,
            next_check_at=now + FIRST_CHECK,
        )
        if is_ready(checkout):
            record_opened(checkout, now=now)
    return checkout, True


def _check_not_paid(account: Account, plan: Plan) -> None:
    if plans.rank_of(account.plan) >= plan.rank:
        raise Conflict(
            f"The account has the plan {account.plan} already.",
            code="already_paid",
            fix="There is nothing to pay. Ask for a larger plan if you need more.",
        )


def _wanted(checkout: Checkout) -> Wanted:
    owner = Member.objects.select_related("user").filter(account_id=checkout.account_id, role=Role.OWNER)
    return Wanted(
        key=str(checkout.pk),
        account_id=str(checkout.account_id),
        plan=checkout.plan,
        period=checkout.period,
        amount=checkout.amount,
        currency=checkout.currency,
        page_url=checkout_links.url(checkout.pk),
        email=owner.earliest("created_at").user.email,
        customer_id=subscriptions.customer_of(checkout.account),
    )


def _waiting_for_operator(checkout: Checkout, *, now: datetime) -> Checkout:
    locks.hold(checkout.account_id)
    current = Checkout.objects.select_related("account").get(pk=checkout.pk)
    if current.via != Via.OPERATOR or not is_open(current, now=now):
        raise Conflict("This checkout is over.", code="checkout_over", fix="Ask for the upgrade again.")
    return current


def _finish(checkout: Checkout, state: CheckoutState, *, by: str, now: datetime) -> None:
    """The checkout's end, told once. Nothing more is to be learnt of it."""
    if checkout.state == state:
        Checkout.objects.filter(pk=checkout.pk).update(next_check_at=None)
        return
    Checkout.objects.filter(pk=checkout.pk).update(state=state, closed_at=now, closed_by=by, next_check_at=None)
    if state == CheckoutState.COMPLETED:
        # Nobody should pay for less than the account has now: the other sessions are looked at, and ended.
        others = Checkout.objects.filter(account_id=checkout.account_id, state=CheckoutState.OPEN, via=Via.STRIPE)
        others.update(next_check_at=now)
    data = {"checkout_id": str(checkout.pk), "plan": checkout.plan, "period": checkout.period, "by": by}
    events.record(checkout.account_id, f"billing.checkout_{state}", subject=str(checkout.pk), data=data, now=now)
