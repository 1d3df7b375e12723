"""Self sign-up: off by default, one answer for everybody, a link that proves the address."""

import re
from dataclasses import asdict
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from core.clock import now
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from payments import client_sign_ups, client_templates
from payments.client_templates import TemplateValues
from tenants import sign_up_rules, sign_ups
from tenants.client_blocks import Company
from tenants.client_templates import TemplateGeneral
from tenants.models import Client, ClientCompany, ClientLogin, Event
from tenants.sign_up_models import SignUp
from tenants.sign_up_rules import Rules
from tenants.stamps import make_stamp
from tests.factories import cast
from tests.factories.cast import Tenant
from tests.portal.browser import Browser, open_browser

URL = "/clients/sign-up"
PASSWORD = "seventeen blue kettles"
OFFICE = "/office/sign-ups/"


@pytest.fixture
def stranger(app: Flask) -> Browser:
    return open_browser(app)


def allow(tenant: Tenant, mode: str = "open", **more) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        before = sign_up_rules.read_rules(session, tenant.id)
        sign_up_rules.save_rules(
            session, tenant.id, Rules(mode=mode, **more), stamp=make_stamp(asdict(before))
        )


def form(**changes) -> dict[str, str]:
    return {
        "sign_up_id": str(new_id()),
        "name": "Zoë Müller",
        "company_name": "Kettle Works",
        "email": "zoe@kettle.example",
        "login": "kettle",
        "password": PASSWORD,
        "country": "DE",
        "timezone": "Europe/Berlin",
        **changes,
    }


def ask(browser: Browser, code: str = "acme", **changes):
    return browser.post(f"{URL}?portal={code}", data=form(**changes))


def mails() -> list[MailMessage]:
    with platform_unit_of_work() as session:
        return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


def link() -> str:
    found = re.search(r"(/clients/sign-up/confirm/\S+)", mails()[-1].body_text)
    assert found, mails()[-1].body_text
    return found[1]


def stored() -> list[SignUp]:
    with platform_unit_of_work() as session:
        return list(session.scalars(select(SignUp).order_by(SignUp.created_at)))


def work(tenant: Tenant) -> None:
    """What the worker does with whoever waits for it."""
    for row in stored():
        if row.state == "making":
            with tenant_scope(tenant.scope), unit_of_work() as session:
                client_sign_ups.make_client(session, row.id)


def clients_of(tenant: Tenant) -> list[Client]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(session.scalars(select(Client).order_by(Client.id)))


def test_nobody_signs_up_where_it_is_off_or_no_provider_is_named(
    stranger: Browser, acme: Tenant, globex: Tenant
) -> None:
    allow(globex)
    off = stranger.get(f"{URL}?portal=acme")
    nobody = stranger.get(f"{URL}?portal=nobody")
    assert (off.status_code, nobody.status_code, stranger.get(URL).status_code) == (404, 404, 404)
    assert ask(stranger).status_code == 404
    assert stored() == []
    assert "Sign up" not in stranger.get("/clients/login?portal=acme").text
    assert "Sign up" in stranger.get("/clients/login?portal=globex").text


