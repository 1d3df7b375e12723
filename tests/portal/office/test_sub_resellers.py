"""The tree beneath the own company: seen, extended by one, never beyond."""

from sqlalchemy import func, select

from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tenants.models import AuditRecord, Reseller, Role, User
from tests.factories.cast import make_client, make_tenant
from tests.portal.browser import HTMX, signed_in
from tests.portal.office import desk

LIST = "/office/resellers/"


def wish(parent, **changes):
    given = {
        "request_id": str(new_id()),
        "name": "Acme South",
        "code": "acme-south",
        "currency": "USD",
        "timezone": "America/Chicago",
        "parent_id": str(parent.id),
        "company_name": "Acme South Inc.",
        "user_name": "Sue South",
        "user_email": "sue@south.example",
    }
    return {**given, **changes}


def find(code):
    with platform_unit_of_work() as session:
        return session.scalar(select(Reseller).where(Reseller.code == code))


def test_the_tree_shows_the_own_company_and_those_beneath_with_their_sums(app, acme, globex):
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    deep = make_tenant("Deep West", "deep-west", parent_id=west.id)
    client = make_client(west, "Far Lines", login="far")
    desk.pay(west, client, "70.50")
    owner = signed_in(app, "office", acme.owner_id, acme.id)
    page = owner.get(LIST).text
    assert page.index(">Acme<") < page.index(">Acme West<") < page.index(">Deep West<")
    assert "Globex" not in page
    assert "70.50" in page
    assert "own company" in page
    assert ">Deep West<" in owner.get(LIST + "?q=deep").text
    assert "No reseller matches" in owner.get(LIST + "?q=globex").text

    middle = signed_in(app, "office", west.owner_id, west.id)
    page = middle.get(LIST).text
    assert ">Deep West<" in page
    assert ">Acme<" not in page
    about = middle.get(f"{LIST}{deep.id}/company").text
    assert "beneath Acme West" in about
    # above the own company nothing is known
    own = middle.get("/office/settings/company").text
    assert ">Acme<" not in own


def test_a_reseller_is_made_once_and_its_first_user_invited(as_owner, acme):
    data = wish(acme)
    for _click in range(2):
        answer = as_owner.post(LIST + "new", data=data)
        assert answer.status_code == 303
    made = find("acme-south")
    assert answer.location.endswith(f"{LIST}{made.id}")
    assert made.path == [acme.id, made.id]
    with platform_unit_of_work() as session:
        mails = session.scalars(select(MailMessage).where(MailMessage.reseller_id == made.id)).all()
        assert [one.to_address for one in mails] == ["sue@south.example"]
        roles = session.scalars(select(Role.name).where(Role.reseller_id == made.id)).all()
        assert sorted(roles) == ["Billing manager", "Owner", "Viewer"]
        users = session.scalar(
            select(func.count()).select_from(User).where(User.reseller_id == made.id)
        )
        assert users == 1
        record = session.scalars(
            select(AuditRecord).where(
                AuditRecord.reseller_id == made.id,
                AuditRecord.action == "create",
                AuditRecord.object_type == "reseller",
            )
        ).one()
    assert record.actor_label == "owner@acme.example"
    assert as_owner.get(f"{LIST}{made.id}/company").status_code == 200


def test_nobody_makes_one_beneath_a_stranger_or_beside_itself(as_owner, acme, globex):
    for parent in (str(globex.id), "", "999999", "x"):
        answer = as_owner.post(LIST + "new", data=wish(acme, parent_id=parent), headers=HTMX)
        assert answer.status_code == 422, parent
    assert find("acme-south") is None


def test_the_form_of_another_tenants_reseller_tells_nothing(app, as_owner, acme, globex):
    data = wish(globex, name="Globex Secret", code="globex-secret")
    signed_in(app, "office", globex.owner_id, globex.id).post(LIST + "new", data=data)
    assert find("globex-secret") is not None
    answer = as_owner.post(LIST + "new", data=wish(acme, request_id=data["request_id"]))
    assert answer.status_code == 409
    assert "Secret" not in answer.text


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(as_owner, acme, globex):
    for change, text in (
        ({"name": " "}, "Enter a name."),
        ({"code": "globex"}, "Another reseller has this code."),
        ({"code": "Ü!"}, "small letters"),
        ({"user_email": "süe@south.example"}, "Latin"),
        ({"currency": "XXX"}, "Not a valid choice"),
    ):
        answer = as_owner.post(LIST + "new", data=wish(acme, **change), headers=HTMX)
        assert answer.status_code == 422
        assert text in answer.text
        assert "Acme South Inc." in answer.text
    assert find("acme-south") is None


def test_a_viewer_may_not(as_viewer, acme):
    assert "New reseller" not in as_viewer.get(LIST).text
    assert as_viewer.get(LIST + "new").status_code == 403
    assert as_viewer.post(LIST + "new", data=wish(acme)).status_code == 403
