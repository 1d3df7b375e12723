"""Every text field of every form refuses a card number, also one that nobody thought of."""

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    DateField,
    DecimalField,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    PasswordField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Optional

from portal.fields import AmountField, TagsField

NUMBER = "4111 1111 1111 1111"


class Inner(Form):
    within = StringField("Within", [Optional()])


class Careless(FlaskForm):
    class Meta:
        csrf = False

    line = StringField("Line", [Optional()])
    text = TextAreaField("Text")
    amount = AmountField("Amount")
    tags = TagsField("Tags")
    count = IntegerField("Count", [Optional()])
    share = DecimalField("Share", [Optional()])
    day = DateField("Day", [Optional()])
    block = FormField(Inner)
    hidden = HiddenField("Hidden")
    password = PasswordField("Password")


TYPED = ["line", "text", "amount", "tags", "count", "share", "day", "block-within"]


@pytest.mark.parametrize("name", TYPED)
def test_a_field_without_the_validator_refuses_it_and_forgets_it(app: Flask, name: str):
    with app.test_request_context(method="POST"):
        form = Careless(formdata=MultiDict({name: NUMBER}))
        assert not form.validate()
        field = form.block.form.within if name.startswith("block") else form[name]
        assert ["card number" in one for one in field.errors] == [True]
        assert "4111" not in str(field()) + repr(form.data) + repr(field.raw_data)


def test_what_nobody_types_and_what_is_only_hashed_is_left_alone(app: Flask):
    with app.test_request_context(method="POST"):
        form = Careless(formdata=MultiDict({"hidden": NUMBER, "password": NUMBER}))
        assert form.validate(), form.errors
