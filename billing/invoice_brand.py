"""The tenant's logo and colour on an invoice: read with care, and always readable."""

import struct

from core.errors import InvalidInputError
from tenants.colours import INK, WHITE, checked_colour, ink_on

MAX_LOGO_BYTES = 300_000
MAX_LOGO_PIXELS = 4_000_000
_LOGO_BOX_MM = (60.0, 16.0)
_PIXELS_PER_MM = 4.0  # a small logo is shown at about 100 dpi instead of being blown up


def page_colours(colour: str) -> dict[str, str]:
    """The tenant's colour (#rrggbb), what can be read on it, and what as text on white."""
    if not checked_colour(colour, "colour"):
        raise InvalidInputError("A colour is written like #1d4ed8.", field="colour")
    ink = ink_on(colour)
    return {
        "accent": colour,
        "on_accent": ink,
        "accent_text": colour if ink == WHITE else INK,
    }


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
