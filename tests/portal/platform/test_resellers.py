"""Resellers as the platform sees them: the tree, one of them, making one, suspending it."""

import re
from email.utils import parseaddr

import pytest
from sqlalchemy import func, select, update

from billing.models import PaymentAccount
from core.errors import InvalidInputError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor
from mail.models import MailMessage
from tenants import resellers
from tenants.models import AuditRecord, Reseller, Role, User
from tenants.permissions import ALL_PERMISSIONS, VIEWER_PERMISSIONS
from tenants.resellers import ResellerWish
from tenants.signin_models import PasswordReset, SignInSession
from tests.factories.cast import PASSWORD, make_client, make_tenant
from tests.portal.browser import HTMX, open_browser, sign_in, sign_in_client, signed_in

LIST = "/platform/resellers/"
NEW = "/platform/resellers/new"


def wish(**changes):
    given = {
        "request_id": str(new_id()),
        "name": "Initech",
        "code": "initech",
        "currency": "EUR",
        "timezone": "Europe/Berlin",
        "parent_id": "",
        "company_name": "Initech GmbH",
        "email": "office@initech.example",
        "user_name": "Ida Neumann",
        "user_email": "ida@initech.example",
    }
    return {**given, **changes}


def count(query):
    with platform_unit_of_work() as session:
        return session.scalar(query)


def the_reseller(code="initech"):
    with platform_unit_of_work() as session:
        return session.scalars(select(Reseller).where(Reseller.code == code)).one()


def the_audit(reseller_id, action):
    with platform_unit_of_work() as session:
        return session.scalars(
            select(AuditRecord).where(
                AuditRecord.reseller_id == reseller_id, AuditRecord.action == action
            )
        ).all()


def invitation_link(reseller_id):
    """The link of the newest mail, as the invited person would click it."""
    with platform_unit_of_work() as session:
        mail = session.scalars(
            select(MailMessage)
            .where(MailMessage.reseller_id == reseller_id)
            .order_by(MailMessage.created_at.desc())
        ).first()
    return re.search(r"http://[^/]+(/login/\S+)", mail.body_text).group(1)


class TestList:
    def test_children_stand_beneath_their_parents(self, as_platform_admin, acme, globex):
        make_tenant("Aaa West", "acme-west", parent_id=acme.id)
        page = as_platform_admin.get(LIST).text
        assert page.index(">Acme<") < page.index(">Aaa West<") < page.index(">Globex<")

    def test_a_search_finds_name_code_and_company(self, as_platform_admin, acme, globex):
        for text in ("cme", "ACME", "acme tele"):
            page = as_platform_admin.get(LIST, query_string={"q": text}, headers=HTMX).text
            assert ">Acme<" in page
            assert "Globex" not in page

    def test_what_has_a_meaning_in_a_pattern_is_searched_as_it_is(self, as_platform_admin, acme):
        for text in ("%", "_", "\x00", "'", "\\"):
            page = as_platform_admin.get(LIST, query_string={"q": text})
            assert page.status_code == 200
        assert "No reseller matches" in as_platform_admin.get(LIST + "?q=%25").text

    def test_the_list_is_paged_and_every_reseller_is_on_one_page(self, as_platform_admin):
        with platform_unit_of_work() as session:
            for number in range(120):
                resellers.create_reseller(
                    session,
                    name=f"Tenant {number:03d}",
                    code=f"t-{number}",
                    currency_code="USD",
                    timezone="UTC",
                )
        seen, address, pages = [], LIST, 0
        while address:
            page = as_platform_admin.get(address, headers=HTMX).text
            seen += re.findall(r">(Tenant \d+)<", page)
            found = re.search(r'id="table-next"[^>]*href="([^"]+)"', page)
            address = found.group(1).replace("&amp;", "&") if found else None
            pages += 1
        assert pages == 3
        assert seen == [f"Tenant {number:03d}" for number in range(120)]
        back = re.search(r'id="table-previous"[^>]*href="([^"]+)"', page).group(1)
        before = re.findall(r">(Tenant \d+)<", as_platform_admin.get(back, headers=HTMX).text)
        assert before == [f"Tenant {number:03d}" for number in range(50, 100)]

    def test_a_place_that_is_none_begins_at_the_head(self, as_platform_admin, acme):
        for place in ("after=x", "before=999999", "after=99999999999999999999", "after=-1"):
            assert ">Acme<" in as_platform_admin.get(f"{LIST}?{place}").text

    def test_it_counts_clients_and_sums_live_by_currency(self, as_platform_admin, acme):
        make_client(acme, "One")
        make_client(acme, "Two", status="stop", currency="GBP")
        make_client(acme, "Gone", status="deleted")
        page = as_platform_admin.get(LIST).text
        assert re.search(r'1 <span class="soft">/ 2</span>', page)
        assert "GBP" in page


