"""Tags: how many clients carry each, renamed, coloured, merged, deleted."""

from sqlalchemy import select

from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import client_blocks
from tenants.clients import get_client
from tenants.models import AuditRecord, ClientTag, Tag
from tests.factories.cast import make_client, make_tenant
from tests.portal.browser import HTMX, signed_in
from tests.portal.office import desk

LIST = "/office/tags/"


def give(tenant, client, *names):
    with tenant_scope(tenant.scope), unit_of_work() as session:
        client_blocks.save_tags(session, get_client(session, client.id), names)


def tags_of(tenant, client):
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return client_blocks.list_tags(session, client.id)


def tag_named(tenant, name):
    (found,) = [one for one in desk.stored(tenant, Tag) if one.name == name]
    return found


def test_the_list_counts_the_clients_and_searches(as_owner, acme, acme_client):
    other = make_client(acme, "Comet Lines", login="comet")
    give(acme, acme_client, "Wholesale", "VIP")
    give(acme, other, "VIP")

    page = as_owner.get(LIST).text
    assert page.index(">VIP<") < page.index(">Wholesale<")
    assert '<td data-label="Clients" class="number">2</td>' in page

    found = as_owner.get(LIST + "?q=hole").text
    assert ">Wholesale<" in found
    assert ">VIP<" not in found
    assert "No tag matches" in as_owner.get(LIST + "?q=nothing").text


def test_a_second_click_makes_one_tag(as_owner, acme):
    for _click in range(2):
        answer = as_owner.post(LIST + "new", data={"name": " Late  payer ", "color": "red"})
        assert answer.status_code == 303
    (tag,) = desk.stored(acme, Tag)
    assert (tag.name, tag.color, tag.reseller_id) == ("Late payer", "red", acme.id)
    assert "tag-red" in as_owner.get(LIST).text


def test_what_cannot_be_a_tag_is_said_at_the_field(as_owner, acme):
    as_owner.post(LIST + "new", data={"name": "VIP"})
    for name, text in (
        ("", "Enter a name."),
        ("x" * 61, "This is too long."),
        ("one, two", "A tag has no comma in it."),
        ("vip", "There is a tag of this name already."),
    ):
        answer = as_owner.post(LIST + "new", data={"name": name}, headers=HTMX)
        assert answer.status_code == 422
        assert text in answer.text
    assert len(desk.stored(acme, Tag)) == 1


def test_a_tag_is_renamed_everywhere_and_the_log_says_so(as_owner, acme, acme_client):
    give(acme, acme_client, "Vip")
    tag = tag_named(acme, "Vip")
    data = {"was": "Vip", "name": "VIP", "color": "violet"}
    assert as_owner.post(f"{LIST}{tag.id}", data=data).status_code == 303
    assert tags_of(acme, acme_client) == ["VIP"]
    (record,) = [one for one in desk.stored(acme, AuditRecord) if one.object_type == "tag"]
    assert record.changes == {"name": ["Vip", "VIP"], "color": ["", "violet"]}


def test_who_renames_a_tag_that_was_renamed_meanwhile_is_told(as_owner, acme):
    as_owner.post(LIST + "new", data={"name": "VIP"})
    tag = tag_named(acme, "VIP")
    as_owner.post(f"{LIST}{tag.id}", data={"was": "VIP", "name": "Gold", "color": ""})
    answer = as_owner.post(f"{LIST}{tag.id}", data={"was": "VIP", "name": "Silver", "color": ""})
    assert answer.status_code == 409
    assert tag_named(acme, "Gold")


def test_a_name_that_another_tag_has_leads_to_merging(as_owner, acme):
    for name in ("VIP", "Gold"):
        as_owner.post(LIST + "new", data={"name": name})
    tag = tag_named(acme, "VIP")
    answer = as_owner.post(f"{LIST}{tag.id}", data={"was": "VIP", "name": "GOLD", "color": ""})
    assert answer.status_code == 422
    assert "Merge the two instead" in answer.text


def test_merging_gives_every_client_the_other_tag_once(as_owner, acme, acme_client):
    other = make_client(acme, "Comet Lines", login="comet")
    give(acme, acme_client, "VIP", "Gold")
    give(acme, other, "VIP")
    tag = tag_named(acme, "VIP")

    assert "2 clients have this tag" in as_owner.get(f"{LIST}{tag.id}/merge").text
    for into, text in (("nothing", "There is no tag"), ("vip", "another tag than this one")):
        refused = as_owner.post(f"{LIST}{tag.id}/merge", data={"into": into}, headers=HTMX)
        assert refused.status_code == 422
        assert text in refused.text

    answer = as_owner.post(f"{LIST}{tag.id}/merge", data={"into": "gold"}, headers=HTMX)
    assert "2 clients have Gold now." in answer.headers["HX-Trigger"]
    assert tags_of(acme, acme_client) == tags_of(acme, other) == ["Gold"]
    assert [one.name for one in desk.stored(acme, Tag)] == ["Gold"]


def test_deleting_takes_the_tag_off_the_clients(as_owner, acme, acme_client):
    give(acme, acme_client, "VIP", "Gold")
    tag = tag_named(acme, "VIP")
    assert as_owner.post(f"{LIST}{tag.id}/delete").status_code == 303
    assert tags_of(acme, acme_client) == ["Gold"]
    (record,) = [one for one in desk.stored(acme, AuditRecord) if one.action == "delete"]
    assert record.changes == {"name": ["VIP", None], "clients": [1, 0]}
    assert as_owner.post(f"{LIST}{tag.id}/delete").status_code == 404


def test_a_viewer_reads_and_writes_nothing(as_viewer, acme, acme_client):
    give(acme, acme_client, "VIP")
    tag = tag_named(acme, "VIP")
    page = as_viewer.get(LIST)
    assert ">VIP<" in page.text
    assert "New tag" not in page.text
    for path in ("new", f"{tag.id}", f"{tag.id}/merge", f"{tag.id}/delete"):
        assert as_viewer.post(LIST + path, data={"name": "x"}).status_code == 403


def test_tags_of_two_resellers_of_one_name_stay_two(app, as_owner, acme, acme_client):
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    far = make_client(west, "Far West", login="far")
    give(acme, acme_client, "VIP", "Gold")
    give(west, far, "VIP")
    mine = next(one for one in desk.stored(acme, Tag) if one.name == "VIP")
    # the owner may see the branch's tags only after it signs in anew: the family was read before
    owner = signed_in(app, "office", acme.owner_id, acme.id)
    assert owner.get(LIST).text.count(">VIP<") == 2
    assert owner.post(f"{LIST}{mine.id}/merge", data={"into": "Gold"}).status_code == 303
    assert tags_of(west, far) == ["VIP"]
    with tenant_scope(west.scope), unit_of_work() as session:
        assert session.scalars(select(ClientTag.tag_id)).all() == [tag_named(west, "VIP").id]
