"""Settings of the own company and of those beneath it: each part saved by itself."""

import io
import re
import zlib
from decimal import Decimal

import pytest
from PIL import Image
from sqlalchemy import select

from billing import numbers, payment_terms, reseller_defaults, tax_profiles
from core import secrets
from core.errors import InvalidInputError
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailServer
from mail.servers import open_server
from tenants.brand_models import ResellerLogo
from tenants.branding import lowest_contrast
from tenants.colours import READABLE
from tenants.logos import draw_logo
from tenants.models import AuditRecord, File, Reseller
from tests.factories.cast import make_tenant
from tests.portal.browser import HTMX, open_browser, signed_in
from tests.portal.office import desk
from tests.sandbox.mailbox_server import running_mailbox

SETTINGS = "/office/settings/"
PAGES = ("company", "region", "branding", "panel", "mail", "invoicing")


def stamp_of(browser, page, part, root=SETTINGS):
    """The stamp that the form of this part carries."""
    text = browser.get(f"{root}{page}").text
    form = text[text.index(f'action="{root}{part}"') :]
    return re.search(r'name="stamp" value="([^"]*)"', form)[1]


def save(browser, page, part, root=SETTINGS, stamp=None, headers=None, **data):
    data["stamp"] = stamp_of(browser, page, part, root) if stamp is None else stamp
    return browser.post(f"{root}{part}", data=data, headers=headers)


def the_reseller(tenant):
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return session.scalars(select(Reseller).where(Reseller.id == tenant.id)).one()


def company(**changes):
    given = {
        "name": "Acme",
        "company_name": "Acme Telecom Inc.",
        "email": "office@acme.example",
        "address": "1 Main St\nNew York",
        "zip_code": "10001",
        "tax_id": "12-3456789",
        "reg_id": "NY 4711",
        "account_details": "IBAN DE02",
    }
    return {**given, **changes}


def png(size=(300, 90), colour=(200, 20, 60, 255)):
    out = io.BytesIO()
    Image.new("RGBA", size, colour).save(out, "PNG")
    return out.getvalue()


def upload(browser, content, name="logo.png", **more):
    data = {
        "stamp": stamp_of(browser, "branding", "branding"),
        "brand_color": "",
        "portal_host": "",
        "logo": (io.BytesIO(content), name),
        **more,
    }
    return browser.post(
        SETTINGS + "branding", data=data, content_type="multipart/form-data", headers=HTMX
    )


class TestCompany:
    def test_what_is_saved_is_shown_and_audited(self, as_owner, acme):
        assert save(as_owner, "company", "company", **company()).status_code == 303
        page = as_owner.get(SETTINGS + "company").text
        for text in ("Acme Telecom Inc.", "NY 4711", "IBAN DE02"):
            assert text in page
        (record,) = [one for one in desk.stored(acme, AuditRecord) if one.object_type == "reseller"]
        assert record.changes["company_name"] == ["Acme Telecom", "Acme Telecom Inc."]
        assert record.actor_label == "owner@acme.example"

    def test_a_second_click_changes_nothing_more(self, as_owner, acme):
        stamp = stamp_of(as_owner, "company", "company")
        for _click in range(2):
            answer = save(as_owner, "company", "company", stamp=stamp, **company())
            assert answer.status_code == 303
        assert the_reseller(acme).version == 2

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("name", " ", "Enter a name."),
            ("name", "x" * 201, "This is too long."),
            ("email", "büro@acme.example", "Latin"),
            ("email", "no address", "valid e-mail"),
            ("address", "x" * 1001, "This is too long."),
        ],
    )
    def test_what_cannot_be_saved_is_said_at_its_field(self, as_owner, acme, field, value, text):
        answer = save(
            as_owner, "company", "company", headers=HTMX, **company(**{field: value, "reg_id": "K"})
        )
        assert answer.status_code == 422
        assert text in answer.text
        assert 'value="K"' in answer.text
        assert the_reseller(acme).reg_id == ""

    def test_who_saves_over_another_is_told_who_changed_what(self, app, as_owner, acme):
        stamp = stamp_of(as_owner, "company", "company")
        other = signed_in(app, "office", acme.owner_id, acme.id)
        save(other, "company", "company", **company(zip_code="99999"))

        answer = save(
            as_owner, "company", "company", stamp=stamp, headers=HTMX, **company(zip_code="10009")
        )
        assert answer.status_code == 409
        assert "owner@acme.example has changed these settings" in answer.text
        assert "99999" in answer.text
        assert 'value="10009"' in answer.text
        assert the_reseller(acme).zip_code == "99999"

        again = re.search(r'name="stamp" value="([^"]*)"', answer.text)[1]
        save(as_owner, "company", "company", stamp=again, **company(zip_code="10009"))
        assert the_reseller(acme).zip_code == "10009"

    def test_parts_do_not_get_into_each_others_way(self, as_owner, acme):
        stamp = stamp_of(as_owner, "company", "company")
        save(as_owner, "mail", "sender", mail_from_name="Acme Billing", mail_from="")
        assert save(as_owner, "company", "company", stamp=stamp, **company()).status_code == 303


