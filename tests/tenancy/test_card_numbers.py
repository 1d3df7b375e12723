"""A card number typed into any text field of any form is refused and left nowhere."""

import logging
import re

import pytest
from structlog.testing import capture_logs

from tests.tenancy.conftest import Stage
from tests.tenancy.forms import ShownForm, forms_for, with_field
from tests.tenancy.routes import Row, list_rows

# A test number that passes the Luhn check, as somebody types it.
TYPED = "4111 1111 1111 1111"
PARTS = re.compile(rb"4111[ .-]?1111[ .-]?1111[ .-]?1111")
WRITES = [row for row in list_rows() if row.writes and row.access.area in {"office", "panel"}]
# What answers with a page and keeps nothing: the number must not be on it.
DRAWING = {
    "office_clients.fill_new",
    "office_clients.fill_edit",
    "office_mail_templates.preview",
    "office_mail_templates.preview_html",
}
# Fields of a form whose second button does not read them.
UNREAD = {("office_list_views.delete", "name"): "the name is of the other button"}
# Refused by a rule that comes first and says its own words, without the number.
OWN_WORDS = {
    "panel-login": "a login has its own rule for its signs",
    "quantity": "another of the form's fields is refused first",
}


def distinct_texts(form: ShownForm, seen: set[str]) -> list[str]:
    """The form's text fields; of rows that repeat, those of the first."""
    names = []
    for name in sorted(form.texts):
        kind = re.sub(r"-\d+-", "-0-", name)
        if kind not in seen:
            seen.add(kind)
            names.append(name)
    return names


@pytest.mark.parametrize("row", WRITES, ids=str)
def test_no_text_field_takes_a_card_number(
    stage: Stage, row: Row, office_forms, panel_forms, caplog
):
    is_office = row.access.area == "office"
    actor = stage.actors["acme owner" if is_office else "acme client"]
    taken, seen = [], set()
    caplog.set_level(logging.DEBUG)
    try:
        with capture_logs() as logs:
            for form in forms_for(row, office_forms if is_office else panel_forms):
                for name in distinct_texts(form, seen):
                    browser = actor.browser(stage.app)
                    data = with_field(form.fields, name, TYPED)
                    answer = browser.open(form.path, method=row.method, data=data)
                    if (row.endpoint, name) in UNREAD or row.endpoint in DRAWING:
                        assert answer.status_code < 400
                    elif answer.status_code != 422:
                        taken.append(f"{name}: {answer.status_code}")
                    elif b"card number" not in answer.get_data() and name not in OWN_WORDS:
                        taken.append(f"{name}: refused without saying why")
                    if PARTS.search(answer.get_data()):
                        taken.append(f"{name}: shown again")
        if seen:
            assert not PARTS.search(repr(logs).encode() + caplog.text.encode()), "in the logs"
            assert stage.database.tables_with(PARTS.pattern.decode()) == []
        assert not taken, f"{row} takes a card number: {taken}"
    finally:
        if seen:
            stage.database.restore()
