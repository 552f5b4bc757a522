"""Which held mails say the same: what a mail is without the numbers and names that a template fills in.

Pure. In doubt two mails are not alike: links, files, the place of answers, and recipients that could pass for others
count as they stand. What was left blank is kept, since a reviewer who has read ten of a hundred must be shown where the
others differ.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Id = TypeVar("Id")

MOST_BLANKS, BLANK_LENGTH = 50, 80
LONGEST = 50_000
# Enough alike to say that whoever differs is one of few.
MOSTLY = 0.5
MUCH_MORE = 3
MOST_SAMPLES, FEWEST_SAMPLES = 10, 3

# Each is looked for at the beginning of a word only, and has a greatest length: the time is that of the text.
LINK = (
    r"(?<![\w.-])(?:(?:[a-z][a-z0-9+.-]{1,20}:/{0,2}|www\.)[^\s<>\"')\]]+"
    r"|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,63}(?![\w])(?:/[^\s<>\"')\]]*)?)"
)
ADDRESS = r"(?<![^\s<>\"'(),;:@])[^\s<>\"'(),;:@]{1,64}@[\w.-]{1,255}"
NUMBER = r"(?<![\w])[0-9]+(?:[.,:/-][0-9]+)*(?![\w])"
GREETING = re.compile(
    r"\A(\s*(?:<[^>]*>\s*)*(?:hi|hello|hey|dear|good (?:morning|day|evening))[ ]+)"
    r"((?:(?:mr|mrs|ms|dr)\.? )?[^\W\d_]{1,20}(?:[ '-][^\W\d_]{1,20}){0,2})(?=[ ]*(?:[,!:]|\r?\n|<|\Z))",
    re.IGNORECASE,
)
# Letters that pass for others, in a host written in ASCII.
SKELETON = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("-", ""))
DISGUISED = re.compile(r"[a-z][0-9]|[0-9][a-z]")


@dataclass(frozen=True, slots=True)
class Letter:
    """What of a mail its reader and its recipients' servers get. `place` is where it comes from and why it is held."""

    place: tuple[str, ...]
    recipients: tuple[tuple[str, ...], ...]
    subject: str
    text: str
    html: str = ""
    reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Likeness:
    """`fingerprint` is the same for mails that say the same, "" for one like no other. `blanks` are what was left out,
    in the order of the text: in one group the same place of it is the same place of the template."""

    fingerprint: str
    blanks: tuple[str, ...]


NOTHING_LIKE_IT = Likeness("", ())


def of(letter: Letter) -> Likeness:
    """The mail's fingerprint and what it leaves out."""
    everybody = [address for kind in letter.recipients for address in kind]
    if len(letter.subject) + len(letter.text) + len(letter.html) > LONGEST:
        return NOTHING_LIKE_IT
    template = _template(everybody)
    blanks: list[str] = []
    told = [_blanked(part, template, everybody, blanks) for part in (letter.subject, letter.text, letter.html)]
    if len(blanks) > MOST_BLANKS or any(len(blank) > BLANK_LENGTH for blank in blanks):
        return NOTHING_LIKE_IT
    odd = sorted(address for address in everybody if is_odd(address))
    sizes = [str(len(kind)) for kind in letter.recipients]
    headers = [f"{name}:{value}" for name, value in sorted(letter.headers)]
    parts = [letter.place, told, sizes, odd, [letter.reply_to], headers, sorted(letter.files)]
    written = "\x1d".join("\x1f".join(part) for part in parts)
    return Likeness(hashlib.sha256(written.encode()).hexdigest()[:32], tuple(blanks))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: words that all share, or the blank of that number, from 0, which holds such a kind."""

    text: str
    blank: int | None = None


def outline(letter: Letter) -> tuple[list[Part], list[Part]]:
    """Subject and text of a mail as its group shares them, with numbered blanks in the order of `Likeness.blanks`."""
    everybody = [address for kind in letter.recipients for address in kind]
    template, blanks = _template(everybody), list[str]()
    subject = _parts(_marked(letter.subject, template, everybody, blanks), begun=0)
    return subject, _parts(_marked(letter.text, template, everybody, blanks), begun=_blank_count(subject))


def _parts(marked: str, *, begun: int) -> list[Part]:
    """Words and blanks by turns, as the marks cut them; a greeting's name was blanked first, wherever it stands."""
    pieces = re.split(r"\x00([a-z]*)\x00", marked)
    greeted = pieces[1::2].count("")
    parts, number = [], begun + greeted
    for place, piece in enumerate(pieces):
        if not place % 2:
            parts += [Part(piece)] if piece else []
        elif not piece:
            parts.append(Part("name", begun))
        else:
            parts.append(Part(piece, number))
            number += 1
    return parts


def _blank_count(parts: Sequence[Part]) -> int:
    return sum(part.blank is not None for part in parts)


def is_odd(address: str) -> bool:
    """Whether the address holds letters that could pass for others: it is alike to none but itself."""
    _, _, host = address.rpartition("@")
    return not address.isascii() or any(one.startswith("xn--") or DISGUISED.search(one) for one in host.split("."))


