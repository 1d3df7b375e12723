"""No word or figure of another tenant is in any page, file, search, mail or attachment."""

from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from werkzeug.datastructures import ImmutableMultiDict

from tests.portal.browser import HTMX
from tests.tenancy import objects
from tests.tenancy.actors import NAMES
from tests.tenancy.answers import found_tokens, text_of, text_of_file
from tests.tenancy.conftest import Stage
from tests.tenancy.database import changed_tables
from tests.tenancy.forms import forms_for, with_field
from tests.tenancy.routes import Row, list_rows

READS = [row for row in list_rows() if row.method == "GET" and row.endpoint != "static"]
# Pages whose visit is an act, each with the reason.
WRITING_READS = {
    "GET /clients/sign-up/confirm/<token>": "counts the attempt, as the reset links do",
    "GET /login/reset/<token>": "whoever tries links is counted and slowed down",
    "GET /clients/login/reset/<token>": "whoever tries links is counted and slowed down",
}


def addresses(row: Row, stage: Stage, name: str) -> list[str]:
    """The row with this person's own objects; for those above tenants with everybody's."""
    actor = stage.actors[name]
    homes = [actor.home] if actor.home is not None else [t.first for t in stage.world.tenants]
    return [
        row.url(row.values(home))
        for home in homes
        if all(row.kind_of(parameter) in home.ids for parameter in row.object_parameters)
    ]


@pytest.mark.parametrize("row", READS, ids=str)
def test_a_page_is_there_for_its_owner_changes_nothing_and_shows_no_other(stage: Stage, row: Row):
    before = stage.database.digest()
    for name in NAMES:
        actor = stage.actors[name]
        if not actor.is_let_in(row) and name != "anonymous":
            continue  # what the others are told instead: test_rights, test_foreign_ids
        browser = actor.browser(stage.app)
        for url in addresses(row, stage, name):
            # a part of a page is drawn from what the page is: asked for by one of each area
            for headers in ({}, HTMX) if name in {"acme owner", "acme client"} else ({},):
                answer = browser.get(url, headers=headers)
                where = f"{name}: {url} {headers}"
                leaked = found_tokens(text_of(answer), actor.forbidden)
                assert not leaked, f"{where} shows {leaked}"
                if actor.is_let_in(row) and row.access.area != "public":
                    assert answer.status_code < 400, f"{where}: {answer.status_code}"
                assert answer.status_code < 500 or row.endpoint.startswith("health."), where
    if str(row) not in WRITING_READS:
        changed = changed_tables(before, stage.database.digest())
        assert not changed, f"{row} has written: {changed}"


def test_pages_that_write_are_listed_with_a_reason():
    assert all(WRITING_READS.values()), "give a reason"
    assert not set(WRITING_READS) - {str(row) for row in READS}, "stale list"


# Pages about an object that show none of its words, each with the reason.
WORDLESS: dict[str, str] = {
    "office_resellers.next_number": "the next number by the template that is typed",
    "office_resellers.show": "leads on to the first page of its settings",
    "office_tasks.export_clients": "it says how many are exported and in which columns, no names",
}
OBJECT_PAGES = [
    row
    for row in READS
    if row.access.area == "office" and row.object_parameters and row.endpoint not in WORDLESS
]


@pytest.mark.parametrize("row", OBJECT_PAGES, ids=str)
def test_a_page_can_be_seen_by_its_owner_with_own_words(stage: Stage, row: Row):
    """The proof that the matrix looks at something: whoever may, does read the tokens."""
    actor = stage.actors["globex owner"]
    text = text_of(actor.browser(stage.app).get(row.url(row.values(stage.world.globex.first))))
    assert found_tokens(text, stage.world.globex.tokens), f"{row} shows nothing of its object"


def test_tokens_are_in_files_and_mails(stage: Stage):
    globex = stage.world.globex
    files = stage.database.connection.execute(
        "select media_type, content from files where reseller_id = %s", (globex.id,)
    ).fetchall()
    assert files
    for media_type, content in files:
        assert found_tokens(text_of_file(media_type, content), globex.tokens)
    assert stage.database.texts("mail_messages", [globex.id])


def test_no_mail_or_file_of_a_tenant_has_words_of_another(stage: Stage):
    connection = stage.database.connection
    for tenant in stage.world.tenants:
        family = [other for other in stage.world.tenants if other.id != tenant.id]
        foreign = [token for other in family for token in other.tokens if token != "no amount"]
        for table in stage.database.tables:
            if "reseller_id" in stage.database.columns(table):
                for text in stage.database.texts(table, [tenant.id]):
                    assert not found_tokens(text, foreign), f"{table} of {tenant.cast.name}"
        for media_type, content in connection.execute(
            "select media_type, content from files where reseller_id = %s", (tenant.id,)
        ).fetchall():
            assert not found_tokens(text_of_file(media_type, content), foreign)


