"""How names are cleaned and compared: the same on every machine."""

import unicodedata


def sort_key(name: str) -> str:
    """`name` folded for sorting and searching: "Ärger & Söhne" becomes "arger & sohne".

    Made here and stored, because a database's own collations differ between builds and their
    operators cannot use an index under row-level security.
    """
    folded = unicodedata.normalize("NFKD", name.strip().casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return " ".join(unicodedata.normalize("NFKC", plain).split())


# characters that turn the text after them around, or that nobody sees: a name that looks like
# another one, or that reads differently on a screen and on an invoice, is no name
_UNSEEN = dict.fromkeys(
    map(
        ord,
        "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    )
)


def clean_line(text: str) -> str:
    """`text` on one line without control, direction and unseen characters; emoji stay whole."""
    return " ".join(_printable(text).split())


def clean_text(text: str) -> str:
    """The same for several lines: each is cleaned, blank lines at both ends go."""
    lines = _printable(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(" ".join(line.split()) for line in lines).strip("\n")


def _printable(text: str) -> str:
    kept = text.translate(_UNSEEN)
    return "".join(
        letter for letter in kept if letter in "\n\t" or unicodedata.category(letter) != "Cc"
    )
