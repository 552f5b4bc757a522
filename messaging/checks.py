"""System checks of the way out: a relay or provider that can't work is told at start, not per mail."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from .outbound import delivery


@register(Tags.compatibility)
def check_way_out(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="messaging.E001") for problem in delivery.transport_problems()]
