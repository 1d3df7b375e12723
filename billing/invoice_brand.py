"""The tenant's logo and colour on an invoice: read with care, and always readable."""

import re
import struct

from core.errors import InvalidInputError

MAX_LOGO_BYTES = 300_000
MAX_LOGO_PIXELS = 4_000_000
_LOGO_BOX_MM = (60.0, 16.0)
_PIXELS_PER_MM = 4.0  # a small logo is shown at about 100 dpi instead of being blown up

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_INK, _WHITE = "#1d2430", "#ffffff"
_READABLE = 4.5  # WCAG 2.2, 1.4.3


def page_colours(colour: str) -> dict[str, str]:
    """The tenant's colour (#rrggbb), what can be read on it, and what as text on white."""
    if not _COLOUR.fullmatch(colour):
        raise InvalidInputError("A colour is written like #1d4ed8.", field="colour")
    is_dark = _contrast(colour, _WHITE) >= _READABLE
    return {
        "accent": colour,
        "on_accent": _WHITE if is_dark else _INK,
        "accent_text": colour if is_dark else _INK,
    }


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours by WCAG 2.2; floats are colours here, never money."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def logo_data(logo: bytes) -> dict[str, object]:
    """The bytes of a PNG or JPEG and its printed size in millimetres.

    The size is read from the header, before anything decodes the image. InvalidInputError for
    another format, and for one that is too large.
    """
    if len(logo) > MAX_LOGO_BYTES:
        raise InvalidInputError("The logo is larger than 300 kB.", field="logo")
    width, height = _png_size(logo) or _jpeg_size(logo) or (0, 0)
    if not 0 < width * height <= MAX_LOGO_PIXELS:
        raise InvalidInputError("The logo must be a PNG or JPEG of a usual size.", field="logo")
    scale = min(_LOGO_BOX_MM[0] / width, _LOGO_BOX_MM[1] / height, 1 / _PIXELS_PER_MM)
    return {
        "bytes": list(logo),
        "width_mm": round(width * scale, 2),
        "height_mm": round(height * scale, 2),
    }


def _png_size(image: bytes) -> tuple[int, int] | None:
    if image[:8] != b"\x89PNG\r\n\x1a\n" or image[12:16] != b"IHDR" or len(image) < 24:
        return None
    width, height = struct.unpack(">II", image[16:24])
    return width, height


# Start-of-frame markers of JPEG (ITU T.81, table B.1) that carry the size.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    if image[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(image) and image[at] == 0xFF:
        marker, length = struct.unpack(">BH", image[at + 1 : at + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", image[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