def with_query(url: str, query: dict[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | query)))


OPEN_READS = [row for row in READS if row.access.area in {"office", "panel"}]


class Noting(ImmutableMultiDict[str, str]):
    """The words after an address's `?`; it notes the names that a page looks for."""

    noted: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> str:
        self.noted.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.noted.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, *rest: Any, **more: Any) -> Any:
        self.noted.add(key)
        return super().get(key, *rest, **more)

    def getlist(self, key: str, *rest: Any, **more: Any) -> Any:
        self.noted.add(key)
        return super().getlist(key, *rest, **more)

    def items(self, *rest: Any, **more: Any) -> Any:
        self.noted.update(objects.FIELDS)
        return super().items(*rest, **more)


@pytest.fixture
def noted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that the pages of this test looked for."""
    monkeypatch.setattr(stage.app.request_class, "parameter_storage_class", Noting)
    Noting.noted.clear()
    return Noting.noted


@pytest.mark.parametrize("row", OPEN_READS, ids=str)
def test_a_search_or_filter_finds_nothing_of_another(stage: Stage, row: Row, noted: set[str]):
    """Everything that a list can be asked for is asked for with another's ids and words."""
    names = ("acme owner", "west owner", "empty owner", "acme neighbour", "empty client")
    other = stage.world.globex.first
    asked = {name: objects.value_of(other, kind) for name, kind in objects.FIELDS.items()}
    # a part of the token, so that a search box that repeats it shows no token
    queries = [asked, {"q": "lexsentinel"[:8]}, {"q": "globex"}, {"q": other.ids["client"]}]
    before = stage.database.digest()
    for name in names:
        actor = stage.actors[name]
        if not actor.is_let_in(row):
            continue
        browser = actor.browser(stage.app)
        for url in addresses(row, stage, name):
            # who has nothing can be shown nothing but another's: all is asked for at once
            mine = queries[:1] if name.startswith("empty") else list(queries)
            for query in mine:
                if query == queries[1] and name in {"acme owner", "acme neighbour"}:
                    # what the page looked for also one by one; for the others together is enough
                    mine += [{key: asked[key]} for key in sorted(noted & asked.keys())]
                answer = browser.get(with_query(url, query))
                where = f"{name}: {url} {query}"
                assert answer.status_code < 500, where
                assert not found_tokens(text_of(answer), actor.forbidden), where
    if str(row) not in WRITING_READS:
        assert not changed_tables(before, stage.database.digest()), str(row)


WRITES = [row for row in list_rows() if row.writes and row.access.area in {"office", "panel"}]


@pytest.mark.parametrize("row", WRITES, ids=str)
def test_a_form_about_anothers_object_is_refused_like_one_about_nothing(
    stage: Stage, row: Row, office_forms, panel_forms
):
    is_office = row.access.area == "office"
    actor = stage.actors["acme owner" if is_office else "acme client"]
    assert actor.home is not None
    forms = forms_for(row, office_forms if is_office else panel_forms)
    strangers = [stage.world.globex.first]
    if not is_office:
        strangers.append(stage.world.acme.owners[1])
    kinds = objects.FIELDS | objects.MADE_BY_FORM
    browser = actor.browser(stage.app)
    try:
        for form in forms:
            for name in form.fields.keys() & kinds.keys():
                for stranger in strangers:
                    _send_foreign(
                        stage, actor, browser, row, form.path, form.fields, name, stranger
                    )
    finally:
        stage.database.restore()


def _send_foreign(stage, actor, browser, row, url, fields, name, stranger) -> None:
    kind = (objects.FIELDS | objects.MADE_BY_FORM)[name]
    foreign = objects.value_of(stranger, kind)
    if foreign == objects.value_of(actor.home, kind):
        return  # what both share, as their reseller
    others = [t.id for t in stage.world.tenants if t.id != stage.world.acme.id]
    before = stage.database.digest(others)
    answers = []
    for value in (foreign, objects.missing_like(foreign)):
        answer = browser.open(url, method=row.method, data=with_field(fields, name, value))
        assert answer.status_code < 500, f"{row} {name}={value}"
        assert not found_tokens(text_of(answer), actor.forbidden), f"{row} {name}={value}"
        assert before == stage.database.digest(others), f"{row} {name} changed another tenant"
        answers.append(answer.status_code)
        stage.database.restore()
    if name in objects.FIELDS:
        assert answers[0] == answers[1], f"{row} {name}: {answers}"
        assert answers[0] >= 400, f"{row} takes another's {name}"