class TestRegion:
    def region(self, **changes):
        return {"currency": "USD", "timezone": "America/New_York", "locale": "en", **changes}

    def test_the_currency_can_be_changed_until_something_is_booked(
        self, as_owner, acme, acme_client
    ):
        assert save(as_owner, "region", "region", **self.region(currency="EUR")).status_code == 303
        assert the_reseller(acme).currency == "EUR"
        desk.pay(acme, acme_client, "10")
        answer = save(as_owner, "region", "region", headers=HTMX, **self.region(currency="GBP"))
        assert answer.status_code == 422
        assert "there are entries in it already" in answer.text
        assert the_reseller(acme).currency == "EUR"

    def test_time_zone_and_language_stay_free(self, as_owner, acme, acme_client):
        desk.pay(acme, acme_client, "10")
        save(as_owner, "region", "region", **self.region(timezone="Europe/Berlin", locale="de"))
        assert (the_reseller(acme).timezone, the_reseller(acme).locale) == ("Europe/Berlin", "de")

    @pytest.mark.parametrize(
        "wrong", [{"currency": "XXX"}, {"timezone": "Mars/Phobos"}, {"locale": "klingon"}]
    )
    def test_what_nobody_offers_is_refused(self, as_owner, acme, wrong):
        answer = save(as_owner, "region", "region", headers=HTMX, **self.region(**wrong))
        assert answer.status_code == 422