class TestOne:
    def test_it_shows_staff_and_no_secret(self, as_platform_admin, acme, globex):
        page = as_platform_admin.get(f"{LIST}{acme.id}").text
        assert "owner@acme.example" in page
        assert "owner@globex.example" not in page
        assert "argon2" not in page

    def test_a_name_with_markup_is_text(self, as_platform_admin, acme):
        with platform_unit_of_work() as session:
            session.execute(update(Reseller).values(name="<script>alert(1)</script>"))
        for path in (LIST, f"{LIST}{acme.id}", "/platform/", "/platform/ledger/"):
            page = as_platform_admin.get(path).text
            assert "<script>alert" not in page
            assert "&lt;script&gt;" in page


class TestMaking:
    def test_a_reseller_is_made_with_roles_account_and_invited_owner(self, as_platform_admin):
        answer = as_platform_admin.post(NEW, data=wish())
        made = the_reseller()
        assert answer.status_code == 303
        assert answer.location == f"{LIST}{made.id}"
        with platform_unit_of_work() as session:
            roles = dict(
                session.execute(
                    select(Role.name, Role.permissions).where(Role.reseller_id == made.id)
                ).all()
            )
            user, role = session.execute(
                select(User, Role.name).join(Role, Role.id == User.role_id)
            ).one()
            general = session.scalars(select(PaymentAccount)).one()
        assert set(roles["Owner"]) == ALL_PERMISSIONS
        assert set(roles["Viewer"]) == VIEWER_PERMISSIONS
        assert set(roles["Viewer"]) < set(roles["Billing manager"]) | {"audit:read"}
        assert (role, user.password_hash, user.reseller_id) == ("Owner", None, made.id)
        assert (general.is_general, general.reseller_id) == (True, made.id)

    def test_the_invited_owner_sets_a_password_and_signs_in(self, app, as_platform_admin):
        as_platform_admin.post(NEW, data=wish())
        made = the_reseller()
        person = open_browser(app)
        link = invitation_link(made.id)
        assert person.get(link).status_code == 200
        answer = person.post(link, data={"password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 303
        assert sign_in(person, "ida@initech.example", PASSWORD).status_code == 303
        assert person.get("/login").status_code == 303, "signed in: the door leads on"
        assert person.get(link).status_code == 410

    def test_the_mail_goes_to_the_first_user_and_belongs_to_the_new_reseller(
        self, as_platform_admin
    ):
        as_platform_admin.post(NEW, data=wish())
        with platform_unit_of_work() as session:
            mail = session.scalars(select(MailMessage)).one()
        assert mail.reseller_id == the_reseller().id
        assert parseaddr(mail.to_address)[1] == "ida@initech.example"
        assert mail.kind == "password_reset"

    def test_a_second_click_makes_no_second_tenant_and_no_second_mail(self, as_platform_admin):
        sent = wish()
        first = as_platform_admin.post(NEW, data=sent)
        second = as_platform_admin.post(NEW, data=sent)
        assert first.location == second.location
        assert count(select(func.count()).select_from(Reseller)) == 1
        assert count(select(func.count()).select_from(MailMessage)) == 1
        assert count(select(func.count()).select_from(PasswordReset)) == 1

    def test_htmx_is_led_to_the_new_page(self, as_platform_admin):
        answer = as_platform_admin.post(NEW, data=wish(), headers=HTMX)
        assert answer.headers["HX-Redirect"] == f"{LIST}{the_reseller().id}"

    def test_everything_is_recorded_with_the_person_of_the_platform(
        self, as_platform_admin, platform_admin
    ):
        as_platform_admin.post(NEW, data=wish())
        records = the_audit(the_reseller().id, "create")
        assert {one.object_type for one in records} == {"reseller", "role", "user"}
        assert {(one.actor_kind, one.actor_id, one.actor_label) for one in records} == {
            ("platform", platform_admin, "admin@platform.example")
        }

    def test_a_child_is_seen_by_its_parent(self, app, as_platform_admin, acme):
        as_platform_admin.post(NEW, data=wish(parent_id=str(acme.id)))
        child = the_reseller()
        assert child.path == [acme.id, child.id]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 201),
            ("code", ""),
            ("code", "Has Space"),
            ("code", "-x"),
            ("code", "x" * 41),
            ("currency", "ZZZ"),
            ("timezone", "Mars/Olympus"),
            ("timezone", "CET"),
            ("parent_id", "999999"),
            ("parent_id", "x"),
            ("email", "nobody"),
            ("user_email", ""),
            ("user_email", "müller@initech.example"),
            ("user_name", " "),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_made(self, as_platform_admin, field, value):
        answer = as_platform_admin.post(NEW, data=wish(**{field: value}))
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert count(select(func.count()).select_from(Reseller)) == 0

    def test_a_code_is_given_once(self, as_platform_admin, acme):
        answer = as_platform_admin.post(NEW, data=wish(code="ACME"))
        assert answer.status_code == 422
        assert "Another reseller has this code." in answer.text

    def test_what_was_typed_stays_in_the_form(self, as_platform_admin):
        answer = as_platform_admin.post(NEW, data=wish(code="", name="Ärger & Söhne"))
        assert "Ärger &amp; Söhne" in answer.text
        assert 'value="ida@initech.example"' in answer.text

    def test_a_zero_byte_does_no_harm(self, as_platform_admin):
        assert as_platform_admin.post(NEW, data=wish(name="Ini\x00tech")).status_code == 303
        assert the_reseller().name == "Initech"

    def test_a_form_without_its_id_is_refused(self, as_platform_admin):
        assert as_platform_admin.post(NEW, data=wish(request_id="x")).status_code == 422


class TestInviting:
    def test_an_invitation_can_be_sent_again(self, as_platform_admin):
        as_platform_admin.post(NEW, data=wish())
        made = the_reseller()
        user_id = count(select(User.id))
        path = f"{LIST}{made.id}/people/{user_id}/invite"
        assert as_platform_admin.post(path).status_code == 303
        assert count(select(func.count()).select_from(MailMessage)) == 2
        assert len(the_audit(made.id, "invite")) == 1

    def test_who_has_a_password_is_not_invited(self, as_platform_admin, acme):
        path = f"{LIST}{acme.id}/people/{acme.owner_id}/invite"
        assert as_platform_admin.post(path).status_code == 409
        assert count(select(func.count()).select_from(PasswordReset)) == 0

    def test_a_user_of_another_reseller_is_not_found(self, as_platform_admin, acme, globex):
        path = f"{LIST}{acme.id}/people/{globex.owner_id}/invite"
        assert as_platform_admin.post(path).status_code == 404


class TestSuspending:
    def suspend(self, browser, reseller, reason="Unpaid since May"):
        return browser.post(f"{LIST}{reseller.id}/suspend", data={"reason": reason})

    def reactivate(self, browser, reseller):
        return browser.post(f"{LIST}{reseller.id}/reactivate", data={"reason": "Paid"})

    def test_its_people_are_signed_out_and_cannot_sign_in(
        self, app, as_platform_admin, as_owner, as_client, acme, acme_client
    ):
        assert as_owner.get("/account").status_code == 200
        self.suspend(as_platform_admin, acme)
        assert as_owner.get("/account").status_code == 303
        assert as_client.get("/clients/account").status_code == 303
        assert sign_in(open_browser(app), acme.owner_email, PASSWORD).status_code == 422
        assert sign_in_client(open_browser(app), "orbit", PASSWORD).status_code == 422

    def test_another_tenant_goes_on(self, as_platform_admin, as_stranger, acme):
        self.suspend(as_platform_admin, acme)
        assert as_stranger.get("/account").status_code == 200

    def test_those_beneath_it_are_shut_out_too(self, app, as_platform_admin, acme):
        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        owner = signed_in(app, "office", west.owner_id, west.id)
        self.suspend(as_platform_admin, acme)
        assert owner.get("/account").status_code == 303
        assert "suspended above" in as_platform_admin.get(LIST).text

    def test_sessions_do_not_come_back_with_it(self, app, as_platform_admin, as_owner, acme):
        self.suspend(as_platform_admin, acme)
        self.reactivate(as_platform_admin, acme)
        assert as_owner.get("/account").status_code == 303
        assert sign_in(open_browser(app), acme.owner_email, PASSWORD).status_code == 303
        reasons = count(
            select(func.array_agg(SignInSession.ended_reason.distinct())).where(
                SignInSession.ended_at.is_not(None)
            )
        )
        assert reasons == ["reseller_suspended"]

    def test_it_is_recorded_with_its_reason_once(self, as_platform_admin, platform_admin, acme):
        first = self.suspend(as_platform_admin, acme)
        second = self.suspend(as_platform_admin, acme, "Again")
        assert (first.status_code, second.status_code) == (303, 303)
        records = the_audit(acme.id, "suspend")
        assert len(records) == 1
        assert records[0].changes["reason"] == [None, "Unpaid since May"]
        assert (records[0].actor_kind, records[0].actor_id) == ("platform", platform_admin)
        assert "Unpaid since May" in as_platform_admin.get(f"{LIST}{acme.id}").text

    def test_a_reason_is_needed(self, as_platform_admin, acme):
        answer = self.suspend(as_platform_admin, acme, "  ")
        assert answer.status_code == 422
        assert the_reseller("acme").status == "active"

    def test_the_question_says_how_many_are_beneath(self, as_platform_admin, acme):
        make_tenant("Acme West", "acme-west", parent_id=acme.id)
        page = as_platform_admin.get(f"{LIST}{acme.id}/suspend").text
        assert "1 reseller beneath it" in page

    def test_a_suspended_reseller_gets_no_children(self, as_platform_admin, acme):
        self.suspend(as_platform_admin, acme)
        answer = as_platform_admin.post(NEW, data=wish(parent_id=str(acme.id)))
        assert answer.status_code == 422
        # suspended while the form was open: the choice was still offered
        wanted = ResellerWish("Initech", "initech", "EUR", "UTC", "Ida", "i@x.example", acme.id)
        with (
            pytest.raises(InvalidInputError, match="active reseller"),
            platform_unit_of_work() as session,
        ):
            resellers.provision_reseller(
                session, request_id=new_id(), wish=wanted, actor=Actor("platform")
            )

    def test_a_link_for_its_people_does_not_work(self, app, as_platform_admin):
        as_platform_admin.post(NEW, data=wish())
        made = the_reseller()
        link = invitation_link(made.id)
        self.suspend(as_platform_admin, made)
        assert open_browser(app).get(link).status_code == 410
        path = f"{LIST}{made.id}/people/{count(select(User.id))}/invite"
        assert as_platform_admin.post(path).status_code == 409
