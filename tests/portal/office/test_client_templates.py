"""Clients templates in the office, filling in the form, and the merge of two people."""

import json
import re
from decimal import Decimal

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing import client_billing
from billing.template_billing import TemplateBilling
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import client_templates
from payments.client_templates import TemplateAutoPayment, TemplateValues
from tenants import client_blocks
from tenants.client_templates import TemplateGeneral, find_default
from tenants.clients import get_client
from tenants.models import ClientTemplate
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk
from tests.portal.office.test_client_form import NEW, filled, only_client
from tests.portal.office.test_client_form_fields import as_clerk

SCREEN = "/office/client-templates/"


def make(tenant: Tenant, name: str = "Wholesale", **general: object) -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return client_templates.create_template(
            session,
            request_id=new_id(),
            reseller_id=tenant.id,
            values=TemplateValues(
                TemplateGeneral(name, currency="EUR", tags=("Carrier",), **general),  # type: ignore[arg-type]
                TemplateBilling(credit=Decimal(250), notify_client=Decimal(20)),
                TemplateAutoPayment(extra_amount=Decimal(50)),
            ),
        ).id


def value_of(answer: TestResponse, name: str) -> str:
    box = re.search(rf'<input[^>]*name="{name}"[^>]*>', answer.text)
    assert box is not None, name
    value = re.search(r' value="([^"]*)"', box.group(0))
    return value.group(1) if value else ""


def sent_by(answer: TestResponse, **changes: object) -> dict[str, object]:
    """What a browser would carry along from this answer."""
    carried = {}
    for name in ("shown", "offer", "version", "request_id", "general-applied_template_id"):
        box = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', answer.text)
        if box:
            carried[name] = (
                box.group(1).replace("&#34;", '"').replace("&quot;", '"').replace("&amp;", "&")
            )
    return {**filled(), **carried, **changes}


class TestScreen:
    def values(self, **changes: object) -> dict[str, object]:
        return {
            "request_id": str(new_id()),
            "name": "Wholesale",
            "credit": "250",
            "tags": "a, b",
            **changes,
        }

    def test_a_template_is_made_shown_changed_and_deleted(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        assert as_owner.post(f"{SCREEN}new", data=self.values(is_default="y")).status_code == 303
        (row,) = desk.stored(acme, ClientTemplate)
        page = as_owner.get(SCREEN).text
        assert "Wholesale" in page
        assert "default" in page
        assert 'value="a, b"' in as_owner.get(f"{SCREEN}{row.id}").text

        changed = self.values(version="1", name="Retail", postpaid="True", credit="")
        assert as_owner.post(f"{SCREEN}{row.id}", data=changed).status_code == 303
        assert "postpaid" in as_owner.get(SCREEN).text
        stale = as_owner.post(f"{SCREEN}{row.id}", data=self.values(version="1", name="Mine"))
        assert stale.status_code == 409
        assert "Retail" in stale.text
        assert 'value="Mine"' in stale.text

        assert as_owner.post(f"{SCREEN}{row.id}/delete").status_code == 303
        assert desk.stored(acme, ClientTemplate) == []

    def test_a_second_click_makes_no_second_template(self, as_owner: Browser, acme: Tenant) -> None:
        form = self.values()
        assert [as_owner.post(f"{SCREEN}new", data=form).status_code for _ in range(2)] == [
            303,
            303,
        ]
        assert len(desk.stored(acme, ClientTemplate)) == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""), ("name", "n" * 101), ("currency", "XXX"), ("timezone", "Mars/Base"),
            ("role", "boss"), ("tags", "t" * 61), ("credit", "9" * 10), ("credit", "ten"),
            ("payment_terms_id", "999"), ("tax_profile_id", "999"),
            ("invoice_template_id", "9" * 30),
            ("notify_client", "x"), ("threshold", "5"), ("low_capacity", "-1"),
            ("extra_amount", "-1"), ("day_cap", "0"),
        ],
    )  # fmt: skip
    def test_a_mistake_is_told_at_its_field(
        self, as_owner: Browser, acme: Tenant, field: str, value: str
    ) -> None:
        answer = as_owner.post(f"{SCREEN}new", data=self.values(**{field: value}))
        told_at = "low_capacity" if field == "threshold" else field
        assert answer.status_code == 422
        assert f'href="#{told_at}"' in answer.text
        assert desk.stored(acme, ClientTemplate) == []

    def test_the_default_is_switched_from_the_list(self, as_owner: Browser, acme: Tenant) -> None:
        template_id = make(acme)
        as_owner.post(f"{SCREEN}{template_id}/default", data={"on": "1"})
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert find_default(session, acme.id) is not None
        as_owner.post(f"{SCREEN}{template_id}/default", data={"on": "0"})
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert find_default(session, acme.id) is None

    def test_a_viewer_reads_and_writes_nothing(self, as_viewer: Browser, acme: Tenant) -> None:
        template_id = make(acme)
        page = as_viewer.get(SCREEN)
        assert page.status_code == 200
        assert "New template" not in page.text
        for path in ("new", f"{template_id}", f"{template_id}/delete", f"{template_id}/default"):
            assert as_viewer.post(f"{SCREEN}{path}", data=self.values()).status_code == 403


