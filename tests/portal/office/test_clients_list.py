"""The Clients list: columns, search, filters, order and pages."""

import re

import pytest
from flask import Flask
from lxml import html
from sqlalchemy import update

from billing.client_billing import Billing
from billing.models import ClientBalance
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from portal import keyset, listing
from tenants import client_blocks, tags
from tenants.clients import get_client
from tenants.models import Client as ClientRow
from tests.factories.cast import Client, Tenant, make_client, make_clients, make_tenant
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.office import desk

LIST = "/office/clients/"


def test_a_client_is_shown_with_its_three_balances(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.pay(acme, acme_client, "100")
    desk.charge(acme, acme_client, "30")

    text = as_owner.get(LIST).text

    assert "Orbit Calls" in text
    assert text.count(">70.00") == 2, "Available and Live"
    assert ">100.00" in text, "Fixed: nothing is invoiced yet"


def test_a_postpaid_client_has_unlimited_available(as_owner: Browser, acme: Tenant) -> None:
    make_client(acme, "Later Ltd", billing=Billing(postpaid=True))

    assert "unlimited" in as_owner.get(LIST).text


def test_only_active_clients_are_shown_by_default(as_owner: Browser, acme: Tenant) -> None:
    make_client(acme, "Alive")
    make_client(acme, "Halted", status="stop")

    assert desk.names_in(as_owner.get(LIST)) == ["Alive"]
    assert desk.names_in(as_owner.get(f"{LIST}?status=any")) == ["Alive", "Halted"]
    assert desk.names_in(as_owner.get(f"{LIST}?status=stop")) == ["Halted"]


def test_the_status_is_a_column_only_where_it_differs(as_owner: Browser, acme: Tenant) -> None:
    make_client(acme, "Alive")
    make_client(acme, "Halted", status="stop")

    assert 'data-label="Status"' not in as_owner.get(LIST).text
    assert as_owner.get(f"{LIST}?status=any").text.count('data-label="Status"') == 2


@pytest.mark.parametrize("typed", ["zur", "ZÜRICH", "*rich tel", "*100%"])
def test_the_search_finds_first_letters_without_accents_and_case(
    as_owner: Browser, acme: Tenant, typed: str
) -> None:
    make_client(acme, "Zürich Telecom 100%")
    make_client(acme, "Other 1000")

    assert desk.names_in(as_owner.get(LIST, query_string={"q": typed})) == ["Zürich Telecom 100%"]


def test_the_search_finds_a_client_by_its_id(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    make_client(acme, "Somebody else")

    assert desk.names_in(as_owner.get(f"{LIST}?q={acme_client.id}")) == ["Orbit Calls"]


def test_a_search_without_a_match_offers_to_clear_it(
    as_owner: Browser, acme_client: Client
) -> None:
    answer = as_owner.get(f"{LIST}?q=nobody")

    assert "No client matches" in answer.text
    assert "Clear filters" in answer.text


def test_an_empty_list_offers_the_first_client(as_owner: Browser) -> None:
    assert "No active clients yet" in as_owner.get(LIST).text


def test_the_search_answers_htmx_with_the_very_partial_of_the_page(
    as_owner: Browser, acme_client: Client
) -> None:
    typing = {**HTMX, "HX-Trigger-Name": "q"}

    partial = as_owner.get(f"{LIST}?q=orb&status=active", headers=typing)

    assert partial.text.lstrip().startswith('<div id="table"')
    assert partial.text.strip() in as_owner.get(f"{LIST}?q=orb&status=active").text
    assert partial.headers["HX-Replace-Url"] == f"{LIST}?q=orb", "what is asked anyway is left out"


class TestPages:
    @pytest.fixture
    def hundred(self, acme: Tenant) -> list[str]:
        names = [f"Client {number:03}" for number in range(120)]
        make_clients(acme, names)
        return names

    def test_pages_follow_each_other_without_a_gap_or_a_double(
        self, as_owner: Browser, hundred: list[str]
    ) -> None:
        seen: list[str] = []
        address = LIST
        while address:
            answer = as_owner.get(address)
            seen += desk.names_in(answer)
            address = desk.link(answer, "Next")

        assert seen == hundred

    def test_a_page_back_shows_the_same_rows(self, as_owner: Browser, hundred: list[str]) -> None:
        second = as_owner.get(desk.link(as_owner.get(LIST), "Next"))
        third = as_owner.get(desk.link(second, "Next"))

        assert desk.names_in(as_owner.get(desk.link(third, "Previous"))) == desk.names_in(second)
        assert desk.link(third, "Next") == ""

    def test_a_client_made_meanwhile_shifts_no_page(
        self, as_owner: Browser, acme: Tenant, hundred: list[str]
    ) -> None:
        next_page = desk.link(as_owner.get(LIST), "Next")
        make_client(acme, "Aaa, the new first one")

        assert desk.names_in(as_owner.get(next_page))[0] == "Client 050"

    def test_the_count_is_told(self, as_owner: Browser, hundred: list[str]) -> None:
        first = as_owner.get(LIST)
        second = as_owner.get(desk.link(first, "Next"))
        third = as_owner.get(desk.link(second, "Next"))

        assert "1–50 of 120" in first.text
        assert "51–100 of 120" in second.text
        assert "101–120 of 120" in third.text
        assert "51–100 of 120" in as_owner.get(desk.link(third, "Previous")).text

    @pytest.mark.parametrize("place", ["nonsense", "W10", "WyJhIiwiYiJd", "e30", "AAAA", "%00"])
    def test_a_place_that_is_none_shows_the_first_page(
        self, as_owner: Browser, hundred: list[str], place: str
    ) -> None:
        answer = as_owner.get(f"{LIST}?after={place}")

        assert answer.status_code == 200
        assert desk.names_in(answer)[0] == "Client 000"


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "available", "-available"])
def test_every_order_has_its_reverse(as_owner: Browser, acme: Tenant, sort: str) -> None:
    for name, credit in (("Bravo", 5), ("Alpha", 9), ("Charlie", 1)):
        client = make_client(acme, name)
        desk.pay(acme, client, str(credit))
    up = {"id": "BAC", "name": "ABC", "available": "CBA"}[sort.removeprefix("-")]

    first_letters = "".join(n[0] for n in desk.names_in(as_owner.get(f"{LIST}?sort={sort}")))

    assert first_letters == (up[::-1] if sort.startswith("-") else up)


