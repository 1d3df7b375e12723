"""Who may only look changes nothing; a cookie opens its own area; every answer is protected."""

import pytest

from portal.headers import FIXED_HEADERS
from tenants.signin_sessions import hash_token
from tests.portal.browser import HTMX, open_browser
from tests.tenancy.conftest import Stage
from tests.tenancy.database import changed_tables
from tests.tenancy.forms import form_for
from tests.tenancy.routes import Row, list_rows

ROWS = list_rows()
# Answers with a policy of their own, each with the reason.
OWN_POLICY = {
    "office_mail.html_body": "somebody's mail as it was, alone in a frame without any rights",
    "office_mail_templates.html": "how a mail looks, alone in a frame without any rights",
}
# Writes that everybody may do, because they touch nothing but what is one's own.
OWN_THINGS = {
    "office_list_views.save_look": "how one sees a list",
    "office_list_views.create": "a view of one's own; sharing it needs a right, tested with views",
    "office_list_views.update": "as above",
    "office_list_views.delete": "as above",
}

# Who is let in where; staff in all other areas.
PEOPLE = {"panel": "acme client", "platform": "platform admin"}

OFFICE_WRITES = [
    row
    for row in ROWS
    if row.writes and row.access.area == "office" and row.endpoint not in OWN_THINGS
]
CLOSED = [row for row in ROWS if row.access.area not in {"public"}]


def test_what_is_ones_own_is_still_there():
    assert set(OWN_THINGS) <= {row.endpoint for row in ROWS}


@pytest.mark.parametrize("row", OFFICE_WRITES, ids=str)
def test_who_may_only_read_changes_nothing(stage: Stage, row: Row, office_forms):
    assert row.access.permission is not None, f"{row} writes: it needs a permission"
    assert not row.access.permission.endswith(":read"), f"{row} writes with {row.access.permission}"
    viewer = stage.actors["acme viewer"]
    assert viewer.home is not None
    url = row.url(row.values(viewer.home))
    before = stage.database.digest()
    for headers in ({}, HTMX):
        answer = viewer.browser(stage.app).open(
            url, method=row.method, data=form_for(row, office_forms), headers=headers
        )
        assert answer.status_code == 403
    assert not changed_tables(before, stage.database.digest())


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.writes and r.access.area == "platform"], ids=str
)
def test_platform_staff_who_may_only_read_change_nothing(stage: Stage, row: Row):
    viewer = stage.actors["platform viewer"]
    before = stage.database.digest()
    answer = viewer.browser(stage.app).open(
        row.url(row.values(stage.world.acme.first)), method=row.method, data={}
    )
    assert answer.status_code == 403
    assert not changed_tables(before, stage.database.digest())


@pytest.mark.parametrize("row", CLOSED, ids=str)
def test_a_cookie_of_one_area_opens_no_other(stage: Stage, row: Row):
    """The token itself is tried under the other area's cookie name."""
    url = row.url(row.values(stage.world.acme.first))
    before = stage.database.digest()
    for name in ("acme owner", "acme client", "platform admin"):
        actor = stage.actors[name]
        if actor.area in {row.access.area, "public"} or actor.is_let_in(row):
            continue
        browser = open_browser(stage.app)
        for area in ("office", "platform", "panel"):
            browser.give_cookie(area, actor.token)
        answer = browser.open(url, method=row.method, data={})
        assert answer.status_code in {303, 403}, (name, answer.status_code)
    assert not changed_tables(before, stage.database.digest())


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("htmx", [{}, HTMX], ids=["page", "htmx"])
def test_every_answer_carries_the_security_headers(stage: Stage, row: Row, htmx):
    person = PEOPLE.get(row.access.area, "acme owner")
    for name in (person,) if htmx else ("anonymous", person):
        actor = stage.actors[name]
        url = row.url(row.values(actor.home or stage.world.acme.first))
        # a page is written once, and its head is the same
        others = ["GET"] if name != "anonymous" else ["GET", "HEAD"]
        for method in ["OPTIONS", *(others if row.method == "GET" else [])]:
            answer = actor.browser(stage.app).open(url, method=method, headers=htmx, buffered=True)
            where = f"{name}: {method} {url}"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, where
            if row.endpoint in OWN_POLICY and answer.status_code == 200 and method != "OPTIONS":
                assert policy.endswith("; sandbox"), where
                assert "script-src" not in policy, where
            else:
                assert "unsafe" not in policy, where
                assert "script-src 'self';" in policy, where
                assert "frame-ancestors 'none'" in policy, where
            for header, value in FIXED_HEADERS.items():
                if header == "Referrer-Policy":
                    # a page with a secret in its address may be stricter
                    assert answer.headers[header] in {value, "no-referrer"}, where
                else:
                    assert answer.headers[header] == value, where
            if row.endpoint != "static":
                assert answer.headers["Cache-Control"] == "no-store", where
                assert "HX-Request" in answer.headers["Vary"], where
            assert "X-Request-ID" in answer.headers, where
            assert "Server" not in answer.headers, where


# a gateway's signature takes the place of the token
OUR_FORMS = [row for row in ROWS if row.writes and not row.endpoint.startswith("webhooks.")]


@pytest.mark.parametrize("row", OUR_FORMS, ids=str)
def test_a_write_without_the_forms_token_or_from_another_site_is_refused(stage: Stage, row: Row):
    actor = stage.actors[PEOPLE.get(row.access.area, "acme owner")]
    url = row.url(row.values(actor.home or stage.world.acme.first))
    before = stage.database.digest()
    for headers, status in (
        ({"X-CSRFToken": "", "Sec-Fetch-Site": "same-origin"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ):
        answer = actor.browser(stage.app).open(url, method=row.method, data={}, headers=headers)
        assert answer.status_code == status, (str(row), headers)
    assert not changed_tables(before, stage.database.digest())


@pytest.mark.parametrize(
    ("mine", "other", "path"),
    [
        ("acme client", "acme neighbour", "/clients/account/sessions/end"),
        ("acme client", "globex client", "/clients/account/sessions/end"),
        ("acme owner", "globex owner", "/account/sessions/end"),
        ("acme owner", "platform admin", "/account/sessions/end"),
        ("platform viewer", "platform admin", "/account/sessions/end"),
    ],
)
def test_nobody_ends_the_session_of_another(stage: Stage, mine: str, other: str, path: str):
    """A session is named by its key, which no page of another shows but a thief might know."""
    key = hash_token(stage.actors[other].token).hex()
    before = stage.database.digest()
    answer = stage.actors[mine].browser(stage.app).post(path, data={"key": key})
    assert answer.status_code == 303
    assert not changed_tables(before, stage.database.digest())
