"""System checks of the ways out: settings that can't work are told at start, not per mail or request."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from .outbound import delivery
from .safe_http import addresses


@register(Tags.compatibility)
def check_way_out(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="messaging.E001") for problem in delivery.transport_problems()]


@register(Tags.compatibility)
def check_private_hosts(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="messaging.E002") for problem in addresses.problems()]
