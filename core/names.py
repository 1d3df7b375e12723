"""How names are compared: without case and accents, the same on every machine."""

import unicodedata


def sort_key(name: str) -> str:
    """`name` folded for sorting and searching: "Ärger & Söhne" becomes "arger & sohne".

    Made here and stored, because a database's own collations differ between builds and their
    operators cannot use an index under row-level security.
    """
    folded = unicodedata.normalize("NFKD", name.strip().casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return " ".join(unicodedata.normalize("NFKC", plain).split())