def outliers(blanks: Mapping[Id, Sequence[str]], recipients: Mapping[Id, Sequence[str]]) -> dict[Id, str]:
    """Members of one group that a sample must hold, with why: a value, an amount, a domain unlike the others'."""
    found: dict[Id, str] = {}
    for place in zip(*(_padded(blanks)), strict=True):
        for pk, why in _unlike(dict(zip(blanks, place, strict=True))):
            found.setdefault(pk, why)
    domains = {pk: "|".join(sorted(map(_host, addresses))) for pk, addresses in recipients.items()}
    for pk, _ in _minority(domains):
        found.setdefault(pk, f"Its recipients are elsewhere: {domains[pk]}.")
    return found


def look_alikes(recipients: Mapping[Id, Sequence[str]]) -> dict[Id, str]:
    """Members whose recipients' host could pass for another member's: they leave the group. The commoner host stays."""
    hosts = Counter(_host(address) for addresses in recipients.values() for address in addresses)
    commonest: dict[str, str] = {}
    for host, _ in sorted(hosts.items(), key=lambda one: (-one[1], one[0])):
        commonest.setdefault(_skeleton(host), host)
    found = {}
    for pk, addresses in recipients.items():
        for host in map(_host, addresses):
            other = commonest[_skeleton(host)]
            if other != host:
                found[pk] = f"{host} looks like {other}, which others of the group are for."
    return found


def samples_needed(count: int) -> int:
    """How many of a group one person must have opened before approving `count` of it."""
    root = next(number for number in range(1, count + 2) if number * number >= count)
    return min(count, max(FEWEST_SAMPLES, root), MOST_SAMPLES)


def _template(everybody: Sequence[str]) -> re.Pattern[str]:
    """What is found in a text: links and foreign addresses, which stay; own addresses, names and numbers, which do
    not."""
    names = {name for address in everybody for name in re.findall(r"[^\W\d_]{2,}", address.rpartition("@")[0])}
    words = "|".join(sorted(map(re.escape, names), key=lambda word: (-len(word), word)))
    name = rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)"
    return re.compile(rf"(?P<address>{ADDRESS})|(?P<link>{LINK})|(?P<name>{name})|(?P<number>{NUMBER})", re.IGNORECASE)


def _blanked(text: str, template: re.Pattern[str], everybody: Sequence[str], blanks: list[str]) -> str:
    return " ".join(_marked(text, template, everybody, blanks).split())


def _marked(text: str, template: re.Pattern[str], everybody: Sequence[str], blanks: list[str]) -> str:
    known = {address.casefold() for address in everybody}

    def blank(found: re.Match[str]) -> str:
        kind = found.lastgroup
        if kind == "link" or (kind == "address" and found[0].casefold().strip(".") not in known):
            return found[0]
        blanks.append(found[0])
        return f"\x00{kind}\x00"

    text = unicodedata.normalize("NFC", text).replace("\x00", "")
    greeting = GREETING.match(text)
    if greeting:
        blanks.append(greeting[2])
        text = f"{greeting[1]}\x00\x00{text[greeting.end() :]}"
    return template.sub(blank, text)


def _padded(blanks: Mapping[Id, Sequence[str]]) -> Iterator[Sequence[str]]:
    most = max(map(len, blanks.values()), default=0)
    yield from (tuple(values) + ("",) * (most - len(values)) for values in blanks.values())


def _unlike(values: Mapping[Id, str]) -> Iterator[tuple[Id, str]]:
    few = list(_minority(values))
    yield from ((pk, f"“{values[pk]}” where most have “{usual}”.") for pk, usual in few)
    amounts = {pk: amount for pk, value in values.items() if (amount := _amount(value)) is not None}
    if few or len(amounts) < FEWEST_SAMPLES:
        return
    usual = median(amounts.values())
    for pk, amount in amounts.items():
        if amount > usual * MUCH_MORE:
            yield pk, f"“{values[pk]}” is much more than is usual here."


def _minority(values: Mapping[Id, str]) -> Iterator[tuple[Id, str]]:
    """Who has another value than most, and that of most; nobody where no value is that common."""
    if len(values) < FEWEST_SAMPLES:
        return
    ((usual, count),) = Counter(values.values()).most_common(1)
    if count >= max(2.0, len(values) * MOSTLY):
        yield from ((pk, usual) for pk, value in values.items() if value != usual)


def _amount(text: str) -> float | None:
    """A number as people write it: both marks may group the thousands."""
    if not re.fullmatch(r"[0-9]+(?:[.,][0-9]+)*", text):
        return None
    whole, mark, cents = re.sub(r"[.,](?=[0-9]{3}(?![0-9]))", "", text).replace(",", ".").partition(".")
    return float(f"{whole}{mark}{cents.replace('.', '')}")


def _host(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _skeleton(host: str) -> str:
    for seen, meant in SKELETON:
        host = host.replace(seen, meant)
    return host
