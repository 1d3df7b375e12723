"""Options of selects: written by ourselves, and just as WTForms writes them."""

import pytest
from wtforms import Form, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.widgets import Select

from portal.fields import ShortSelect


@pytest.mark.parametrize("value", ['"><script>', "a&b", "it's", "", None, True, 7])
def test_an_option_is_escaped_and_written_as_wtforms_writes_it(value: object) -> None:
    class _Form(Form):
        field = SelectField(
            choices=[
                SelectChoice(value=value, label="<b>\"bold\" & 'brave'</b>"),
                SelectChoice(value="other", label=""),
                SelectChoice(value="third", label="Third", render_kw={"disabled": True}),
            ],
            coerce=lambda sent: sent,
        )

    form = _Form(data={"field": value})
    assert ShortSelect()(form.field) == Select()(form.field)
