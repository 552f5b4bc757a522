"""What can be wrong with a received mail. A defect never hides a mail; it says what not to believe about it."""

from __future__ import annotations

from enum import StrEnum


class Defect(StrEnum):
    """Codes in `Parsed.defects`; each says what a reader must not rely on."""

    FROM_DEFECT = "from_defect"  # no From, several, a group, or one that programs read differently: header_from is None
    NAME_LIKE_ADDRESS = "name_like_address"  # the display name shows another address than the real one
    ADDRESS_DEFECT = "address_defect"  # To, Cc or Reply-To hold something that is no plain address; it is left out
    HEADER_TWICE = "header_twice"  # a header that must be single is not: the first one was read
    HEADER_DEFECT = "header_defect"  # a line that is no header ended the header block, or a control character in one
    DATE_DEFECT = "date_defect"  # the Date cannot be read or lies outside 1970 to 2199
    AMBIGUOUS_MIME = "ambiguous_mime"  # programs may see other parts, other types or other file names in this mail
    CHARSET = "charset"  # a text was decoded by a guess or with replacement characters
    ENCODING = "encoding"  # an unknown or broken Content-Transfer-Encoding
    LIMITS = "limits"  # more headers, parts, depth, addresses or text than are read: the rest is in the raw mail only
    HIDDEN_TEXT = "hidden_text"  # HTML that a person would not see
    TAG_CHARACTERS = "tag_characters"  # invisible text in U+E0000 to U+E007F, stripped from what is shown
    BIDI = "bidi"  # direction overrides in subject, name or file name
    UNPARSEABLE = "unparseable"  # reading failed in a way nobody foresaw; whatever could be read is there