def test_a_stranger_becomes_a_client_from_the_default_template_and_signs_in(
    stranger: Browser, acme: Tenant
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        client_templates.create_template(
            session,
            request_id=new_id(),
            reseller_id=acme.id,
            values=TemplateValues(TemplateGeneral("Retail", is_default=True, tags=("web",))),
        )
    allow(acme)
    assert stranger.get(f"{URL}?portal=acme").status_code == 200
    sent = ask(stranger)
    assert sent.status_code == 303
    assert "We have sent you a mail." in stranger.get(sent.headers["Location"]).text
    assert clients_of(acme) == []

    # a program that reads mail opens the link, and confirms nothing
    assert "Confirm the address" in stranger.get(link()).text
    assert stored()[0].state == "unconfirmed"
    assert stranger.post(link()).status_code == 303
    assert "Your access is being made" in stranger.get(link()).text
    work(acme)
    work(acme)

    (made,) = clients_of(acme)
    assert (made.name, made.timezone, made.currency) == ("Kettle Works", "Europe/Berlin", "USD")
    assert made.template_id is not None
    with tenant_scope(acme.scope), unit_of_work() as session:
        company = session.scalars(select(ClientCompany)).one()
        assert (company.main_email, company.address) == ("zoe@kettle.example", "Germany")
    assert "You can sign in now" in stranger.get(link_of_first()).text
    assert "kettle" in mails()[-1].body_text
    (row,) = stored()
    assert (row.state, row.client_id, row.password_hash) == ("done", made.id, "")
    signed = stranger.post(
        "/clients/login?portal=acme", data={"login": "kettle", "password": PASSWORD}
    )
    assert signed.headers["Location"] == "/clients/"


def link_of_first() -> str:
    found = re.search(r"(/clients/sign-up/confirm/\S+)", mails()[0].body_text)
    # the text of such a mail is for its recipient only
    assert found
    return found[1]


def test_who_confirms_sees_what_somebody_else_may_have_chosen(
    stranger: Browser, acme: Tenant
) -> None:
    """A link may come to who has not asked: the login and its password would be the other's."""
    allow(acme)
    ask(stranger, name="Mallory <b>", login="mallory")
    page = stranger.get(link()).text
    assert "mallory" in page
    assert "Mallory &lt;b&gt;" in page


def test_before_the_address_is_confirmed_nobody_can_sign_in(
    stranger: Browser, acme: Tenant
) -> None:
    allow(acme)
    ask(stranger)
    refused = stranger.post(
        "/clients/login?portal=acme", data={"login": "kettle", "password": PASSWORD}
    )
    assert refused.status_code == 422


def test_a_known_address_gets_the_same_answer_and_another_mail(
    stranger: Browser, acme: Tenant
) -> None:
    allow(acme)
    cast.make_client(acme, "Kettle", login="old", company=Company(main_email="zoe@kettle.example"))
    new = ask(stranger, email="new@kettle.example", login="other")
    known = ask(stranger, email="Zoe@kettle.example")
    assert (new.status_code, new.headers["Location"]) == (
        known.status_code,
        known.headers["Location"],
    )
    assert "sign-up/confirm" in mails()[0].body_text
    assert "sign-up/confirm" not in mails()[1].body_text
    assert "/clients/login" in mails()[1].body_text


def test_a_taken_login_is_told_only_behind_the_mailed_link(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    cast.make_client(acme, "Kettle", login="KETTLE")
    assert ask(stranger).status_code == 303
    taken = stranger.post(link())
    assert (taken.status_code, "This login is taken." in taken.text) == (422, True)
    assert stranger.post(link(), data={"login": "kettle2"}).status_code == 303
    work(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        logins = session.scalars(select(ClientLogin.login).order_by(ClientLogin.client_id)).all()
    assert logins == ["KETTLE", "kettle2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Enter your name."),
        ({"email": "nobody"}, "Enter a valid e-mail address."),
        ({"email": "zoe@other.example"}, "Addresses of this domain cannot sign up here."),
        ({"login": ""}, "Enter a login."),
        ({"password": "short"}, "Use at least 12 characters."),
        ({"password": "aaaaaaaaaaaab"}, "This password is too common."),
        ({"timezone": "CET"}, "Not a valid choice."),
        ({"has_accepted": ""}, "Please accept the terms."),
        ({"name": "4111 1111 1111 1111"}, "This looks like a card number."),
    ],
)
def test_a_mistake_is_told_at_its_field(
    stranger: Browser, acme: Tenant, changes: dict[str, str], message: str
) -> None:
    allow(acme, domains=["kettle.example"], terms_url="https://acme.example/terms")
    answer = ask(stranger, **{"has_accepted": "y", **changes})
    assert (answer.status_code, message in answer.text) == (422, True), answer.text
    assert stored() == []


@pytest.mark.parametrize(
    "name", ["You won! https://evil.example/x", "call www.evil.example", "evil.com", "bit.ly/abc"]
)
def test_nobody_advertises_by_our_mail_to_strangers(
    stranger: Browser, acme: Tenant, name: str
) -> None:
    allow(acme)
    answer = stranger.post(f"{URL}?portal={acme.code}", data=form(name=name))
    assert (answer.status_code, "Enter your name." in answer.text) == (422, True)


def test_the_same_form_sent_twice_is_one_wish_and_one_mail(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    one = str(new_id())
    ask(stranger, sign_up_id=one)
    ask(stranger, sign_up_id=one)
    assert len(stored()) == len(mails()) == 1


def test_the_daily_cap_turns_away_and_tells_the_staff_once(stranger: Browser, acme: Tenant) -> None:
    allow(acme, daily_cap=1)
    ask(stranger)
    for _time in range(2):
        turned = ask(stranger, email="other@kettle.example")
        assert (turned.status_code, "come back tomorrow" in turned.text) == (429, True)
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert session.scalars(select(Event.code)).all() == ["sign_up_cap"]
    with time_machine.travel(now() + timedelta(days=1, minutes=1), tick=True):
        assert ask(stranger, email="other@kettle.example").status_code == 303


def test_many_wishes_for_one_address_wait(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    answers = [ask(stranger).status_code for _ in range(5)]
    assert answers[:3] == [303, 303, 303]
    assert answers[-1] == 429


def test_a_link_that_is_too_old_or_unknown_leads_nowhere(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    ask(stranger)
    assert stranger.get(f"{URL}/confirm/no-such-token").status_code == 410
    with time_machine.travel(now() + sign_ups.LIFETIME + timedelta(minutes=1), tick=True):
        assert stranger.post(link()).status_code == 410
        with platform_unit_of_work() as session:
            assert sign_ups.delete_expired(session) == 1
    assert stored() == []


def test_the_token_is_not_in_the_database(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    ask(stranger)
    (row,) = stored()
    assert link().rsplit("/", 1)[1].encode() not in row.token_hash
    assert PASSWORD not in row.password_hash


def test_by_approval_staff_decide_and_the_person_reads_it(
    stranger: Browser, as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    allow(acme, mode="approval")
    for name, login in (("Anna", "anna"), ("Bert", "bert")):
        ask(stranger, name=name, login=login, email=f"{login}@kettle.example", company_name="")
        stranger.post(link())
        assert "looks at your sign-up" in stranger.get(link()).text
    anna, bert = stored()
    assert clients_of(acme) == []
    assert "Anna" in as_viewer.get(OFFICE).text
    assert as_viewer.post(f"{OFFICE}{anna.id}/approve", data={"login": "x"}).status_code == 403

    assert as_owner.get(f"{OFFICE}{anna.id}/approve").status_code == 200
    for _click in range(2):
        approved = as_owner.post(f"{OFFICE}{anna.id}/approve", data={"login": "anna"})
        assert approved.status_code == 303
    work(acme)
    assert [one.name for one in clients_of(acme)] == ["Anna"]
    for _click in range(2):
        refused = as_owner.post(f"{OFFICE}{bert.id}/refuse", data={"reason": "No more lines."})
        assert refused.status_code == 303
    assert "No more lines." in mails()[-1].body_text
    assert as_owner.post(f"{OFFICE}{bert.id}/approve", data={"login": "bert"}).status_code == 409
    assert {one.state for one in stored()} == {"done", "refused"}


def test_what_cannot_be_made_waits_for_the_staff_and_says_why(
    stranger: Browser, acme: Tenant
) -> None:
    allow(acme)
    ask(stranger)
    stranger.post(link())
    cast.make_client(acme, "Faster", login="kettle")
    work(acme)
    (row,) = stored()
    assert (row.state, row.problem) == ("waiting", "Another client uses this login.")
    assert [one.name for one in clients_of(acme)] == ["Faster"]


def test_a_lost_job_is_found_again(stranger: Browser, acme: Tenant) -> None:
    allow(acme)
    ask(stranger)
    stranger.post(link())
    with (
        time_machine.travel(now() + timedelta(minutes=1), tick=True),
        platform_unit_of_work() as session,
    ):
        assert sign_ups.list_unmade(session, limit=9) == [(stored()[0].id, acme.id)]


def test_the_rules_are_changed_over_what_was_shown(
    as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    page = as_owner.get(OFFICE + "rules")
    stamp = re.search(r'name="stamp" value="([^"]*)"', page.text)
    assert stamp
    rules = {
        "stamp": stamp[1],
        "mode": "approval",
        "template_id": "",
        "domains": "@Kettle.example\nother.example",
        "daily_cap": "5",
        "terms_url": "https://acme.example/terms",
    }
    assert as_viewer.post(OFFICE + "rules", data=rules).status_code == 403
    wrong = as_owner.post(OFFICE + "rules", data={**rules, "terms_url": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert as_owner.post(OFFICE + "rules", data=rules).status_code == 303
    assert as_owner.post(OFFICE + "rules", data={**rules, "mode": "open"}).status_code == 409
    with tenant_scope(acme.scope), unit_of_work() as session:
        found = sign_up_rules.read_rules(session, acme.id)
    assert (found.mode, found.domains) == ("approval", ("kettle.example", "other.example"))
