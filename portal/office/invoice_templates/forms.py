"""The invoice template form."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from billing.invoice_templates import NAME_LENGTH, NOTE_LENGTH, InvoiceLook
from portal.card_numbers import no_card_number
from portal.fields import to_choices

_PAPERS = [
    ("auto", _l("As the country of the reader uses it")),
    ("a4", _l("A4")),
    ("us-letter", _l("US Letter")),
]


class InvoiceTemplateForm(Form):
    """Language, paper and a note; everything else of an invoice follows from what it bills."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 100 characters.")),
            no_card_number,
        ],
    )
    is_default = BooleanField(_l("For clients without a template of their own"))
    locale = SelectField(_l("Language"))
    paper = SelectField(_l("Paper"), choices=to_choices(_PAPERS), default="auto")
    note = TextAreaField(
        _l("Note"),
        [
            Length(max=NOTE_LENGTH, message=_l("Use at most 2000 characters.")),
            no_card_number,
        ],
    )

    def to_look(self) -> InvoiceLook:
        """What `billing.invoice_templates` takes."""
        return InvoiceLook(
            name=self.name.data or "",
            is_default=self.is_default.data,
            locale=self.locale.data or "",
            paper=self.paper.data,
            note=self.note.data or "",
        )
