"""Staff signed in as somebody beneath, on every address: they look, and change nothing."""

import pytest

from tests.portal.browser import HTMX, Browser
from tests.tenancy.answers import found_tokens, text_of
from tests.tenancy.conftest import Stage
from tests.tenancy.database import changed_tables
from tests.tenancy.routes import Row, list_rows
from tests.tenancy.world import Owner

WRITES = [row for row in list_rows() if row.writes and row.access.area in {"office", "panel"}]
READS = [
    row for row in list_rows() if row.method == "GET" and row.access.area in {"office", "panel"}
]


@pytest.fixture(scope="module")
def acting(stage: Stage) -> dict[str, tuple[Browser, Owner]]:
    """By area, a browser that looks at Acme's office, and at the panel of its first client."""
    return {area: _begin(stage, area) for area in ("office", "panel")}


def _begin(stage: Stage, area: str) -> tuple[Browser, Owner]:
    owner = stage.world.acme.first
    if area == "office":
        browser = stage.actors["platform admin"].browser(stage.app)
        path = f"/platform/sign-in-as/reseller/{stage.world.acme.id}"
        data = {"reason": "The matrix", "user_id": stage.world.acme.cast.owner_id}
    else:
        browser = stage.actors["acme owner"].browser(stage.app)
        path = f"/office/sign-in-as/client/{owner.client.id}"
        data = {"reason": "The matrix"}
    assert browser.post(path, data=data).status_code == 303
    return browser, owner


@pytest.mark.parametrize("row", WRITES, ids=str)
def test_who_only_looks_writes_nowhere(stage: Stage, row: Row, acting):
    browser, owner = acting[row.access.area]
    before = stage.database.digest()
    for headers in ({}, HTMX):
        answer = browser.open(
            row.url(row.values(owner)), method=row.method, data={}, headers=headers
        )
        assert answer.status_code == 403, f"{row}: {answer.status_code}"
    assert not changed_tables(before, stage.database.digest())


@pytest.mark.parametrize("row", READS, ids=str)
def test_what_can_be_seen_as_another_is_the_others_alone(stage: Stage, row: Row, acting):
    browser, owner = acting[row.access.area]
    person = stage.actors["acme owner" if row.access.area == "office" else "acme client"]
    before = stage.database.digest()
    for url in row.urls(owner):
        answer = browser.get(url)
        assert answer.status_code < 500, f"{url}: {answer.status_code}"
        assert not found_tokens(text_of(answer), person.forbidden), url
    assert not changed_tables(before, stage.database.digest()), f"{row} has written"
