"""The languages that people can choose."""

from babel import Locale

# the program speaks these; a mail template may stand in others
LANGUAGES = ("en",)


def language_choices() -> list[tuple[str, str]]:
    """Pairs of code and the language's own name."""
    return [(code, (Locale.parse(code).display_name or code).capitalize()) for code in LANGUAGES]
