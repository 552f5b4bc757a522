"""STUB"""

from dataclasses import dataclass
from .base import SendResult


@dataclass(frozen=True, slots=True)
class ProviderTransport:
    name: str

    def send(self, envelope, raw, *, on_data):
        raise NotImplementedError