class TestBranding:
    def test_a_logo_is_drawn_anew_as_png(self, as_owner, acme):
        out = io.BytesIO()
        Image.new("RGB", (2400, 640), (10, 90, 200)).save(out, "JPEG", exif=b"Exif\0\0secret")
        assert upload(as_owner, out.getvalue() + b"<script>alert(1)</script>").status_code == 200
        (logo,) = desk.stored(acme, ResellerLogo)
        assert (logo.width, logo.height) == (600, 160)
        (file,) = desk.stored(acme, File)
        shown = as_owner.get("/brand/acme/logo.png")
        assert shown.mimetype == "image/png"
        assert shown.data[:8] == b"\x89PNG\r\n\x1a\n"
        assert b"script" not in shown.data
        assert b"secret" not in shown.data
        assert file.size == len(shown.data)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not a picture",
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
            b"GIF89a" + bytes(40),
            b"%PDF-1.7\n" + bytes(100),
            b"\x89PNG\r\n\x1a\n" + bytes(100),
            png()[:60],
            png(size=(5000, 5000)),
        ],
        ids=["empty", "text", "svg", "gif", "pdf", "head", "cut", "pixels"],
    )
    def test_what_is_no_small_picture_is_refused(self, as_owner, acme, content):
        answer = upload(as_owner, content)
        if content:
            assert answer.status_code == 422
            assert "picture" in answer.text
        assert desk.stored(acme, ResellerLogo) == []

    def test_more_than_two_megabytes_are_not_even_opened(self):
        with pytest.raises(InvalidInputError, match="larger than 2 MB"):
            draw_logo(png() + bytes(2_000_000))

    def test_a_picture_that_claims_to_be_small_is_not_believed(self, as_owner, acme):
        bomb = bytearray(png(size=(4, 4)))
        bomb[16:24] = (100_000).to_bytes(4) + (100_000).to_bytes(4)
        bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4)
        assert upload(as_owner, bytes(bomb)).status_code == 422

    def test_a_new_logo_takes_the_place_of_the_old_and_can_be_removed(self, as_owner, acme):
        upload(as_owner, png())
        upload(as_owner, png(size=(100, 100)))
        logos = desk.stored(acme, ResellerLogo)
        assert [one.width for one in logos if one.is_current] == [100]
        assert len(logos) == 2
        for _click in range(2):
            assert as_owner.post(SETTINGS + "logo/remove").status_code == 303
        assert as_owner.get("/brand/acme/logo.png").status_code == 404

    def test_a_colour_is_checked_and_text_on_it_stays_readable(self, as_owner, acme):
        data = {"brand_color": "yellow", "portal_host": ""}
        assert save(as_owner, "branding", "branding", headers=HTMX, **data).status_code == 422
        data["brand_color"] = "#FFD600"
        assert save(as_owner, "branding", "branding", **data).status_code == 303
        sheet = as_owner.get("/brand/acme.css")
        assert sheet.mimetype == "text/css"
        assert "--brand: #ffd600; --brand-ink: #1d2430" in sheet.text

    @pytest.mark.parametrize("colour", ["#ffd600", "#000000", "#ffffff", "#0b5cad", "#808080"])
    def test_no_colour_makes_text_that_cannot_be_read(self, colour):
        assert lowest_contrast(colour) >= READABLE

    @pytest.mark.parametrize(
        "host",
        [
            "https://x.example",
            "x",
            "10.0.0.1",
            "x.example:80",
            "a b.example",
            "127.0.0.1",
            "é.example",
        ],
    )
    def test_a_host_name_is_one(self, as_owner, acme, host):
        answer = save(
            as_owner, "branding", "branding", headers=HTMX, brand_color="", portal_host=host
        )
        assert answer.status_code == 422

    def test_two_portals_never_share_a_host(self, app, as_owner, acme, globex):
        data = {"brand_color": "", "portal_host": "Billing.Acme.Example"}
        assert save(as_owner, "branding", "branding", **data).status_code == 303
        assert the_reseller(acme).portal_host == "billing.acme.example"
        other = signed_in(app, "office", globex.owner_id, globex.id)
        answer = save(other, "branding", "branding", headers=HTMX, **data)
        assert answer.status_code == 422
        assert "Another portal uses this host name." in answer.text
        assert the_reseller(globex).portal_host is None

    def test_the_panel_and_its_door_wear_the_brand(self, app, as_owner, as_client, acme):
        upload(as_owner, png(), brand_color="#7a1fa2", portal_host="pay.acme.example")
        door = open_browser(app).get("/clients/login?portal=acme").text
        own_door = open_browser(app).get("/clients/login", base_url="http://pay.acme.example").text
        panel = as_client.get("/clients/").text
        for page in (door, own_door, panel):
            assert "/brand/acme.css?v=" in page
            assert "/brand/acme/logo.png?v=" in page
            assert 'alt="Acme"' in page
        office = as_owner.get("/office/clients/").text
        assert "/brand/acme.css" not in office

    def test_another_tenants_panel_wears_nothing_of_it(self, app, as_owner, acme, globex_client):
        upload(as_owner, png(), brand_color="#7a1fa2")
        other = signed_in(app, "panel", globex_client.id, globex_client.reseller_id)
        assert "/brand/" not in other.get("/clients/").text


