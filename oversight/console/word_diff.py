"""What differs between two texts, word by word, in bounded time: a hostile text costs no more than a long one.

Lines are compared first, then the words of lines that differ. What is too much to compare is shown as taken out and
put in whole: never wrong, only less fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

# Of comparing n with m pieces the time grows as n times m, and again as n where few words repeat all the time. From 200
# on difflib looks at what is frequent no more.
MOST_COMPARED, MOST_LINES, MOST_WORDS, MOST_WORK = 200_000, 800, 600, 12_000_000
FREQUENT_FROM, RARE = 200, 8
MOST_PIECES, MOST_OF_CHANGE, MOST_OF_SAME = 400, 20_000, 600
WORD = re.compile(r"[^\S\n]*(?:\w+|[^\w\s])|\n|[^\S\n]+")
SAME, ADDED, REMOVED = "same", "added", "removed"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text: `kind` is same, added or removed. Of a long one `cut` characters before `tail` are not shown."""

    kind: str
    text: str
    cut: int = 0
    tail: str = ""


def compare(old: str, new: str) -> list[Piece]:
    """The pieces of both texts in reading order, what was removed before what was added in its place."""
    old, new = _plain(old), _plain(new)
    alike = old[: _alike(old, new)]
    start = max(alike.rfind(" "), alike.rfind("\n") + 1, 0)  # whole words, each with the blank before it
    turned = old[start:][::-1], new[start:][::-1]
    alike = turned[0][: _alike(*turned)]
    end = max(alike.rfind(" "), alike.rfind("\n")) + 1
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    is_long = max(len(before), len(after)) > MOST_COMPARED
    inner = _replaced([before], [after]) if is_long else _by_line(_lines(before), _lines(after))
    pieces = [Piece(SAME, old[:start]), *inner, Piece(SAME, old[len(old) - end :])]
    return [_shown(piece) for piece in _few(_joined(_without_blanks(_joined(pieces))))]


def compare_lists(old: Sequence[str], new: Sequence[str]) -> list[Piece]:
    """The items of both lists: those that stayed, then those that were taken out, then those that came."""
    stayed = [Piece(SAME, item) for item in old if item in new]
    gone = [Piece(REMOVED, item) for item in old if item not in new]
    return [*stayed, *gone, *(Piece(ADDED, item) for item in new if item not in old)]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _alike(old: str, new: str) -> int:
    """How long what both begin with is."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _lines(text: str) -> list[str]:
    return re.split(r"(?<=\n)", text)


def _by_line(old: list[str], new: list[str]) -> Iterator[Piece]:
    left = MOST_WORK
    for tag, gone, came in _matched(old, new, most=MOST_LINES):
        if tag == "equal":
            yield Piece(SAME, "".join(gone))
            continue
        words = WORD.findall("".join(gone)), WORD.findall("".join(came))
        left -= _work(*map(len, words))
        for word_tag, before, after in _matched(*words, most=MOST_WORDS if left > 0 else 0):
            yield from [Piece(SAME, "".join(before))] if word_tag == "equal" else _replaced(before, after)


def _work(old: int, new: int) -> int:
    return old * new * (RARE if new >= FREQUENT_FROM else min(old, new))


def _matched(old: list[str], new: list[str], *, most: int) -> Iterator[tuple[str, list[str], list[str]]]:
    """Runs of both as (tag, old, new); of more than `most` the whole is replaced."""
    if max(len(old), len(new)) > most:
        yield "replace", old, new
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=True).get_opcodes():
        yield tag, old[a:b], new[c:d]


def _replaced(gone: Iterable[str], came: Iterable[str]) -> list[Piece]:
    return [Piece(REMOVED, "".join(gone)), Piece(ADDED, "".join(came))]


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Without empty ones, and neighbors of a kind as one."""
    found: list[tuple[str, list[str]]] = []
    for piece in pieces:
        if piece.text and found and found[-1][0] == piece.kind:
            found[-1][1].append(piece.text)
        elif piece.text:
            found.append((piece.kind, [piece.text]))
    return [Piece(kind, "".join(texts)) for kind, texts in found]


def _without_blanks(pieces: list[Piece]) -> Iterator[Piece]:
    """The blank before a word that was replaced stays outside of both."""
    is_shared = [
        before.kind == REMOVED and after.kind == ADDED and before.text[0] == after.text[0] == " "
        for before, after in pairwise(pieces)
    ]
    for piece, with_next, with_last in zip(pieces, [*is_shared, False], [False, *is_shared], strict=False):
        if with_next:
            yield Piece(SAME, " ")
        yield Piece(piece.kind, piece.text[1:]) if with_next or with_last else piece


def _few(pieces: list[Piece]) -> list[Piece]:
    """Of very many the last ones as one removal and one addition."""
    if len(pieces) <= MOST_PIECES:
        return pieces
    rest = pieces[MOST_PIECES:]
    gone = [piece.text for piece in rest if piece.kind != ADDED]
    came = [piece.text for piece in rest if piece.kind != REMOVED]
    return [*pieces[:MOST_PIECES], *_replaced(gone, came)]


def _shown(piece: Piece) -> Piece:
    most = MOST_OF_SAME if piece.kind == SAME else MOST_OF_CHANGE
    cut = len(piece.text) - most
    if cut <= 0:
        return piece
    return Piece(piece.kind, piece.text[: most // 2], cut, piece.text[-(most // 2) :])
