"""Keys and passwords: our own, those of widely used services by the shapes they have, private keys, "password: …"."""

from __future__ import annotations

import re

# From a whole key down to a part that says more than the public prefix (`gp_live_` and six more).
_OWN = re.compile(r"gp_(?:live|test)_[0-9A-Za-z]{12}")
_OWN_PARTED = re.compile(
    r"g\W{0,3}p\W{0,3}[_\W]{1,4}(?:l\W{0,3}i\W{0,3}v\W{0,3}e|t\W{0,3}e\W{0,3}s\W{0,3}t)\W{0,3}[_\W]{1,4}"
)
# What the prefix becomes in base64, at each of the three places where it may begin, and in hexadecimal digits.
_OWN_WRAPPED = re.compile(
    r"(?:Z3BfbGl2ZV|dwX2xpdmVf|ncF9saXZlX|Z3BfdGVzdF|dwX3Rlc3Rf|ncF90ZXN0X)[A-Za-z0-9+/_-]{12}"
    r"|(?i:67705f6c6976655f|67705f746573745f)[0-9a-fA-F]{24}"
)
_MOST_PREFIXES = 1_000  # so many times nobody writes it to explain it
_OWN_LENGTH = 43
_OWN_REACH = 49 * 5
_NO_LETTER = re.compile(r"[\W_]")
_MIXED = 3  # at least so many digits, capitals and small letters are among 43 that are drawn

# By the words that each begins with: a text without them need not be gone through letter by letter.
_SERVICES = tuple(
    (words, re.compile(pattern))
    for words, pattern in (
        (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),  # AWS
        (("gh",), r"\bgh[pousr]_[A-Za-z0-9]{36}"),  # GitHub
        (("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{50}"),
        (("glpat-",), r"\bglpat-[A-Za-z0-9_-]{20}"),
        (("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{10}"),  # Slack
        (("xapp-",), r"\bxapp-\d-[A-Za-z0-9-]{20}"),
        (("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9_/]{20}"),
        (("k_live_", "k_test_"), r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16}"),  # Stripe
        (("whsec_",), r"\bwhsec_[A-Za-z0-9+/]{24}"),  # Standard Webhooks
        (("AIza",), r"\bAIza[0-9A-Za-z_-]{35}"),  # Google
        (("GOCSPX-",), r"\bGOCSPX-[0-9A-Za-z_-]{20}"),
        (("ya29.",), r"\bya29\.[0-9A-Za-z_-]{20}"),
        # OpenAI, Anthropic, OpenRouter
        (("sk-",), r"\bsk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{2,8}-|or-v1-)[A-Za-z0-9_-]{20}"),
        (("sk-",), r"\bsk-(?=[a-z-]{0,40}[0-9A-Z])[A-Za-z0-9]{20,64}(?![A-Za-z0-9-])"),
        (("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16}"),  # SendGrid
        (("key-",), r"\bkey-[0-9a-f]{32}\b"),  # Mailgun
        (("AC", "SK"), r"\b(?:AC|SK)[0-9a-f]{32}\b"),  # Twilio
        ((":AA",), r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}"),  # Telegram
        (("npm_",), r"\bnpm_[A-Za-z0-9]{36}"),
        (("pypi-AgE",), r"\bpypi-AgE[A-Za-z0-9_-]{20}"),
        (("hf_",), r"\bhf_[A-Za-z0-9]{30}"),
        (("dop_v1_",), r"\bdop_v1_[0-9a-f]{64}"),
        (("re_",), r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{20}"),  # Resend
        (("sq0",), r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{22}"),  # Square
    )
)
# In any case, so by itself.
_AWS_SECRET = re.compile(r"aws.{0,20}secret.{0,20}?[\s:=\"']{1,6}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])", re.IGNORECASE)
_PRIVATE = re.compile(
    r"-{3,5}[ ]?BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY|PuTTY-User-Key-File-\d|\bopenssh-key-v1\0"
    r"|\bAGE-SECRET-KEY-1[A-Z0-9]{20}"
)
_PASSWORD = re.compile(
    r"(?<![^\W_])(?:pass(?:word|wort|code|phrase)?|passwd|pwd|kennwort|mot de passe|contrase(?:ñ|n)a|senha|wachtwoord)"
    r"(?:[ ]?(?:is|ist|est|es|é)[ ]?:?|[ ]?[:=])[ \t]{0,4}[\"'`“„«(\[]?([^\s<>]{4,64})",
    re.IGNORECASE,
)
_OF_WORDS = "-_'\u2019/.,"  # signs that words have too
_AFTER_VALUE = "\"'`”“»)].,;!?"


def has_own(text: str) -> bool:
    """True if a key of ours, or the greater part of one, stands in `text`: also wrapped, or with signs in between."""
    if _OWN.search(text) or _OWN_WRAPPED.search(text):
        return True
    for count, found in enumerate(_OWN_PARTED.finditer(text)):
        following = _NO_LETTER.sub("", text[found.end() : found.end() + _OWN_REACH])[:_OWN_LENGTH]
        if count == _MOST_PREFIXES or (len(following) == _OWN_LENGTH and _is_drawn(following)):
            return True
    return False


def has_services(text: str) -> bool:
    """True if a key of another service stands in `text`."""
    if any(pattern.search(text) for words, pattern in _SERVICES if any(word in text for word in words)):
        return True
    return _AWS_SECRET.search(text) is not None


def has_private(text: str) -> bool:
    """True if the beginning of a private key stands in `text`."""
    return _PRIVATE.search(text) is not None


def has_password(text: str) -> bool:
    """True if `text` names a password and then something that looks like one: not a word, an address or asterisks."""
    return any(_is_secret(found.group(1).rstrip(_AFTER_VALUE)) for found in _PASSWORD.finditer(text))


def _is_drawn(letters: str) -> bool:
    return all(sum(map(kind, letters)) >= _MIXED for kind in (str.isdigit, str.isupper, str.islower))


def _is_secret(value: str) -> bool:
    if len(value) < 4 or "://" in value or not value.isprintable() or len(set(value)) < 3:
        return False
    if value[0] in "{$%[" or ("@" in value[1:] and "." in value.rpartition("@")[2]):
        return False
    has_digit = any(map(str.isdigit, value))
    has_sign = any(not character.isalnum() and character not in _OF_WORDS for character in value)
    has_capital_inside = value[1:].lower() != value[1:] and not value.isupper()
    return has_digit or has_sign or has_capital_inside
