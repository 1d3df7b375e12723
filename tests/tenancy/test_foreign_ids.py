"""Another tenant's object does not exist: the answer is that to an id which nobody has."""

import pytest
from werkzeug.test import TestResponse

from tests.portal.browser import HTMX, Browser
from tests.tenancy import objects
from tests.tenancy.actors import Actor
from tests.tenancy.answers import REQUEST_ID, found_tokens, shown, text_of
from tests.tenancy.conftest import Stage
from tests.tenancy.database import changed_tables
from tests.tenancy.forms import ShownForm, form_for
from tests.tenancy.routes import Row, list_rows
from tests.tenancy.world import Owner

OFFICE = [row for row in list_rows() if row.access.area == "office" and row.object_parameters]
PANEL = [row for row in list_rows() if row.access.area == "panel" and row.object_parameters]
PLATFORM = [row for row in list_rows() if row.access.area == "platform" and row.object_parameters]
STAFF = ("acme owner", "acme viewer", "west owner", "globex owner", "empty owner")
# who asks also for a part of a page; the others do not make the refusal another one
BOTH_WAYS = ("acme viewer", "globex owner", "acme neighbour")
CLIENTS = ("acme client", "acme neighbour", "globex client", "empty client")


def ask(
    browser: Browser, row: Row, url: str, form: dict[str, list[str]], *, htmx: bool
) -> TestResponse:
    headers = {"X-Request-ID": REQUEST_ID, **(HTMX if htmx else {})}
    data = form if row.writes else None
    return browser.open(url, method=row.method, data=data, headers=headers)


def plausible(row: Row, forms: list[ShownForm]) -> dict[str, list[str]]:
    return form_for(row, forms) if row.writes else {}


def outsiders(stage: Stage, names: tuple[str, ...], row: Row) -> list[tuple[Actor, Owner]]:
    """Everybody who may call the view, each with every owner whose objects are not for them."""
    world = stage.world
    owners = [owner for tenant in world.tenants for owner in tenant.owners if owner.ids]
    return [
        (actor, owner)
        for actor in (stage.actors[name] for name in names)
        for owner in owners
        if actor.is_let_in(row) and owner.token in actor.forbidden
    ]


def check(stage: Stage, row: Row, names: tuple[str, ...], form: dict[str, list[str]]) -> None:
    before = stage.database.digest()
    for actor, other in outsiders(stage, names, row):
        browser = actor.browser(stage.app)
        # who has nothing has no own ids to mix with
        mine = actor.home if actor.home is not None and actor.home.ids else other
        pairs = list(row.foreign_urls(mine, other)) if mine is not other else []
        pairs = pairs or [(row.url(row.values(other)), _all_missing(row, other))]
        for foreign, missing in pairs:
            for htmx in (False, True) if actor.name in BOTH_WAYS else (False,):
                answer = ask(browser, row, foreign, form, htmx=htmx)
                where = f"{actor.name}: {row.method} {foreign} {'htmx' if htmx else ''}"
                assert answer.status_code == 404, f"{where}: {answer.status_code}"
                twin = ask(browser, row, missing, form, htmx=htmx)
                assert shown(answer) == shown(twin), where
                assert not found_tokens(text_of(answer), actor.forbidden), where
    assert not changed_tables(before, stage.database.digest()), f"{row} has written"


def _all_missing(row: Row, owner: Owner) -> str:
    values = row.values(owner)
    for name in row.object_parameters:
        values[name] = objects.missing_like(values[name])
    return row.url(values)


@pytest.mark.parametrize("row", OFFICE, ids=str)
def test_the_office_knows_no_object_of_another_tenant(stage: Stage, office_forms, row: Row):
    check(stage, row, STAFF, plausible(row, office_forms))


@pytest.mark.parametrize("row", PANEL, ids=str)
def test_the_panel_knows_no_object_of_another_client(stage: Stage, panel_forms, row: Row):
    check(stage, row, CLIENTS, plausible(row, panel_forms))


@pytest.mark.parametrize("row", [*OFFICE, *PANEL, *PLATFORM], ids=str)
def test_who_is_not_let_in_learns_nothing_of_what_exists(
    stage: Stage, row: Row, office_forms, panel_forms
):
    before = stage.database.digest()
    owner = stage.world.acme.first
    form: dict[str, list[str]] = {}
    if row.access.area != "platform":
        shown_forms = office_forms if row.access.area == "office" else panel_forms
        form = plausible(row, shown_forms)
    for actor in stage.actors.values():
        if actor.is_let_in(row):
            continue
        browser = actor.browser(stage.app)
        for htmx in (False, True) if actor.name in BOTH_WAYS else (False,):
            answers = []
            for url in (row.url(row.values(owner)), _all_missing(row, owner)):
                answer = ask(browser, row, url, form, htmx=htmx)
                assert answer.status_code in {303, 401, 403}, (actor.name, answer.status_code)
                status, headers, body = shown(answer)
                # the way back after sign-in is the address that was asked for
                headers = [(n, v) for n, v in headers if n not in {"location", "hx-redirect"}]
                answers.append((status, headers, body))
            assert answers[0] == answers[1], (actor.name, str(row))
    assert not changed_tables(before, stage.database.digest()), f"{row} has written"
