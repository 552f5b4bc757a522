"""Names that look like other names (Unicode Technical Standard 39): skeletons, and alphabets mixed in one label.

The table holds the letters that lower-case host names are forged with; it is a part of Unicode's own.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Each line: what it looks like, and what looks like it.
_LOOKS = (
    ("a", "аαɑạ"), ("b", "ЬвƄ"), ("c", "сϲᴄⅽ"), ("d", "ԁⅾɗ"), ("e", "еҽεɛ"), ("f", "ƒſ"), ("g", "ɡցǥ"), ("h", "һհ"),  # noqa: RUF001
    ("i", "іıɩιӏ"), ("j", "јϳ"), ("k", "κкᴋ"), ("l", "ⅼ1|ƖǀΙІ"), ("n", "пոռ"), ("o", "оοօ0ᴏσდ"), ("p", "рρ"),  # noqa: RUF001
    ("q", "ԛզ"), ("r", "гᴦ"), ("s", "ѕƽꜱ5"), ("t", "тτ"), ("u", "υսʋ"), ("v", "νѵᴠⅴ"), ("vv", "wԝѡω"), ("x", "хⅹχ"),  # noqa: RUF001
    ("y", "уүγʏ"), ("z", "ᴢʐ"), ("rn", "mмⅿ"), ("-", "‐‑‒–−"), ("ss", "ß"), ("ae", "æ"), ("oe", "œ"),  # noqa: RUF001
)  # fmt: skip
_SHAPES = {ord(one): shape for shape, alike in _LOOKS for one in alike}
# Alphabets that one language writes together.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """What the name looks like: names with one skeleton are taken for one another. Accents do not count."""
    letters = unicodedata.normalize("NFKD", name.lower()).translate(_SHAPES)
    bare = "".join(one for one in unicodedata.normalize("NFD", letters) if not unicodedata.combining(one))
    # Twice: "rn" of a decomposed letter, and "cl" that reads as "d".
    return bare.translate(_SHAPES).replace("cl", "d")


def is_mixed(label: str) -> bool:
    """True if no language writes such a label: its letters are of several alphabets, or only look like ASCII."""
    if label.isascii():
        return False
    scripts = {unicodedata.name(one, "").split(" ")[0].split("-")[0] for one in label if one.isalpha()}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)


def is_ascii_in_disguise(label: str) -> bool:
    """True if the whole label is of another alphabet than it seems to be."""
    if label.isascii() or any("LATIN" in unicodedata.name(one, "") for one in label if one.isalpha()):
        return False
    return skeleton(label).isascii()
