"""The Clients list: columns, search, filters, order and pages."""

import pytest
from sqlalchemy import update

from billing.client_billing import Billing
from billing.models import ClientBalance
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import client_blocks
from tenants.clients import get_client
from tests.factories.cast import Client, Tenant, make_client, make_tenant
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
        for name in names:
            make_client(acme, name)
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
        for number in range(60):
            make_client((acme, west)[number % 2], f"Client {number:03}")

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

    assert as_owner.get(LIST).text.count("is-set") - before == 2


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
