"""How an invoice looks, as data: chosen parts, columns, texts, colour, language and paper."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from babel import Locale, UnknownLocaleError

from core.errors import InvalidInputError
from core.names import clean_line, clean_text
from tenants.colours import checked_colour

STANDARD = "Standard"
NAME_LENGTH = 100
HEADING_LENGTH = 60
FOOTER_LENGTH = 300
NOTE_LENGTH = 2000
PAPERS = ("auto", "a4", "us-letter")
PARTS = (
    "logo",
    "legal",
    "period",
    "due",
    "taxes",
    "words",
    "balances",
    "payment",
    "pay_link",
)
"""What can be left away: all else (numbers, dates, lines, totals) is what an invoice is."""
COLUMNS = ("position", "quantity", "unit_price", "net", "tax", "gross")
"""Of the table of lines, in their order on paper; the description always stands."""
USUAL_COLUMNS = ("quantity", "unit_price", "net")
GROUPINGS = ("kind", "none", "summary")


@dataclass(frozen=True, slots=True)
class InvoiceLook:
    """What a template says: `locale` empty takes the client's, paper `auto` its country's.

    `heading`, `footer`, `payment_text` and `colour` empty take what the program or the company
    says. `grouping`: by kind with subtotals, not at all, or one line a kind. `source_digest`
    names an own Typst source in `invoice_sources`; None is our own layout.
    """

    name: str
    is_default: bool = False
    locale: str = ""
    paper: str = "auto"
    heading: str = ""
    intro: str = ""
    note: str = ""
    payment_text: str = ""
    footer: str = ""
    colour: str = ""
    parts: tuple[str, ...] = PARTS
    columns: tuple[str, ...] = USUAL_COLUMNS
    grouping: str = "kind"
    source_digest: str | None = None

    def has(self, part: str) -> bool:
        """Whether `part` is printed."""
        return part in self.parts


_TEXT_LENGTHS = {
    "intro": NOTE_LENGTH,
    "note": NOTE_LENGTH,
    "payment_text": NOTE_LENGTH,
    "footer": FOOTER_LENGTH,
    "heading": HEADING_LENGTH,
}
_ONE_LINE = ("heading", "footer")


def checked_look(look: InvoiceLook) -> InvoiceLook:
    """The look as it is stored: clean texts, a known locale; InvalidInputError names the field."""
    name = clean_line(look.name)
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most 100 characters.", "name")
    if look.paper not in PAPERS:
        raise InvalidInputError("Choose one from the list.", "paper")
    if look.grouping not in GROUPINGS:
        raise InvalidInputError("Choose one from the list.", "grouping")
    columns = _known(look.columns, COLUMNS, "columns")
    if not {"net", "gross"} & set(columns):
        raise InvalidInputError("Show the net or the gross amount of each line.", "columns")
    return replace(
        look,
        name=name,
        locale=_known_locale(look.locale),
        colour=checked_colour(look.colour, "colour"),
        parts=_known(look.parts, PARTS, "parts"),
        columns=columns,
        **_checked_texts(look),
    )


def look_as_json(look: InvoiceLook) -> dict[str, Any]:
    """The look to be kept with an invoice."""
    return asdict(look)


def look_from_json(parties: dict[str, Any]) -> InvoiceLook:
    """The look that an invoice kept in its `parties`.

    Invoices of before looks were whole kept paper and note only, or not even these.
    """
    kept = parties.get("look")
    if not isinstance(kept, dict):
        return InvoiceLook(
            STANDARD, paper=parties.get("paper", "auto"), note=parties.get("note", "")
        )
    known = {one.name for one in fields(InvoiceLook)}
    values = {name: value for name, value in kept.items() if name in known}
    for several in ("parts", "columns"):
        if several in values:
            values[several] = tuple(values[several])
    return InvoiceLook(**values)


def _checked_texts(look: InvoiceLook) -> dict[str, Any]:
    texts = {}
    for field, length in _TEXT_LENGTHS.items():
        text = getattr(look, field)
        texts[field] = clean_line(text) if field in _ONE_LINE else clean_text(text)
        if len(texts[field]) > length:
            raise InvalidInputError("Use at most %(count)s characters.", field, count=length)
    return texts


def _known(chosen: Iterable[str], offered: tuple[str, ...], field: str) -> tuple[str, ...]:
    wanted = set(chosen)
    if not wanted <= set(offered):
        raise InvalidInputError("Choose one from the list.", field)
    return tuple(one for one in offered if one in wanted)


def _known_locale(text: str) -> str:
    locale = text.strip()
    if not locale:
        return ""
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInputError("Choose one from the list.", "locale") from error
