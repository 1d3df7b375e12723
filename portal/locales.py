"""The languages that the portal speaks, each by its own name."""

LANGUAGES = {"en": "English", "de": "Deutsch"}
DEFAULT = "en"


def language_choices() -> list[tuple[str, str]]:
    """Pairs of code and the language's own name."""
    return list(LANGUAGES.items())
