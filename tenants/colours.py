"""Colours of a tenant: whatever it chooses, what stands on them and in them can be read."""

import re

from core.errors import InvalidInputError

INK, WHITE = "#1d2430", "#ffffff"
READABLE = 4.5
"""Contrast that text needs at least (WCAG 2.2, 1.4.3)."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS = 20


def checked_colour(text: str, field: str) -> str:
    """The colour as #rrggbb in small letters, or "" for none; raises InvalidInputError."""
    colour = text.strip().lower()
    if colour and not _COLOUR.fullmatch(colour):
        raise InvalidInputError("A colour is written like #1d4ed8.", field)
    return colour


def ink_on(colour: str) -> str:
    """White, nearly black or black: the first that can be read on the colour; one always can."""
    return next((one for one in (WHITE, INK) if contrast(colour, one) >= READABLE), "#000000")


def readable_on(colour: str, ground: str) -> str:
    """The colour itself where it can be read as text on `ground`, else its nearest shade."""
    towards = INK if contrast(ground, INK) > contrast(ground, WHITE) else WHITE
    for step in range(_STEPS + 1):
        shade = _mix(colour, towards, step / _STEPS)
        if contrast(shade, ground) >= READABLE:
            return shade
    return towards


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours by WCAG 2.2; floats are colours here, never money."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _mix(one: str, other: str, share: float) -> str:
    mixed = (
        round(a + (b - a) * share) for a, b in zip(_channels(one), _channels(other), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