class TestMail:
    def server(self, smtp_port=2525, **changes):
        return {
            "enabled": "y",
            "host": "127.0.0.1",
            "port": str(smtp_port),
            "security": "none",
            "user": "",
            "password": "",
            **changes,
        }

    def test_the_password_is_sealed_and_never_shown(self, as_owner, acme, settings):
        data = self.server(2525, user="acme", password="s3cret-of-acme")
        assert save(as_owner, "mail", "server", **data).status_code == 303
        assert "s3cret-of-acme" not in as_owner.get(SETTINGS + "mail").text
        (stored,) = desk.stored(acme, MailServer)
        assert "s3cret" not in stored.password
        place = f"mail_servers|password|{acme.id}|{acme.id}"
        ring = settings.credential_key_ring
        assert secrets.decrypt(ring, place, stored.password) == "s3cret-of-acme"
        text = str([one.changes for one in desk.stored(acme, AuditRecord)])
        assert "s3cret" not in text
        assert "password" in text

    def test_an_empty_password_keeps_the_stored_one_but_not_for_another_server(
        self, as_owner, acme, settings
    ):
        save(as_owner, "mail", "server", **self.server(2525, user="acme", password="s3cret"))
        save(as_owner, "mail", "server", **self.server(2526, user="acme"))
        with tenant_scope(acme.scope), unit_of_work() as session:
            server = open_server(session, acme.id, settings)
        assert (server.port, server.password) == (2526, "s3cret")
        answer = save(
            as_owner,
            "mail",
            "server",
            headers=HTMX,
            **self.server(2526, host="evil.example", user="acme"),
        )
        assert answer.status_code == 422
        assert "password again" in answer.text

    @pytest.mark.parametrize(
        ("field", "value"),
        [("host", ""), ("host", "a b"), ("port", "0"), ("port", "x"), ("security", "rot13")],
    )
    def test_what_is_no_server_is_refused(self, as_owner, acme, field, value):
        answer = save(as_owner, "mail", "server", headers=HTMX, **self.server(**{field: value}))
        assert answer.status_code == 422
        assert desk.stored(acme, MailServer) == []

    def test_the_test_button_sends_a_real_mail_and_tells_what_the_server_said(self, as_owner, acme):
        with running_mailbox() as mailbox:
            save(
                as_owner, "mail", "sender", mail_from_name="Acme Bills", mail_from="b@acme.example"
            )
            save(as_owner, "mail", "server", **self.server(mailbox.smtp_port))
            answer = as_owner.post(SETTINGS + "server/test", headers=HTMX)
            assert "The server has taken a mail to owner@acme.example." in answer.text
            (mail,) = mailbox.messages(to="owner@acme.example")
            assert "Acme Bills" in mail.subject
            too_soon = as_owner.post(SETTINGS + "server/test", headers=HTMX)
            assert "Wait a moment" in too_soon.text
        (server,) = desk.stored(acme, MailServer)
        assert server.verified_at is not None
        actions = [one.action for one in desk.stored(acme, AuditRecord)]
        assert "test_mail_server" in actions

    def test_a_server_that_is_not_there_is_told(self, as_owner, acme):
        save(as_owner, "mail", "server", **self.server(1))
        answer = as_owner.post(SETTINGS + "server/test", headers=HTMX)
        assert answer.status_code == 200
        assert "The mail was not taken: ConnectionRefusedError" in answer.text

    def test_the_own_address_sends_only_over_the_own_server(self, as_owner, acme):
        save(as_owner, "mail", "sender", mail_from_name="", mail_from="bills@acme.example")
        page = as_owner.get(SETTINGS + "mail").text
        assert "billing@portal.example" in page
        assert "mail servers would take it for a forgery" in page
        save(as_owner, "mail", "server", **self.server(2525))
        assert "&lt;bills@acme.example&gt;" in as_owner.get(SETTINGS + "mail").text
        as_owner.post(SETTINGS + "server/remove")
        assert desk.stored(acme, MailServer) == []


