"""The form of a mail's three texts."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, HiddenField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from mail.template_source import TemplateSource


class TemplateForm(Form):
    """Subject, plain text and HTML, and the version that they were begun from."""

    reseller_id = IntegerField(_l("Reseller"), [InputRequired()])
    locale = HiddenField()
    based_on = IntegerField(_l("Version"), [InputRequired()])
    as_client = StringField(_l("Preview with the data of"), [Optional()])
    subject = StringField(_l("Subject"), [InputRequired(_l("Write a subject."))])
    body_text = TextAreaField(_l("Plain text"), [InputRequired(_l("Write a plain text."))])
    body_html = TextAreaField(_l("HTML"), [Optional()])

    def show(self, source: TemplateSource) -> None:
        """Fill in what is stored."""
        self.subject.data = source.subject
        self.body_text.data = source.body_text
        self.body_html.data = source.body_html

    def to_source(self) -> TemplateSource:
        """What was typed; browsers send lines that end in CR LF."""
        texts = (self.subject.data, self.body_text.data, self.body_html.data)
        return TemplateSource(*((text or "").replace("\r\n", "\n").strip() for text in texts))
