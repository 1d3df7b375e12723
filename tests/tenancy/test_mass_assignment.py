"""Fields that a form does not show change nothing, whatever column they are named after."""

import pytest

from tests.tenancy.conftest import Stage
from tests.tenancy.database import Column, Database
from tests.tenancy.forms import ShownForm, forms_for
from tests.tenancy.routes import Row, list_rows
from tests.tenancy.world import World

WRITES = [row for row in list_rows() if row.writes and row.access.area in {"office", "panel"}]
# New at every request, by chance or by the clock.
VARYING_TYPES = {"timestamp with time zone", "uuid", "bytea", "jsonb"}
VARYING_COLUMNS = {
    "body_html", "body_text", "dedupe_key", "message_id", "object_id", "password_hash",
    "payload", "sealed_key", "sealed_secret", "sealed_secret_before", "source", "webhook_token",
}  # fmt: skip


def varies(column: Column) -> bool:
    return column.type in VARYING_TYPES or column.name in VARYING_COLUMNS


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, without what varies."""
    return database.rows_of_all(without=varies)


def smuggled(form: ShownForm, stage: Stage, prefixes: set[str]) -> dict[str, list[str]]:
    """Every column of every table as a field that the form does not have."""
    return {
        prefix + column.name: [_tampered(column.name, column.type, stage.world)]
        for columns in stage.database.tables.values()
        for column in columns
        for prefix in prefixes
        if prefix + column.name not in form.controls
    }


def _tampered(name: str, kind: str, world: World) -> str:
    if name in {"reseller_id", "parent_id"}:
        return str(world.globex.id)
    if name == "client_id":
        return str(world.acme.owners[1].client.id)
    if name in {"state", "status"}:
        return "deleted"
    if kind == "boolean":
        return "y"
    if kind.startswith("timestamp") or kind == "date":
        return "2020-01-01"
    return "777777" if kind in {"bigint", "integer", "numeric"} else "smuggled"


@pytest.fixture(scope="module")
def untouched(stage: Stage) -> dict[str, list[tuple[object, ...]]]:
    """All rows before anybody has sent anything."""
    return everything(stage.database)


@pytest.mark.parametrize("row", WRITES, ids=str)
def test_fields_that_are_not_shown_change_nothing(
    stage: Stage, row: Row, office_forms, panel_forms, untouched
):
    is_office = row.access.area == "office"
    actor = stage.actors["acme owner" if is_office else "acme client"]
    shown = forms_for(row, office_forms if is_office else panel_forms)
    try:
        for form in shown[:2]:
            before = untouched
            blocks = {name.split("-")[0] + "-" for name in form.controls if "-" in name}
            answers = []
            for prefixes in (set(), {""}, blocks):
                data = {**smuggled(form, stage, prefixes), **form.fields}
                browser = actor.browser(stage.app)
                answer = browser.open(form.path, method=row.method, data=data)
                assert answer.status_code < 500, f"{row}: {answer.status_code}"
                answers.append((answer.status_code, everything(stage.database)))
                stage.database.restore()
            (status, plain), *tampered = answers
            for tampered_status, rows in tampered:
                # refused as a whole is as good as not taken
                wanted = plain if tampered_status == status else before
                assert tampered_status in {status, 422}, f"{row}: {tampered_status}"
                for table in rows:
                    assert rows[table] == wanted[table], f"{row} takes more: {table}"
    finally:
        stage.database.restore()


WRITTEN = {
    "office_clients.create",
    "office_clients.update",
    "office_transactions.create",
    "office_transactions.approve",
    "office_transactions.reverse",
    "office_invoices.issue",
    "office_mail.send_again",
    "office_terms.create",
    "office_taxes.create",
    "panel_cards.make_default",
    "panel_refill.create",
}


def test_the_forms_do_write_what_they_show(stage: Stage, office_forms, panel_forms):
    """The proof that the forms above get as far as the database."""
    written = set()
    for row in WRITES:
        if row.endpoint not in WRITTEN:
            continue
        is_office = row.access.area == "office"
        actor = stage.actors["acme owner" if is_office else "acme client"]
        for form in forms_for(row, office_forms if is_office else panel_forms)[:2]:
            before = stage.database.digest()
            actor.browser(stage.app).open(form.path, method=row.method, data=form.fields)
            if before != stage.database.digest():
                written.add(row.endpoint)
            stage.database.restore()
    assert written == WRITTEN
