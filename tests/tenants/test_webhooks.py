"""Outgoing webhooks: what is told, once and signed, and what happens when nobody listens."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import time_machine
from sqlalchemy import select, text

from billing.webhook_details import describe
from core.clock import now
from core.errors import ConflictError, InvalidInputError
from core.http_post import check_url, post
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import audit_chain, clients, events, webhook_delivery, webhook_endpoints
from tenants.models import Event
from tenants.webhook_delivery import DELAYS_MIN, MAX_ATTEMPTS, deliver
from tenants.webhook_endpoints import Wish
from tenants.webhook_fanout import fan_out, send_ping
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint
from tests.portal.conftest import acme as acme
from tests.portal.conftest import acme_client as acme_client
from tests.portal.conftest import globex as globex
from tests.portal.office import desk

PAYMENTS = ("payment.created", "payment.reversed")


class Listener:
    """A reseller's program: it keeps what it is sent and answers `status`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hooks?from=portal"
        self.status = 200
        self.heard: list[tuple[dict[str, str], bytes]] = []

    @property
    def messages(self) -> list[dict[str, object]]:
        return [json.loads(body) for _headers, body in self.heard]


@contextmanager
def listening() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listener.heard.append((dict(self.headers), body))
            self.send_response(listener.status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listener = Listener(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield listener
        server.shutdown()
        thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def listen(tenant, settings, url, types=PAYMENTS):
    with tenant_scope(tenant.scope), unit_of_work() as session:
        endpoint, secret = webhook_endpoints.create_endpoint(
            session,
            reseller_id=tenant.id,
            request_id=new_id(),
            wish=Wish(url, types),
            settings=settings,
        )
        return endpoint.id, secret


def tell(tenant):
    """What the worker does: seal, fan out."""
    with tenant_scope(tenant.scope):
        while True:
            with unit_of_work() as session:
                if audit_chain.seal_records(session, tenant.id) == 0:
                    break
        while True:
            with unit_of_work() as session:
                if fan_out(session, tenant.id, describe) == 0:
                    break


def deliveries(tenant):
    return desk.stored(tenant, WebhookDelivery)


def send_all(tenant, settings):
    with tenant_scope(tenant.scope):
        return [deliver(unit_of_work, one.id, settings=settings) for one in deliveries(tenant)]


def test_a_payment_is_told_once_with_its_amount_and_signed(
    acme, acme_client, globex, settings, listener
):
    desk.pay(acme, acme_client, "7")  # before anybody listened
    tell(acme)
    _endpoint_id, secret = listen(acme, settings, listener.url)
    listen(globex, settings, listener.url)
    desk.pay(acme, acme_client, "100.50")
    desk.charge(acme, acme_client, "1")  # not asked for

    for _again in range(3):
        tell(acme)
        tell(globex)
    assert send_all(acme, settings) == [True]
    assert send_all(acme, settings) == [None], "it is over"
    assert deliveries(globex) == []

    ((headers, body),) = listener.heard
    message = json.loads(body)
    assert message["type"] == headers["Portal-Event"] == "payment.created"
    assert message["id"] == headers["Portal-Delivery"]
    assert (message["reseller"], message["client_id"]) == ("acme", acme_client.id)
    assert Decimal(message["object"]["total"]) == Decimal("100.50")
    assert message["object"]["currency"] == "USD"
    moment, mark = headers["Portal-Signature"].split(",")
    signed = f"{moment.removeprefix('t=')}.".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert mark == f"v1={expected}"


def test_after_a_roll_both_secrets_sign_for_a_day(acme, settings, listener):
    endpoint_id, old = listen(acme, settings, listener.url)
    with tenant_scope(acme.scope), unit_of_work() as session:
        new = webhook_endpoints.roll_secret(session, endpoint_id, settings=settings)
    for hours, secrets in ((1, [new, old]), (25, [new])):
        listener.heard.clear()
        with time_machine.travel(now() + timedelta(hours=hours)):
            with tenant_scope(acme.scope), unit_of_work() as session:
                endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
                send_ping(session, endpoint, new_id())
            send_all(acme, settings)
        ((headers, body),) = listener.heard
        moment, *marks = headers["Portal-Signature"].split(",")
        signed = f"{moment.removeprefix('t=')}.".encode() + body
        assert marks == [
            "v1=" + hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets
        ]


def test_secrets_are_kept_encrypted_and_open_only_where_they_are(acme, settings, listener):
    endpoint_id, secret = listen(acme, settings, listener.url)
    other_id, _other = listen(acme, settings, listener.url)
    first, second = desk.stored(acme, WebhookEndpoint)
    assert secret not in first.sealed_secret
    with tenant_scope(acme.scope), unit_of_work() as session:
        webhook_endpoints.get_endpoint(session, other_id).sealed_secret = first.sealed_secret
    _first, second = desk.stored(acme, WebhookEndpoint)
    with pytest.raises(Exception, match="cannot be opened"):
        webhook_endpoints.read_secrets(second, settings.credential_key_ring)
    assert first.id == endpoint_id


def test_a_message_that_is_not_taken_is_tried_again_and_then_given_up(
    acme, acme_client, settings, listener
):
    listen(acme, settings, listener.url)
    listener.status = 500
    desk.pay(acme, acme_client, "5")
    tell(acme)
    moment = now()
    for minutes in (0, *DELAYS_MIN):
        moment += timedelta(minutes=minutes)
        with time_machine.travel(moment, tick=False):
            assert send_all(acme, settings) == [False]
            assert send_all(acme, settings) == [None], "not due yet"
    (one,) = deliveries(acme)
    assert (one.state, one.attempts, one.last_status) == ("failed", MAX_ATTEMPTS, 500)
    assert len(listener.heard) == MAX_ATTEMPTS
    assert len({message["id"] for message in listener.messages}) == 1
    (event,) = [one for one in desk.stored(acme, Event) if one.code == "webhook_failed"]
    assert "It answered 500." in event.text

    listener.status = 204
    with tenant_scope(acme.scope), unit_of_work() as session:
        webhook_delivery.send_again(session, one.id)
    assert send_all(acme, settings) == [True]
    (again,) = deliveries(acme)
    assert (again.state, again.payload) == ("delivered", one.payload)


def test_who_takes_nothing_for_three_days_is_switched_off(acme, acme_client, settings, listener):
    endpoint_id, _secret = listen(acme, settings, listener.url)
    listener.status = 410
    desk.pay(acme, acme_client, "5")
    tell(acme)
    (one,) = deliveries(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(
            text("update webhook_deliveries set attempts = :n"), {"n": MAX_ATTEMPTS - 1}
        )
        endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
        endpoint.failing_since = now() - timedelta(days=4)
    send_all(acme, settings)
    (stored,) = desk.stored(acme, WebhookEndpoint)
    assert not stored.enabled
    assert [event.code for event in desk.stored(acme, Event)][-2:] == [
        "webhook_failed",
        "webhook_off",
    ]
    with (
        tenant_scope(acme.scope),
        unit_of_work() as session,
        pytest.raises(ConflictError, match="switched off"),
    ):
        webhook_delivery.send_again(session, one.id)

    desk.pay(acme, acme_client, "6")
    tell(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        webhook_endpoints.set_enabled(session, endpoint_id, enabled=True)
    tell(acme)
    assert len(deliveries(acme)) == 1, "what happened while it was off is not told"


def test_a_worker_that_was_frozen_cannot_report(acme, acme_client, settings, listener):
    listen(acme, settings, listener.url)
    desk.pay(acme, acme_client, "5")
    tell(acme)
    (one,) = deliveries(acme)
    with tenant_scope(acme.scope):
        with unit_of_work() as session:
            claim = webhook_delivery._claim(session, one.id, "frozen", settings)
        assert claim is not None
        assert deliver(unit_of_work, one.id, settings=settings) is None, "somebody is at it"
        with time_machine.travel(now() + timedelta(minutes=2)):
            assert deliver(unit_of_work, one.id, settings=settings) is True
            with unit_of_work() as session:
                webhook_delivery._record(
                    session, one.id, "frozen", webhook_delivery.PostAnswer(0, "late")
                )
    (stored,) = deliveries(acme)
    assert (stored.state, stored.last_error) == ("delivered", "")


def test_the_events_log_is_told_too_and_what_commits_late_is_not_lost(acme, settings, listener):
    listen(acme, settings, listener.url, ("balance.low",))

    def happen(session, key):
        events.record(
            session,
            reseller_id=acme.id,
            level="warning",
            service="billing",
            code="low_balance",
            text="It is low.",
            dedupe_key=key,
        )

    with tenant_scope(acme.scope), unit_of_work() as slow:
        happen(slow, "first")
        slow.flush()
        with unit_of_work() as session:
            happen(session, "second")
        tell(acme)
        assert len(deliveries(acme)) == 1
    tell(acme)
    tell(acme)
    assert sorted(one.type for one in deliveries(acme)) == ["balance.low"] * 2


def test_two_fan_outs_at_once_tell_once(acme, acme_client, settings, listener):
    listen(acme, settings, listener.url)
    for _payment in range(5):
        desk.pay(acme, acme_client, "1")
    threads = [threading.Thread(target=tell, args=(acme,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(deliveries(acme)) == 5


def test_a_change_of_a_client_says_what_changed_and_no_secret(
    acme, acme_client, settings, listener
):
    listen(acme, settings, listener.url, ("client.updated",))
    with tenant_scope(acme.scope), unit_of_work() as session:
        client = clients.get_client(session, acme_client.id)
        clients.update_client(
            session,
            client.id,
            version=client.version,
            general=clients.General(
                name="Orbit Calls Ltd", currency=client.currency, timezone=client.timezone
            ),
        )
    tell(acme)
    (one,) = deliveries(acme)
    message = json.loads(one.payload)
    assert message["changes"]["name"] == ["Orbit Calls", "Orbit Calls Ltd"]
    assert message["object"]["name"] == "Orbit Calls Ltd"
    assert "password" not in one.payload


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://user:pw@example.com/",
        "https://example.com:25/", "https://example.com:99999/", "https:///x", "https://ex ample/",
        "https://example.com/#part", "https://bücher.example/", "https://e.example/" + "x" * 500,
        "",
    ],
)  # fmt: skip
def test_an_address_that_could_be_misused_is_refused_at_its_field(url):
    with pytest.raises(InvalidInputError) as refused:
        check_url(url, is_foreign=True)
    assert refused.value.field == "url"


def test_an_address_inside_is_not_called(listener):
    port = listener.url.split(":")[2].split("/")[0]
    for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "0x7f000001"):
        answer = post(f"https://{host}:{port}/", b"{}", {}, timeout_s=2, is_foreign=True)
        assert answer.status == 0, host
    assert listener.heard == []


def test_a_redirect_is_not_followed(listener):
    listener.status = 307
    answer = post(listener.url, b"{}", {}, timeout_s=5, is_foreign=False)
    assert not answer.is_taken
    assert "redirect" in answer.error
    assert len(listener.heard) == 1


def test_an_answer_that_never_ends_is_cut_off():
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _address = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.02):
                    try:
                        connection.sendall(b"X-More: yes\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        answer = post(url, b"{}", {}, timeout_s=0.3, is_foreign=False)
        over.set()
        thread.join()
    assert answer.status == 0


def test_nothing_is_sent_to_an_endpoint_that_was_deleted_meanwhile(
    acme, acme_client, settings, listener
):
    endpoint_id, _secret = listen(acme, settings, listener.url)
    desk.pay(acme, acme_client, "5")
    tell(acme)
    (one,) = deliveries(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        webhook_endpoints.delete_endpoint(session, endpoint_id)
    with tenant_scope(acme.scope):
        assert deliver(unit_of_work, one.id, settings=settings) is None
        with unit_of_work() as session:
            assert session.scalars(select(WebhookDelivery)).all() == []
    assert listener.heard == []


def test_what_happened_before_is_not_told_even_if_it_is_sealed_later(
    acme, acme_client, settings, listener
):
    desk.pay(acme, acme_client, "5")
    listen(acme, settings, listener.url)
    tell(acme)
    assert deliveries(acme) == []