def test_unlimited_is_above_every_figure(as_owner: Browser, acme: Tenant) -> None:
    make_client(acme, "Postpaid", billing=Billing(postpaid=True))
    desk.pay(acme, make_client(acme, "Rich"), "1000000")

    assert desk.names_in(as_owner.get(f"{LIST}?sort=-available")) == ["Postpaid", "Rich"]


class TestFamily:
    """A reseller sees its sub-resellers' clients among its own."""

    @pytest.fixture
    def west(self, acme: Tenant) -> Tenant:
        return make_tenant("Acme West", "acme-west", parent_id=acme.id)

    @pytest.fixture
    def as_head(self, app, acme: Tenant, west: Tenant) -> Browser:
        return signed_in(app, "office", acme.owner_id, acme.id)

    def test_clients_of_both_stand_in_one_order(
        self, as_head: Browser, acme: Tenant, west: Tenant
    ) -> None:
        for tenant, name in ((acme, "Able"), (west, "Baker"), (acme, "Charlie"), (west, "Dog")):
            make_client(tenant, name)

        assert desk.names_in(as_head.get(LIST)) == ["Able", "Baker", "Charlie", "Dog"]
        assert desk.names_in(as_head.get(f"{LIST}?reseller={west.id}")) == ["Baker", "Dog"]

    def test_pages_of_both_follow_each_other(
        self, as_head: Browser, acme: Tenant, west: Tenant
    ) -> None:
        names = [f"Client {number:03}" for number in range(60)]
        make_clients(acme, names[::2])
        make_clients(west, names[1::2])

        first = as_head.get(LIST)
        second = as_head.get(desk.link(first, "Next"))

        assert desk.names_in(second) == [f"Client {number:03}" for number in range(50, 60)]


def test_another_tenants_clients_are_never_shown(
    as_owner: Browser, acme_client: Client, globex: Tenant, globex_client: Client
) -> None:
    for query in ("", "?q=neb", f"?q={globex_client.id}", "?status=any", f"?reseller={globex.id}"):
        assert "Nebula" not in as_owner.get(LIST + query).text


