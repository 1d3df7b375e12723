"""Refills: a card charged by the staff, looked up, and what the screen may show of an attempt."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest

from core import jobs
from core.config import Settings
from core.ids import new_id
from core.jobs import Job
from payments.models import Refill
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/refills/"


@pytest.fixture
def sent_jobs() -> Iterator[list[Job]]:
    sent: list[Job] = []
    before = list(jobs._senders)
    jobs.configure(sent.append)
    yield sent
    jobs._senders[:] = before


@pytest.fixture
def account_id(acme: Tenant, settings: Settings) -> int:
    return desk.gateway(acme, settings.credential_key_ring)


@pytest.fixture
def card_id(acme: Tenant, acme_client: Client, account_id: int) -> UUID:
    return desk.card(acme, acme_client, account_id)


class TestChargeNow:
    address = "/office/refills/new"

    def form(self, client: Client, card_id: UUID, **changes: str) -> dict[str, str]:
        given = {
            "refill_id": str(new_id()),
            "client": str(client.id),
            "amount": "25,00",
            "saved_card_id": str(card_id),
        }
        return {**given, **changes}

    def test_a_worker_is_asked_to_charge_the_card(
        self,
        as_owner: Browser,
        acme: Tenant,
        acme_client: Client,
        card_id: UUID,
        sent_jobs: list[Job],
    ) -> None:
        form = self.form(acme_client, card_id)

        answer = as_owner.post(self.address, data=form)

        (row,) = desk.stored(acme, Refill)
        assert answer.location == f"{LIST}{row.id}"
        assert (row.source, row.state, row.amount) == ("staff", "requested", Decimal(25))
        assert row.author == "owner@acme.example"
        assert [job.name for job in sent_jobs] == ["payments.charge_refill"]

    def test_a_second_click_charges_nothing_more(
        self,
        as_owner: Browser,
        acme: Tenant,
        acme_client: Client,
        card_id: UUID,
        sent_jobs: list[Job],
    ) -> None:
        form = self.form(acme_client, card_id)

        for _click in range(2):
            assert as_owner.post(self.address, data=form).status_code == 303

        assert len(desk.stored(acme, Refill)) == 1
        assert len(sent_jobs) == 1

    @pytest.mark.parametrize("amount", ["", "0", "0.5", "25.001", "50001", "abc"])
    def test_an_amount_that_cannot_be_charged_is_told(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, card_id: UUID, amount: str
    ) -> None:
        answer = as_owner.post(self.address, data=self.form(acme_client, card_id, amount=amount))

        assert answer.status_code == 422
        assert 'href="#amount"' in answer.text
        assert desk.stored(acme, Refill) == []

    def test_another_clients_card_is_refused(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, card_id: UUID
    ) -> None:
        answer = as_owner.post(self.address, data=self.form(acme_client, new_id()))

        assert answer.status_code == 422
        assert desk.stored(acme, Refill) == []

    def test_without_a_card_the_form_says_where_one_comes_from(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        text = as_owner.get(f"{self.address}?client={acme_client.id}").text

        assert "This client has no saved card." in text


class TestOpenRefill:
    @pytest.fixture
    def refill_id(self, acme: Tenant, acme_client: Client, card_id: UUID, account_id: int) -> UUID:
        refill_id = desk.refill(acme, acme_client, card_id)
        desk.unknown_attempt(acme, acme_client, refill_id, account_id)
        return refill_id

    def test_the_page_says_what_happens_next_and_asks_for_itself_anew(
        self, as_owner: Browser, refill_id: UUID
    ) -> None:
        answer = as_owner.get(f"{LIST}{refill_id}", headers=HTMX)

        assert answer.text.lstrip().startswith('<div id="refill"')
        assert "nothing is charged twice" in answer.text
        assert "load delay:" in answer.text

    def test_the_gateways_raw_answer_and_references_to_the_card_stay_hidden(
        self, as_owner: Browser, refill_id: UUID
    ) -> None:
        text = as_owner.get(f"{LIST}{refill_id}").text

        assert "no answer" in text
        assert "hidden-raw" not in text
        assert "secret-profile" not in text

    def test_looking_up_now_asks_a_worker(
        self, as_owner: Browser, refill_id: UUID, sent_jobs: list[Job]
    ) -> None:
        for _click in range(2):
            assert as_owner.post(f"{LIST}{refill_id}/look-up").status_code == 303

        assert {(job.name, job.args["attempt_key"]) for job in sent_jobs} == {
            ("payments.look_up", "K" * 20)
        }

    def test_a_viewer_cannot_look_up(
        self, as_viewer: Browser, refill_id: UUID, sent_jobs: list[Job]
    ) -> None:
        assert as_viewer.post(f"{LIST}{refill_id}/look-up").status_code == 403
        assert sent_jobs == []


def test_the_list_filters_by_state_source_and_client(
    as_owner: Browser, acme: Tenant, acme_client: Client, card_id: UUID
) -> None:
    desk.refill(acme, acme_client, card_id)

    def has(query: str) -> bool:
        return "Orbit Calls" in as_owner.get(LIST + query).text

    assert has("?state=open")
    assert has("?state=requested")
    assert not has("?state=declined")
    assert has("?source=staff")
    assert not has("?source=auto")
    assert has("?q=orbit")
    assert has("?period=today")
