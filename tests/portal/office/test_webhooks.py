"""The Webhooks screens: the secret is seen once, mistakes stand at their fields."""

import re

from core.ids import new_id
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint
from tests.portal.browser import signed_in
from tests.portal.office import desk

LIST = "/office/webhooks/"
ADDRESS = "http://127.0.0.1:9/hooks"


def make(browser, request_id=None, **changes):
    data = {
        "request_id": str(request_id or new_id()),
        "url": ADDRESS,
        "types": ["payment.created", "invoice.issued"],
        **changes,
    }
    return browser.post(LIST + "new", data=data)


def test_the_secret_is_shown_once_and_a_second_click_makes_no_second(as_owner, acme):
    request_id = new_id()
    first = make(as_owner, request_id)
    (secret,) = re.findall(r"<code>(whsec_[^<]+)</code>", first.text)
    assert make(as_owner, request_id).status_code == 303
    (endpoint,) = desk.stored(acme, WebhookEndpoint)
    for path in (LIST, f"{LIST}{endpoint.id}", f"{LIST}{endpoint.id}/edit"):
        page = as_owner.get(path)
        assert page.status_code == 200
        assert secret not in page.text
        assert endpoint.sealed_secret not in page.text

    rolled = as_owner.post(f"{LIST}{endpoint.id}/secret")
    (newer,) = re.findall(r"<code>(whsec_[^<]+)</code>", rolled.text)
    assert newer != secret


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(as_owner, acme):
    answer = make(as_owner, url="gopher://nonsense", description="Our books")
    assert answer.status_code == 422
    assert "The address begins with https://." in answer.text
    assert 'value="Our books"' in answer.text
    assert make(as_owner, types=[]).status_code == 422
    assert make(as_owner, types=["payment.stolen"]).status_code == 422
    assert desk.stored(acme, WebhookEndpoint) == []


def test_two_people_at_once_the_second_is_told(as_owner, acme):
    make(as_owner)
    (endpoint,) = desk.stored(acme, WebhookEndpoint)
    data = {"version": 1, "url": ADDRESS, "types": ["client.created"]}
    assert as_owner.post(f"{LIST}{endpoint.id}/edit", data=data).status_code == 303
    late = as_owner.post(f"{LIST}{endpoint.id}/edit", data=data)
    assert late.status_code == 409
    assert "Somebody changed this endpoint" in late.text


def test_a_try_is_one_message_however_often_one_clicks(as_owner, acme):
    make(as_owner)
    (endpoint,) = desk.stored(acme, WebhookEndpoint)
    request_id = str(new_id())
    for _click in range(2):
        as_owner.post(f"{LIST}{endpoint.id}/try", data={"request_id": request_id})
    (message,) = desk.stored(acme, WebhookDelivery)
    page = as_owner.get(f"{LIST}messages/{message.id}")
    assert "&#34;type&#34;: &#34;ping&#34;" in page.text
    assert "still on its way" in as_owner.post(
        f"{LIST}messages/{message.id}/again", follow_redirects=True
    ).text.replace("\n", " ")


def test_a_viewer_sees_and_changes_nothing(app, acme, as_owner):
    make(as_owner)
    (endpoint,) = desk.stored(acme, WebhookEndpoint)
    viewer = signed_in(app, "office", acme.viewer_id, acme.id)
    assert ADDRESS in viewer.get(LIST).text
    for path in ("new", f"{endpoint.id}/enabled", f"{endpoint.id}/secret", f"{endpoint.id}/delete"):
        assert viewer.post(LIST + path, data={"enabled": "0"}).status_code == 403
    assert len(desk.stored(acme, WebhookEndpoint)) == 1


def test_an_endpoint_is_switched_off_and_on_and_deleted(as_owner, acme):
    make(as_owner)
    (endpoint,) = desk.stored(acme, WebhookEndpoint)
    as_owner.post(f"{LIST}{endpoint.id}/enabled", data={"enabled": "0"})
    assert not desk.stored(acme, WebhookEndpoint)[0].enabled
    as_owner.post(f"{LIST}{endpoint.id}/enabled", data={"enabled": "1"})
    assert desk.stored(acme, WebhookEndpoint)[0].enabled
    as_owner.post(f"{LIST}{endpoint.id}/delete")
    assert desk.stored(acme, WebhookEndpoint) == []
    assert "No webhook yet" in as_owner.get(LIST).text
