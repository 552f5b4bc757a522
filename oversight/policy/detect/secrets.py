"""What should not leave: keys, private keys, passwords, numbers of cards and accounts, however they are wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from oversight.policy.types import Secret

from . import cards, disguises, ibans, keys
from .material import Material, everything
from .plain import LONGEST

_Finder = Callable[[str], bool]
BETWEEN = "\n\n\n\n\n"  # no finder's pattern reaches over it

_OWN: Mapping[str, _Finder] = {"own_key": keys.has_own}
_FINDERS: Mapping[str, _Finder] = {
    "api_key": keys.has_services,
    "private_key": keys.has_private,
    "card_number": lambda text: cards.is_present(text) and cards.is_present(ibans.without(text)),
    "iban": lambda text: next(ibans.find(text), None) is not None,
    "password": keys.has_password,
}


def find(material: Material) -> tuple[Secret, ...]:
    """Every kind of secret and where it stands, each once. Never the secret itself. Total."""
    found = _found(material, _FINDERS, longest=LONGEST)
    return (*own_keys(material), *dict.fromkeys(found))


def own_keys(material: Material) -> tuple[Secret, ...]:
    """As `find`, for keys of this house alone, and in all of a text however long: cheap enough for every send."""
    return tuple(dict.fromkeys(_found(material, _OWN, longest=None)))


def _found(material: Material, finders: Mapping[str, _Finder], *, longest: int | None) -> Iterator[Secret]:
    for where, text in everything(material, longest=longest):
        yield from (Secret(kind, where) for kind, has in finders.items() if has(text))
        inner = BETWEEN.join(disguises.unwrapped(text))  # at once: a hostile text has a hundred thousand wrappings
        if inner:
            yield from (Secret(kind, f"{where}, wrapped") for kind, has in finders.items() if has(inner))