class TestFilling:
    def test_a_new_client_begins_with_the_default_template(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        template_id = make(acme, is_default=True)
        answer = as_owner.get(NEW)

        assert (
            "“Wholesale” filled in: Currency, Tags, Credit, Notify client, Extra amount."
            in answer.text
        )
        assert value_of(answer, "credit-credit") == "250"
        assert value_of(answer, "general-applied_template_id") == str(template_id)
        saved = as_owner.post(
            NEW,
            data=sent_by(
                answer, **{"general-template_id": str(template_id), "credit-credit": "250"}
            ),
        )
        assert saved.status_code == 303
        assert only_client(acme).template_id == template_id

    def test_typed_values_are_offered_back_and_untouched_ones_just_filled(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        template_id = make(acme)
        drawn = as_owner.get(NEW)
        sent = sent_by(
            drawn,
            **{
                "general-template_id": str(template_id),
                "general-name": "Comet",
                "general-tags": "Own",
                "credit-credit": "70",
                "low-notify_client": "",
                "auto-extra_amount": "0",
            },
        )
        answer = as_owner.post(f"{NEW}/fill", data=sent, headers=HTMX)

        assert answer.status_code == 200
        assert value_of(answer, "general-name") == "Comet"
        assert value_of(answer, "general-tags") == "Own, Carrier"
        assert value_of(answer, "credit-credit") == "250"
        assert re.findall(r'choice-value">([^<]*)<', answer.text) == ["70", "250"]
        assert desk.stored(acme, ClientTemplate)[0].name == "Wholesale"

        back = as_owner.post(
            f"{NEW}/fill",
            data={**sent, **sent_by(answer), **{
                "general-name": "Comet", "general-template_id": str(template_id),
                "credit-credit": "250", "choose": "mine:credit-credit",
            }},
            headers=HTMX,
        )  # fmt: skip
        assert value_of(back, "credit-credit") == "70"

    def test_a_chosen_template_that_was_not_applied_is_not_saved_silently(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        template_id = make(acme)
        answer = as_owner.post(NEW, data=filled(**{"general-template_id": str(template_id)}))
        assert answer.status_code == 422
        assert "Press Apply" in answer.text

    def test_a_block_that_the_role_does_not_include_is_left_out_and_named(
        self, app: Flask, acme: Tenant
    ) -> None:
        template_id = make(acme)
        clerk = as_clerk(app, acme, "clients:read", "clients:write")
        form = filled(**{"general-template_id": str(template_id)})
        form.pop("credit-credit")
        answer = clerk.post(f"{NEW}/fill", data=form, headers=HTMX)

        assert "your role does not include it: Credit, Extra amount." in answer.text
        assert value_of(answer, "credit-credit") == "0"

    @pytest.mark.parametrize(
        "junk", ["", "{", "[]", "null", '{"values": 5}', "[" * 5000, '{"mine": {"a": 1}}']
    )
    def test_what_travels_along_may_be_anything(
        self, as_owner: Browser, acme: Tenant, junk: str
    ) -> None:
        template_id = make(acme)
        form = filled(**{"general-template_id": str(template_id), "shown": junk, "offer": junk})
        assert as_owner.post(f"{NEW}/fill", data=form).status_code == 200
        form["general-applied_template_id"] = str(template_id)
        assert as_owner.post(NEW, data={**form, "choose": "mine:general-name"}).status_code == 303


class TestMerge:
    @pytest.fixture
    def orbit(self, acme: Tenant) -> Client:
        return make_client(acme, "Orbit Calls")

    def change(self, acme: Tenant, orbit: Client, as_owner: Browser, **changes: object) -> None:
        """A colleague saves first."""
        address = f"/office/clients/{orbit.id}/edit"
        drawn = as_owner.get(address)
        form = sent_by(drawn, **{
            "general-name": "Orbit Calls", "company-company_name": "Orbit Calls Ltd",
            "company-billing_email": "bills@client.example", **changes,
        })  # fmt: skip
        assert as_owner.post(address, data=form).status_code == 303

    def test_fields_of_one_are_taken_over_and_fields_of_both_are_to_be_chosen(
        self, as_owner: Browser, acme: Tenant, orbit: Client
    ) -> None:
        address = f"/office/clients/{orbit.id}/edit"
        drawn = as_owner.get(address)
        self.change(acme, orbit, as_owner, **{"credit-credit": "80", "company-reg_id": "HRB 1"})
        mine = sent_by(drawn, **{
            "general-name": "Orbit Voice", "credit-credit": "90",
            "company-company_name": "Orbit Calls Ltd",
            "company-billing_email": "bills@client.example", "company-reg_id": "",
        })  # fmt: skip
        stale = as_owner.post(address, data=mine, headers=HTMX)

        assert stale.status_code == 409
        offer = json.loads(str(sent_by(stale)["offer"]))
        assert set(offer["mine"]) == {"credit-credit", "company-reg_id"}
        assert all("owner@acme.example" in who for who in offer["who"].values())
        assert value_of(stale, "general-name") == "Orbit Voice", "only I changed it"
        assert value_of(stale, "company-reg_id") == "HRB 1", "only the colleague changed it"
        assert value_of(stale, "credit-credit") == "90", "both: mine until I choose"

        chosen = as_owner.post(
            f"{address}/fill",
            data=sent_by(stale, **{**mine, **sent_by(stale), "general-name": "Orbit Voice",
                "credit-credit": "90", "company-reg_id": "HRB 1", "choose": "other:credit-credit"}),
            headers=HTMX,
        )  # fmt: skip
        assert value_of(chosen, "credit-credit") == "80"

        saved = as_owner.post(
            address,
            data=sent_by(chosen, **{
                "general-name": "Orbit Voice", "credit-credit": "80", "company-reg_id": "HRB 1",
                "company-company_name": "Orbit Calls Ltd",
                "company-billing_email": "bills@client.example",
            }),
        )  # fmt: skip
        assert saved.status_code == 303
        with tenant_scope(acme.scope), unit_of_work() as session:
            client = get_client(session, orbit.id)
            assert (client.name, client.version) == ("Orbit Voice", 3)
            assert client_blocks.get_company(session, orbit.id).reg_id == "HRB 1"
            assert client_billing.get_billing(session, orbit.id).credit == 80

    def test_changes_that_do_not_meet_are_merged_without_a_question(
        self, as_owner: Browser, acme: Tenant, orbit: Client
    ) -> None:
        address = f"/office/clients/{orbit.id}/edit"
        drawn = as_owner.get(address)
        base = {
            "general-name": "Orbit Calls", "company-company_name": "Orbit Calls Ltd",
            "company-billing_email": "bills@client.example",
        }  # fmt: skip
        self.change(acme, orbit, as_owner)
        stale = as_owner.post(
            address, data=sent_by(drawn, **{**base, "credit-credit": "5"}), headers=HTMX
        )

        assert stale.status_code == 409
        assert "None of it concerns what you changed." in stale.text
        again = sent_by(stale, **{**base, "credit-credit": "5"})
        assert as_owner.post(address, data=again).status_code == 303

    def test_a_stale_form_with_a_mistake_is_told_of_both(
        self, as_owner: Browser, acme: Tenant, orbit: Client
    ) -> None:
        address = f"/office/clients/{orbit.id}/edit"
        drawn = as_owner.get(address)
        self.change(acme, orbit, as_owner)
        answer = as_owner.post(address, data=sent_by(drawn, **{"general-name": ""}), headers=HTMX)

        assert answer.status_code == 409
        assert "Enter a name." in answer.text