def test_icons_are_coloured_when_something_is_behind_them(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    before = as_owner.get(LIST).text.count("is-set")
    desk.pay(acme, acme_client, "10")
    desk.mail(acme, acme_client)

    assert as_owner.get(LIST).text.count("is-set") - before == 3, (
        "transactions, balance report, mail"
    )


def test_tags_are_shown_and_filter(as_owner: Browser, acme: Tenant, acme_client: Client) -> None:
    make_client(acme, "Untagged")
    with tenant_scope(acme.scope), unit_of_work() as session:
        client_blocks.save_tags(session, get_client(session, acme_client.id), ["Wholesale"])

    assert "Wholesale" in as_owner.get(LIST).text
    assert desk.names_in(as_owner.get(f"{LIST}?tag=wholesale")) == ["Orbit Calls"]


def test_a_viewer_sees_the_list_without_buttons_that_write(
    as_viewer: Browser, acme_client: Client
) -> None:
    answer = as_viewer.get(LIST)

    assert "Orbit Calls" in answer.text
    assert "New client" not in answer.text
    assert "/edit" not in answer.text


def test_balances_of_a_client_are_read_with_the_list(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(
            update(ClientBalance)
            .where(ClientBalance.client_id == acme_client.id)
            .values(credit="12.5")
        )

    assert "12.50" in as_owner.get(LIST).text


def test_a_tag_wears_its_colour(as_owner: Browser, acme: Tenant, acme_client: Client) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        tags.create_tag(session, reseller_id=acme.id, name="a: b", color="red")
        client_blocks.save_tags(session, get_client(session, acme_client.id), ["a: b", "plain"])

    text = as_owner.get(LIST).text

    assert '<span class="chip tag-red">a: b</span><span class="chip">plain</span>' in text


class TestIcons:
    def test_every_icon_leads_somewhere_and_says_where(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        cell = as_owner.get(LIST).text.split('class="cell-actions">')[1].split("</td>")[0]
        icons = re.findall(r'<a class="ri [^"]*" href="([^"]+)" title="([^"]+)"', cell)

        assert {"Transactions", "Invoices", "Refills", "Mail queue", "Audit log", "Edit"} <= {
            title for _href, title in icons
        }
        for href, title in icons:
            assert as_owner.get(href).status_code == 200, title

    def test_no_icon_is_shown_that_the_role_does_not_include(
        self, as_viewer: Browser, acme_client: Client
    ) -> None:
        text = as_viewer.get(LIST).text

        for name in ("ri-edit", "ri-delete", "ri-panel"):
            assert name not in text

    def test_an_icon_of_each_kind_is_coloured_by_what_is_behind_it(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        def is_set(name: str) -> bool:
            return f"ri-{name} is-set" in as_owner.get(LIST).text

        assert not is_set("transactions")
        desk.pay(acme, acme_client, "10")
        assert is_set("transactions")
        assert not is_set("mail")
        desk.mail(acme, acme_client)
        assert is_set("mail")
        assert is_set("audit"), "there is always its making"


@pytest.mark.parametrize(
    ("is_originator", "is_terminator", "badge"),
    [(True, False, ">Orig<"), (False, True, ">Term<"), (True, True, ">Orig/Term<")],
)
def test_the_badge_says_the_role(
    as_owner: Browser,
    acme: Tenant,
    acme_client: Client,
    is_originator: bool,
    is_terminator: bool,
    badge: str,
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        client = get_client(session, acme_client.id)
        client.is_originator, client.is_terminator = is_originator, is_terminator

    row = as_owner.get(LIST).text.split("<tbody>")[1].split("</tbody>")[0]
    assert [one for one in (">Orig<", ">Term<", ">Orig/Term<") if one in row] == [badge]


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "\" onmouseover='x' a=\"",
        "& <b>%s %d {} %(name)s",
        "=cmd|' /C'",
    ],
)
def test_a_row_is_drawn_with_any_name(as_owner: Browser, acme: Tenant, name: str) -> None:
    client = make_client(acme, name)
    with tenant_scope(acme.scope), unit_of_work() as session:
        client_blocks.save_tags(session, get_client(session, client.id), [name[:40], "b", "c"])

    text = as_owner.get(LIST).text

    tree = html.document_fromstring(text)
    (row,) = tree.xpath("//tbody/tr")
    assert row.xpath("string(.//a[1])") == " ".join(name.split())
    assert row.xpath(".//script") == []
    assert row.xpath(".//*[@onmouseover]") == []
    assert row.xpath(".//input/@aria-label") == [f"Select {' '.join(name.split())}"]


class TestAdvancedSearch:
    def test_what_a_form_sends_becomes_the_short_address(self, as_owner: Browser) -> None:
        sent = "?q=&id=&name=orb&status=active&currency=&live_from=1.000,5&live_to=&created=any"

        answer = as_owner.get(LIST + sent)

        assert answer.status_code == 422, "1.000,5 is no English figure"
        good = as_owner.get(LIST + sent.replace("1.000,5", "1,000.5"))
        assert good.status_code == 302
        assert good.location == f"{LIST}?name=orb&live_from=1000.5"

    def test_a_bad_value_has_its_message_at_the_field_and_nothing_is_lost(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        answer = as_owner.get(f"{LIST}?available_from=abc&company=Orbit&created=soon")

        assert answer.status_code == 422
        tree = html.document_fromstring(answer.text)
        (box,) = tree.xpath("//input[@name='available_from']")
        assert box.get("value") == "abc"
        assert box.get("aria-invalid") == "true"
        (message,) = tree.xpath(f"//*[@id='{box.get('aria-describedby')}']")
        assert "digits" in message.text_content()
        assert tree.xpath("//input[@id='search-company']/@value") == ["Orbit"]
        assert desk.names_in(answer) == []

    def test_the_panel_is_filled_by_the_address(self, as_owner: Browser, acme: Tenant) -> None:
        answer = as_owner.get(f"{LIST}search?live_from=1234.5&postpaid=yes&tag=vip&tag=new")

        tree = html.document_fromstring(answer.text)
        assert tree.xpath("//input[@name='live_from']/@value") == ["1,234.5"]
        assert tree.xpath("//select[@name='postpaid']/option[@selected]/@value") == ["yes"]
        assert tree.xpath("//input[@name='tag']/@value") == ["vip, new"]

    def test_each_filter_is_a_chip_that_takes_away_only_itself(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        query = "?q=orb&currency=USD&available_from=-5&created=this_week"

        tree = html.document_fromstring(as_owner.get(LIST + query).text)

        chips = {
            chip.text_content().strip(): chip.get("href")
            for chip in tree.xpath("//a[contains(@class, 'chip-filter')]")
        }
        assert set(chips) == {
            "Search: orb",
            "Currency: USD",
            "Available: ≥ -5",
            "Created: This week",
        }
        assert chips["Currency: USD"] == f"{LIST}?q=orb&available_from=-5&created=this_week"
        for href in chips.values():
            assert desk.names_in(as_owner.get(href)) == ["Orbit Calls"]

    def test_resellers_of_a_large_family_are_typed_not_listed(
        self, app: Flask, acme: Tenant
    ) -> None:
        for number in range(60):
            make_tenant(f"Branch {number:02}", f"branch-{number}", parent_id=acme.id)
        as_head = signed_in(app, "office", acme.owner_id, acme.id)

        panel = as_head.get(f"{LIST}search").text
        found = as_head.get(f"{LIST}search/reseller?reseller=branch+1").text

        assert "Branch 17" not in panel
        assert "Branch 17" in found
        assert "Branch 27" not in found
        assert found.count("<option") <= 21

    def test_what_is_typed_finds_nothing_of_another_tenant(
        self, as_owner: Browser, globex: Tenant
    ) -> None:
        assert "Globex" not in as_owner.get(f"{LIST}search/reseller?reseller=glob").text
        assert as_owner.get(f"{LIST}search/nothing").status_code == 404


def test_that_there_are_many_is_remembered_for_the_tenant_that_counted(
    as_owner: Browser, as_stranger: Browser, globex_client: Client, acme: Tenant, monkeypatch
) -> None:
    monkeypatch.setattr(keyset, "COUNT_LIMIT", 52)
    monkeypatch.setattr(listing, "COUNT_LIMIT", 52)
    keyset.forget_counts()
    make_clients(acme, [f"Client {number:03}" for number in range(53)])

    assert "1–50 of 52+" in as_owner.get(LIST).text
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(
            update(ClientRow).where(ClientRow.name_key > "client 050").values(status="stop")
        )
    assert "1–50 of 52+" in as_owner.get(LIST).text, "for a minute"
    assert "1–50 of 51" in as_owner.get(f"{LIST}?sort=-name&currency=USD").text, (
        "others are counted"
    )
    assert "1–1 of 1" in as_stranger.get(LIST).text
    keyset.forget_counts()
