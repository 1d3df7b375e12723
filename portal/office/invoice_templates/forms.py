"""The invoice template form."""

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Form,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from billing.invoice_look import (
    COLUMNS,
    FOOTER_LENGTH,
    HEADING_LENGTH,
    NAME_LENGTH,
    NOTE_LENGTH,
    PARTS,
    USUAL_COLUMNS,
    InvoiceLook,
)
from billing.invoice_sources import SOURCE_LENGTH
from portal.card_numbers import no_card_number
from portal.fields import to_choices

_PAPERS = [
    ("auto", _l("As the country of the reader uses it")),
    ("a4", _l("A4")),
    ("us-letter", _l("US Letter")),
]
_GROUPINGS = [
    ("kind", _l("By kind, with subtotals")),
    ("none", _l("One list")),
    ("summary", _l("One line for each kind")),
]
_PARTS = {
    "logo": _l("Logo"),
    "legal": _l("Tax and registration numbers"),
    "period": _l("Period"),
    "due": _l("Amount due, at the top"),
    "taxes": _l("Table of taxes"),
    "words": _l("Amount in words"),
    "balances": _l("Balance before and after"),
    "payment": _l("How to pay"),
    "pay_link": _l("Link to pay online"),
}
_COLUMNS = {
    "position": _l("Number of the line"),
    "quantity": _l("Quantity"),
    "unit_price": _l("Unit price"),
    "net": _l("Amount without tax"),
    "tax": _l("Tax"),
    "gross": _l("Amount with tax"),
}


class _ChecksField(SelectMultipleField):
    """Several of a few, each with its own box to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _at_most(length: int) -> Length:
    return Length(max=length, message=_l("Use at most %(count)s characters.", count=length))


class InvoiceTemplateForm(Form):
    """What stands on the invoice, in which words, and how; `source` is the own layout's text."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Name"),
        [InputRequired(_l("Enter a name.")), _at_most(NAME_LENGTH), no_card_number],
    )
    is_default = BooleanField(_l("For clients without a template of their own"))
    locale = SelectField(_l("Language"))
    paper = SelectField(_l("Paper"), choices=to_choices(_PAPERS), default="auto")
    colour = StringField(_l("Colour"))
    parts = _ChecksField(
        _l("Parts"), choices=to_choices((one, _PARTS[one]) for one in PARTS), default=PARTS
    )
    columns = _ChecksField(
        _l("Columns of the lines"),
        choices=to_choices((one, _COLUMNS[one]) for one in COLUMNS),
        default=USUAL_COLUMNS,
    )
    grouping = SelectField(_l("Lines"), choices=to_choices(_GROUPINGS), default="kind")
    heading = StringField(_l("Heading"), [_at_most(HEADING_LENGTH), no_card_number])
    intro = TextAreaField(_l("Before the lines"), [_at_most(NOTE_LENGTH), no_card_number])
    payment_text = TextAreaField(_l("How to pay"), [_at_most(NOTE_LENGTH), no_card_number])
    note = TextAreaField(_l("Note"), [_at_most(NOTE_LENGTH), no_card_number])
    footer = StringField(_l("Footer of each page"), [_at_most(FOOTER_LENGTH), no_card_number])
    source = TextAreaField(_l("Own Typst source"), [_at_most(SOURCE_LENGTH)])

    @property
    def typed_source(self) -> str:
        """The own source with the line ends of this system; empty for our layout."""
        source = (self.source.data or "").replace("\r\n", "\n").replace("\r", "\n")
        return source if source.strip() else ""

    def to_look(self, source_digest: str | None = None) -> InvoiceLook:
        """What `billing.invoice_templates` takes."""
        return InvoiceLook(
            name=self.name.data or "",
            is_default=self.is_default.data,
            locale=self.locale.data or "",
            paper=self.paper.data,
            heading=self.heading.data or "",
            intro=self.intro.data or "",
            note=self.note.data or "",
            payment_text=self.payment_text.data or "",
            footer=self.footer.data or "",
            colour=self.colour.data or "",
            parts=tuple(self.parts.data or ()),
            columns=tuple(self.columns.data or ()),
            grouping=self.grouping.data,
            source_digest=source_digest,
        )
