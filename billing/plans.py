"""Plans as data: what each costs and allows. The paid ones stand here; the free one is what the settings allow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from mailboxes import quotas
from mailboxes.errors import Invalid, Problem
from mailboxes.models import LimitKind

GIB = 1024**3
MONTHLY, ANNUAL = "monthly", "annual"
PERIODS = (MONTHLY, ANNUAL)
# Currencies whose smallest unit is the unit itself, as Stripe counts them.
WITHOUT_CENTS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)


class PlansOff(Problem):
    """This server offers no plans."""

    status = 503
    code = "billing_off"


@dataclass(frozen=True, slots=True)
class Plan:
    """A name with limits. Prices are in the currency's smallest unit; None where there is none.

    `limits` are by the names of LimitKind; 0 is unlimited. A larger `rank` is a larger plan.
    """

    name: str
    rank: int
    monthly: int
    annual: int | None
    limits: Mapping[str, int] = field(default_factory=dict)

    def price(self, period: str) -> int:
        """What one period costs. Raises Invalid for a period that this plan does not have."""
        price = {MONTHLY: self.monthly, ANNUAL: self.annual}.get(period)
        if price is None:
            raise Invalid(
                f"The plan {self.name} is not offered for the period {period[:20]!r}.",
                code="period_unavailable",
                fix='Use "monthly"; annualAvailability of GET /v1/account says which plans have "annual".',
                field="period",
            )
        return price


@dataclass(frozen=True, slots=True)
class Offer:
    """All paid plans, smallest first, and the currency of their prices."""

    currency: str
    plans: tuple[Plan, ...]


# One year costs nine months. What a limit of a kind that LimitKind does not know says is not heard.
OFFER = Offer(
    "usd",
    (
        Plan(
            "developer",
            1,
            1_900,
            17_100,
            {
                "mailboxes": 10,
                "daily_sends": 500,
                "monthly_sends": 15_000,
                "monthly_inbound": 2_000,
                "storage_bytes": 10 * GIB,
                "domains": 1,
            },
        ),
        Plan(
            "growth",
            2,
            7_900,
            71_100,
            {
                "mailboxes": 50,
                "daily_sends": 1_000,
                "monthly_sends": 0,
                "monthly_inbound": 20_000,
                "storage_bytes": 25 * GIB,
                "domains": 5,
            },
        ),
        Plan(
            "scale",
            3,
            19_900,
            179_100,
            {
                "mailboxes": 200,
                "daily_sends": 2_000,
                "monthly_sends": 0,
                "monthly_inbound": 0,
                "storage_bytes": 100 * GIB,
                "domains": 0,
            },
        ),
    ),
)
FREE = Plan("free", 0, 0, None)


def are_on() -> bool:
    return bool(settings.PLANS != "off")


def offer() -> Offer:
    """The paid plans that this server offers. Raises PlansOff where it offers none."""
    if not are_on():
        raise PlansOff("This server has no plans to upgrade to.", fix="Ask its operator to raise your limits.")
    return _read(settings.PLANS)


def get_paid(name: str) -> Plan:
    """The paid plan of that name. Raises Invalid for any other."""
    plans = offer().plans
    found = next((plan for plan in plans if plan.name == name), None)
    if found is None:
        raise Invalid(
            f"There is no paid plan {name[:40]!r}.",
            code="unknown_plan",
            fix=f"Use one of {', '.join(plan.name for plan in plans)}.",
            field="plan",
        )
    return found


def get(name: str) -> Plan:
    """The plan of that name, free included; an operator may give it also where none is offered."""
    found = next((plan for plan in (FREE, *_read(settings.PLANS).plans) if plan.name == name), None)
    if found is None:
        raise Invalid(f"There is no plan {name[:40]!r}.", code="unknown_plan", fix=f"Use one of {', '.join(names())}.")
    return found


def names() -> list[str]:
    """Every plan, smallest first."""
    return [plan.name for plan in (FREE, *_read(settings.PLANS).plans)]


def rank_of(name: str) -> int:
    """How large a plan is; 0 for one that nobody knows any more."""
    return get(name).rank if name in names() else FREE.rank


def limits_of(plan: Plan) -> dict[LimitKind, int]:
    """Every limit that plans set, as this one has it."""
    amounts = quotas.defaults() if plan == FREE else plan.limits
    return {kind: amounts[kind] for kind in kinds()}


def kinds() -> list[LimitKind]:
    """The kinds of limit that plans set. Others are the settings', whatever the plan."""
    return [kind for kind in LimitKind if kind in OFFER.plans[0].limits]


def annual_availability() -> dict[str, bool]:
    """Which paid plans can be had by the year."""
    return {plan.name: are_on() and plan.annual is not None for plan in _read(settings.PLANS).plans}


def money(amount: int, currency: str = "") -> str:
    """A price in words: `USD 19`, `EUR 142.50`. Left out: the currency of the offer."""
    currency = currency or _read(settings.PLANS).currency
    if currency in WITHOUT_CENTS:
        return f"{currency.upper()} {amount:,}"
    return f"{currency.upper()} {amount // 100:,}" + (f".{amount % 100:02}" if amount % 100 else "")


def problem_of(source: str) -> str:
    """What is wrong with the setting PLANS; empty if nothing."""
    try:
        _read(source)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


@cache
def _read(source: str) -> Offer:
    """OFFER, changed by the file that PLANS names. Raises OSError or ValueError for one that can't be used."""
    if source in ("on", "off"):
        return OFFER
    content = json.loads(Path(source).read_text())
    if not isinstance(content, dict):
        raise ValueError("The file of plans must hold a JSON object.")
    currency = content.pop("currency", OFFER.currency)
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.islower()):
        raise ValueError("currency must be three small letters, such as eur.")
    if unknown := set(content) - {plan.name for plan in OFFER.plans}:
        raise ValueError(f"There is no paid plan {min(unknown)!r}.")
    return Offer(currency, tuple(_changed(plan, content.get(plan.name, {})) for plan in OFFER.plans))


def _changed(plan: Plan, changes: Any) -> Plan:
    if not isinstance(changes, dict) or set(changes) - {"monthly", "annual", "limits"}:
        raise ValueError(f"{plan.name} may have monthly, annual and limits, nothing else.")
    limits = changes.get("limits", {})
    if not isinstance(limits, dict) or set(limits) - set(plan.limits):
        raise ValueError(f"The limits of {plan.name} may be {', '.join(plan.limits)}, nothing else.")
    for name, amount in limits.items():
        _check_amount(amount, f"{plan.name}: {name}", least=0)
    _check_amount(changes.get("monthly", plan.monthly), f"{plan.name}: monthly", least=1)
    if changes.get("annual") is not None:
        _check_amount(changes["annual"], f"{plan.name}: annual", least=1)
    return replace(plan, **{**changes, "limits": {**plan.limits, **limits}})


def _check_amount(amount: object, what: str, *, least: int) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < least:
        raise ValueError(f"{what} must be a whole number, {least} or more.")
