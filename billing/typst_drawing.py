"""Typst with our fonts and our layouts: the same data give the same bytes on every machine.

Data reach a layout as one JSON string, so a name such as `#import "x"` is a string value and never
markup. Fonts come from static/fonts alone; nothing is fetched and no file is opened but the layout.
"""

import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import typst
from babel import Locale

from core.errors import InvariantError

if TYPE_CHECKING:
    from typst import PDFStandard  # the wheel declares it in its stub only

_ROOT = Path(__file__).resolve().parent.parent
LAYOUTS = _ROOT / "templates" / "invoices"
FONT_FOLDER = _ROOT / "static" / "fonts"
PREVIEW_PPI = 110.0

# Archives ask for PDF/A, screen readers for PDF/UA. Both forbid a character that no font has.
STANDARDS: list["PDFStandard"] = ["a-3a", "ua-1"]

# A compiler keeps parsed template and fonts between documents, but serves one thread at a time.
_local = threading.local()


def draw_pdf(layout: Path, inputs: dict[str, str]) -> bytes:
    """`inputs` by `layout` as PDF. InvariantError: Typst could not draw it."""
    try:
        return _compile(layout, inputs, STANDARDS)
    except typst.TypstError:
        # An emoji in a name must not stop an invoice: without the two standards it is drawn as
        # an empty box.
        try:
            return _compile(layout, inputs, [])
        except typst.TypstError as error:
            raise InvariantError(f"A document could not be drawn: {error.message}") from error


def draw_first_page(layout: Path, inputs: dict[str, str]) -> bytes:
    """The first page as PNG, for a screen. InvariantError as `draw_pdf`."""
    try:
        return _compile(layout, inputs, [], png=True)
    except typst.TypstError as error:
        raise InvariantError(f"A document could not be drawn: {error.message}") from error


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(FONT_FOLDER)],
    )


def _compile(
    layout: Path, inputs: dict[str, str], standards: list["PDFStandard"], *, png: bool = False
) -> bytes:
    compilers: dict[Path, typst.Compiler] = _local.__dict__.setdefault("compilers", {})
    compiler = compilers.get(layout)
    if compiler is None:
        compiler = compilers[layout] = typst.Compiler(
            input=str(layout),
            root=str(layout.parent),
            font_paths=_fonts(),
            ignore_system_fonts=True,
        )
    drawn = compiler.compile(
        format="png" if png else "pdf",
        ppi=PREVIEW_PPI,
        sys_inputs=inputs,
        pdf_standards=standards,
    )
    # several pages of PNG come as a list
    first = drawn[0] if isinstance(drawn, list) else drawn
    if not isinstance(first, bytes):
        raise InvariantError("Typst returned no document.")
    return first


_LATIN_FONTS = ["Noto Sans"]
_SCRIPT_FONTS = ["Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai"]
# One ideograph is drawn differently in Japan, Korea and China: the reader's own font comes first.
_CJK_FONTS = {"ja": "Noto Sans JP", "ko": "Noto Sans KR", "zh": "Noto Sans SC"}


def language_data(name: str) -> dict[str, object]:
    """What a layout must know of the reader's language: its codes, its direction, its fonts."""
    locale = Locale.parse(name.replace("-", "_"))
    cjk = sorted(_CJK_FONTS, key=lambda language: language != locale.language)
    return {
        "lang": locale.language,
        "region": locale.territory,
        "is_rtl": locale.text_direction == "rtl",
        "fonts": _LATIN_FONTS + _SCRIPT_FONTS + [_CJK_FONTS[language] for language in cjk],
    }


# Control characters have no place on paper. Bidirectional overrides would let a name rearrange
# the figures beside it; the harmless marks that Babel writes around amounts stay.
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_LONG_WORD = re.compile(r"[^\s\u0e00-\u0e7f\u2e80-\U0010ffff]{40,}")


def clean(value: object) -> object:
    """Every text of `value` as it can be printed."""
    if isinstance(value, str):
        text = _FORBIDDEN.sub("", value.replace("\r\n", "\n").replace("\t", " "))
        return _LONG_WORD.sub(_breakable, text)
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def _breakable(word: re.Match[str]) -> str:
    """A word wider than its column would run into the next one: let it break (U+200B)."""
    text = word.group()
    return "\u200b".join(text[start : start + 20] for start in range(0, len(text), 20))
