"""How people like a list: its columns and density, and searches kept under a name."""

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from core.ids import new_id
from tenants.list_models import ListView
from tenants.models import AuditRecord
from tests.factories.cast import Client, Tenant, make_client, make_tenant
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.office import desk

LIST = "/office/clients/"
LOOK = "/office/list-views/clients/look"
NEW = "/office/list-views/clients/new"


def heads(answer: TestResponse) -> list[str]:
    """The captions of the first row's cells, in order."""
    row = answer.text.split("<tbody>")[1].split("</tr>")[0]
    return re.findall(r'data-label="([^"]+)"', row)


def save(browser: Browser, name: str, query: str = "", **more: str) -> TestResponse:
    form = {"view_id": str(new_id()), "name": name, "query": query, **more}
    return browser.post(NEW, data=form)


def view_of(tenant: Tenant, name: str) -> ListView:
    (found,) = desk.stored(tenant, ListView, name=name)
    return found


def look(*columns: str, density: str = "normal", **more: str) -> dict[str, object]:
    return {"order": list(columns), "column": list(columns), "density": density, **more}


class TestLook:
    def test_columns_and_their_order_are_ones_own(
        self, as_owner: Browser, as_viewer: Browser, acme_client: Client
    ) -> None:
        before = heads(as_owner.get(LIST))
        as_owner.post(LOOK, data=look("currency", "name", "created", density="compact"))

        mine = as_owner.get(LIST)
        assert heads(mine) == ["Currency", "Name", "Created"]
        assert "dense-compact" in mine.text
        assert heads(as_viewer.get(LIST)) == before

    def test_the_name_is_always_shown(self, as_owner: Browser, acme_client: Client) -> None:
        as_owner.post(LOOK, data=look("id"))

        assert heads(as_owner.get(LIST)) == ["Name", "ID"]

    def test_every_column_can_be_shown_at_once(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        form = as_owner.get(LOOK)
        every = re.findall(r'name="order" value="([^"]+)"', form.text)
        as_owner.post(LOOK, data=look(*every))

        assert len(heads(as_owner.get(LIST))) == len(every) >= 20

    def test_a_column_moves_up_without_being_saved(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        moved = as_owner.post(LOOK, data=look("id", "name", "live", move="live:up"), headers=HTMX)

        assert re.findall(r'name="order" value="([^"]+)"', moved.text)[:3] == ["id", "live", "name"]
        assert "Live" in heads(as_owner.get(LIST))[3], "the list is as it was"

    def test_the_usual_columns_come_back(self, as_owner: Browser, acme_client: Client) -> None:
        usual = heads(as_owner.get(LIST))
        as_owner.post(LOOK, data=look("id", "name", density="roomy"))
        as_owner.post(LOOK, data=look("id", reset="1"))

        assert heads(as_owner.get(LIST)) == usual

    def test_what_is_no_column_or_density_is_not_taken(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        as_owner.post(LOOK, data=look("password_hash", "name"))
        assert heads(as_owner.get(LIST)) == ["Name"]

        assert as_owner.post(LOOK, data=look("id", density="huge")).status_code == 422

    def test_a_list_that_has_no_views_is_not_found(self, as_owner: Browser) -> None:
        assert as_owner.get("/office/list-views/nothing/look").status_code == 404


class TestViews:
    @pytest.fixture(autouse=True)
    def clients(self, acme: Tenant) -> None:
        make_client(acme, "Alpha", currency="EUR")
        make_client(acme, "Bravo")

    def test_a_view_keeps_filters_columns_and_density(self, as_owner: Browser) -> None:
        as_owner.post(LOOK, data=look("name", "currency", density="compact"))
        made = save(as_owner, "In euro", "currency=EUR&sort=-name")
        as_owner.post(LOOK, data=look("reset", reset="1"))

        assert made.status_code == 303
        opened = as_owner.get(made.location)
        assert desk.names_in(opened) == ["Alpha"]
        assert heads(opened) == ["Name", "Currency"]
        assert "dense-compact" in opened.text
        assert made.location.replace("&", "&amp;") in as_owner.get(LIST).text, "a tab leads there"

    def test_only_its_person_sees_it_until_it_is_shared(
        self, as_owner: Browser, as_viewer: Browser, as_stranger: Browser, acme: Tenant
    ) -> None:
        save(as_owner, "Mine alone", "currency=EUR")
        save(as_owner, "For all of us", "currency=EUR", is_shared="y")

        seen = as_viewer.get(LIST).text
        assert "For all of us" in seen
        assert "Mine alone" not in seen
        assert "For all of us" not in as_stranger.get(LIST).text
        alone = view_of(acme, "Mine alone")
        assert as_viewer.get(f"/office/list-views/view/{alone.id}").status_code == 404
        assert as_stranger.get(f"/office/list-views/view/{alone.id}").status_code == 404

    def test_a_branch_does_not_see_the_views_of_its_head_nor_the_head_the_branchs(
        self, app: Flask, acme: Tenant, as_owner: Browser
    ) -> None:
        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        as_west = signed_in(app, "office", west.owner_id, west.id)
        save(as_owner, "Of the head", is_shared="y", query="currency=EUR")
        save(as_west, "Of the branch", is_shared="y", query="currency=EUR")

        assert "Of the head" not in as_west.get(LIST).text
        as_head = signed_in(app, "office", acme.owner_id, acme.id)
        assert "Of the branch" not in as_head.get(LIST).text
        branch = view_of(west, "Of the branch")
        assert as_head.get(f"/office/list-views/view/{branch.id}").status_code == 404

    def test_who_may_only_read_keeps_views_but_shares_none(
        self, as_viewer: Browser, acme: Tenant
    ) -> None:
        assert save(as_viewer, "Mine", "currency=EUR").status_code == 303
        assert save(as_viewer, "Ours", "currency=EUR", is_shared="y").status_code == 403
        assert "Share it" not in as_viewer.get(NEW).text
        mine = view_of(acme, "Mine")
        shared = {"name": "Mine", "version": "1", "is_shared": "y"}
        assert as_viewer.post(f"/office/list-views/view/{mine.id}", data=shared).status_code == 403
        assert not view_of(acme, "Mine").is_shared

    def test_a_shared_view_is_changed_only_by_those_who_may_share(
        self, as_owner: Browser, as_viewer: Browser, acme: Tenant
    ) -> None:
        save(as_owner, "Ours", "currency=EUR", is_shared="y")
        address = f"/office/list-views/view/{view_of(acme, 'Ours').id}"

        assert as_viewer.post(address, data={"name": "Taken", "version": "1"}).status_code == 403
        assert as_viewer.post(f"{address}/delete").status_code == 403
        columns = as_viewer.post(
            f"{LOOK}?view={view_of(acme, 'Ours').id}", data=look("name", "live")
        )
        assert columns.status_code == 403
        assert "Save view" not in as_viewer.get(address).text

        renamed = as_owner.post(address, data={"name": "Euro", "version": "1", "is_shared": "y"})
        assert renamed.status_code == 303
        assert as_owner.post(f"{address}/delete").status_code == 303
        assert desk.stored(acme, ListView, name="Euro") == []

    def test_changes_of_shared_views_are_in_the_audit_log_and_those_of_others_are_not(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        save(as_owner, "Mine", "currency=EUR")
        save(as_owner, "Ours", "currency=EUR", is_shared="y")
        as_owner.post(f"/office/list-views/view/{view_of(acme, 'Ours').id}/delete")

        records = desk.stored(acme, AuditRecord, object_type="list_view")
        assert [(one.action, one.object_label) for one in records] == [
            ("create", "Ours"),
            ("delete", "Ours"),
        ]

    def test_the_filters_of_a_view_are_taken_anew_when_asked_for(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        save(as_owner, "Euro", "currency=EUR")
        view = view_of(acme, "Euro")
        address = f"/office/list-views/view/{view.id}"
        assert "Take the filters" in as_owner.get(f"{address}?query=currency%3DUSD").text

        as_owner.post(address, data={"name": "Euro", "version": "1", "query": "currency=USD"})
        assert view_of(acme, "Euro").query == "currency=EUR"
        taken = {"name": "Euro", "version": "1", "query": "currency=USD", "takes_filters": "y"}
        as_owner.post(address, data=taken)
        assert view_of(acme, "Euro").query == "currency=USD"

    def test_a_view_keeps_only_what_the_list_itself_would_write(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        save(as_owner, "Odd", "currency=eur&status=active&x=<script>&after=abc&id=nonsense")

        assert view_of(acme, "Odd").query == "currency=EUR"

    def test_sent_twice_it_is_one_view(self, as_owner: Browser, acme: Tenant) -> None:
        form = {"view_id": str(new_id()), "name": "Once", "query": "currency=EUR"}
        first, second = as_owner.post(NEW, data=form), as_owner.post(NEW, data=form)

        assert first.location == second.location
        assert len(desk.stored(acme, ListView, name="Once")) == 1

    @pytest.mark.parametrize(
        ("name", "message"),
        [("", "Enter a name."), ("x" * 61, "at most 60"), ("euro", "of this name already")],
    )
    def test_a_name_that_cannot_be_taken_is_told_at_its_field(
        self, as_owner: Browser, name: str, message: str
    ) -> None:
        save(as_owner, "Euro", "currency=EUR")

        refused = save(as_owner, name, "currency=USD")

        assert refused.status_code == 422
        assert message in refused.text
        assert 'value="currency=USD"' in refused.text, "nothing is lost"

    def test_who_comes_second_is_told(self, as_owner: Browser, acme: Tenant) -> None:
        save(as_owner, "Euro", "currency=EUR")
        address = f"/office/list-views/view/{view_of(acme, 'Euro').id}"
        as_owner.post(address, data={"name": "Euros", "version": "1"})

        late = as_owner.post(address, data={"name": "Else", "version": "1"})

        assert late.status_code == 409
        assert "Somebody has changed this view" in late.text

    def test_a_view_that_is_gone_leaves_the_list_as_it_is(self, as_owner: Browser) -> None:
        assert desk.names_in(as_owner.get(f"{LIST}?view={new_id()}")) == ["Alpha", "Bravo"]
        assert as_owner.get(f"{LIST}?view=nonsense").status_code == 200

    def test_a_name_with_markup_is_only_a_name(self, as_owner: Browser) -> None:
        save(as_owner, "<b>bold</b>", "currency=EUR")

        assert "<b>bold" not in as_owner.get(LIST).text
        assert "&lt;b&gt;bold" in as_owner.get(LIST).text