class TestInvoicing:
    def test_a_template_is_previewed_checked_and_saved(self, as_owner, acme):
        shown = as_owner.get(
            SETTINGS + "next-number", query_string={"template": "R%N-%X"}, headers=HTMX
        )
        assert "R1-1001" in shown.text
        wrong = as_owner.get(SETTINGS + "next-number", query_string={"template": "R"}, headers=HTMX)
        assert "needs %N" in wrong.text
        assert save(as_owner, "invoicing", "numbering", template="R-%N").status_code == 303
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert numbers.get_template(session, acme.id) == "R-%N"

    @pytest.mark.parametrize("template", ["INV-%N", "Nr%N %X", "É%N", "A%%%N", "X" * 35 + "%N"])
    def test_suretax_takes_letters_and_digits_only(self, as_owner, acme, template):
        data = {"template": template, "suretax": "y"}
        answer = save(as_owner, "invoicing", "numbering", headers=HTMX, **data)
        assert answer.status_code == 422
        assert "SureTax takes" in answer.text
        data["template"] = "INV%Y%m%N"
        assert save(as_owner, "invoicing", "numbering", **data).status_code == 303

    def test_defaults_are_of_the_own_company(self, as_owner, acme, globex):
        with tenant_scope(acme.scope), unit_of_work() as session:
            terms = payment_terms.create_terms(
                session, reseller_id=acme.id, name="Monthly", day_of_month=1
            ).id
            taxes = tax_profiles.create_profile(
                session, reseller_id=acme.id, name="VAT", taxes=[("VAT", Decimal(19), 1)]
            ).id
        with tenant_scope(globex.scope), unit_of_work() as session:
            foreign = payment_terms.create_terms(
                session, reseller_id=globex.id, name="Weekly", every_days=7
            ).id
        data = {"payment_terms_id": str(terms), "tax_profile_id": str(taxes)}
        assert save(as_owner, "invoicing", "defaults", **data).status_code == 303
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert reseller_defaults.find_default_terms(session, acme.id).id == terms
            assert reseller_defaults.find_default_profile(session, acme.id).id == taxes
        data["payment_terms_id"] = str(foreign)
        answer = save(as_owner, "invoicing", "defaults", headers=HTMX, **data)
        assert answer.status_code == 422
        data = {"payment_terms_id": "", "tax_profile_id": ""}
        assert save(as_owner, "invoicing", "defaults", **data).status_code == 303


class TestRights:
    def test_a_viewer_sees_every_page_and_saves_nothing(self, as_viewer, acme):
        for page in PAGES:
            text = as_viewer.get(SETTINGS + page).text
            assert "<fieldset" in text
            assert ">Save<" not in text
        for path in ("company", "region", "branding", "server/test", "logo/remove"):
            assert as_viewer.post(SETTINGS + path, data=company()).status_code == 403

    def test_a_parent_sets_up_those_beneath_and_nobody_else(self, app, acme, globex):
        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        owner = signed_in(app, "office", acme.owner_id, acme.id)
        root = f"/office/resellers/{west.id}/"
        answer = save(owner, "company", "company", root, **company(name="West", tax_id="W 1"))
        assert answer.status_code == 303
        assert the_reseller(west).tax_id == "W 1"
        assert the_reseller(acme).tax_id == ""
        beneath = signed_in(app, "office", west.owner_id, west.id)
        for other in (acme.id, globex.id):
            path = f"/office/resellers/{other}/company"
            assert beneath.get(path).status_code == 404
            assert beneath.post(path, data=company()).status_code == 404
        assert owner.get(f"/office/resellers/{globex.id}/company").status_code == 404

    def test_the_menu_marks_one_entry(self, as_owner, acme):
        for path, label in (
            (SETTINGS + "company", "Settings"),
            ("/office/resellers/", "Resellers"),
        ):
            text = as_owner.get(path).text
            marked = re.findall(r'<a class="side-nav-link"[^>]*aria-current="page">.*?</a>', text)
            assert len(marked) == 1
            assert label in marked[0]
