"""What people do during an hour of faults: refills in every way, automatic ones, money given back.

Each acts as a person does: what answered with an error is sent once more, with the same id.
"""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import requests
from psycopg import Error as PostgresError
from redis import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import AppError
from core.ids import new_id
from core.jobs import Job
from payments import auto_payment, gateway_accounts, hosted_pages, refunds
from payments.auto_payment import AutoPayment
from payments.models import Refill, SavedCard
from sandbox.authorizenet.webhooks import signature_of as signed_by_authorizenet
from sandbox.stripe.webhooks import signature_of as signed_by_stripe
from tenants.clients import get_client
from tests.factories import cast
from tests.faults.rig import Rig
from tests.faults.site import open_authorizenet
from tests.payments.till import RETURN_URL, Till, open_stripe_till, take_events
from tests.portal.browser import signed_in
from tests.portal.panel.pages import refill_fields
from tests.sandbox.authorizenet_server import Browser
from tests.sandbox.stripe_server import StripeBrowser

# What a service that is down for a moment does to whoever uses it. A refusal is an answer too.
BROKEN = (SQLAlchemyError, PostgresError, RedisError, requests.RequestException, OSError, AppError)
GOOD = {
    "authorizenet": ("4111111111111111", "5424000000000015"),
    "stripe": ("4242424242424242", "5555555555554444"),
}
CLIENTS = 3
AMOUNTS = ("10.00", "10.00", "12.34", "25.00")
FORGED = "forged-by-a-stranger"
_numbers = itertools.count(1)


@dataclass
class Person:
    """A client of a tenant, with its saved cards; `till.client` is the person."""

    till: Till
    gateway: str
    cards: list[SavedCard]


@dataclass
class Crowd:
    """The people of one round. `accepted` are the refills that somebody was told of."""

    rig: Rig
    people: list[Person]
    tills: dict[str, Till]
    accepted: set[UUID] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, seed: str) -> None:
        """One thread a person, and one for a stranger."""
        for number, person in enumerate(self.people):
            self._run(self._live, random.Random(f"{seed}:{number}"), person)
        self._run(self._forge, random.Random(f"{seed}:stranger"))

    def end(self) -> None:
        """Let everybody finish what is begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody of the crowd hangs"

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _live(self, rng: random.Random, person: Person) -> None:
        acts = (
            [self._refill_in_the_panel] * 4
            + [self._charge_a_card] * 4
            + [self._pay_on_a_page] * 2
            + [self._owe] * 2
            + [self._give_back] * 2
            + [self._send_jobs_again]
        )
        while not self._stop.wait(rng.uniform(0.2, 1.5)):
            with suppress(*BROKEN):
                rng.choice(acts)(rng, person)

    # The acts

    def _refill_in_the_panel(self, rng: random.Random, person: Person) -> None:
        client = person.till.client
        me = signed_in(self.rig.app, "panel", client.id, client.reseller_id)
        page = me.get("/clients/refill")
        if page.status_code != 200:
            return
        amount, card = rng.choice(("10", "25")), rng.choice(person.cards)
        form = refill_fields(page.text, choice=amount, method=str(card.id))
        for _ in range(rng.choice((1, 1, 2, 3))):
            # clicked again and again, it is one payment
            answer = me.post("/clients/refill", data=form)
            if answer.status_code == 303 and answer.location.endswith(form["refill_id"]):
                self._accept("panel", UUID(form["refill_id"]))

    def _charge_a_card(self, rng: random.Random, person: Person) -> None:
        refill_id, card = new_id(), rng.choice(person.cards)
        amount = rng.choice(AMOUNTS)
        for _ in range(3):
            try:
                person.till.request(card, amount, refill_id=refill_id)
            except BROKEN:
                # nobody knows whether it was written: once more with the same id
                time.sleep(0.3)
            else:
                return self._accept("card", refill_id)
        return None

    def _pay_on_a_page(self, rng: random.Random, person: Person) -> None:
        till, refill_id = person.till, new_id()
        page = hosted_pages.begin_hosted_refill(
            till.work,
            till.open_gateway,
            refill_id=refill_id,
            client_id=till.client.id,
            amount=Decimal(rng.choice(AMOUNTS)),
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
        )
        self._accept("page", refill_id)
        is_declined_first = rng.random() < 0.3
        if person.gateway == "stripe":
            with StripeBrowser() as browser:
                if is_declined_first:
                    browser.pay(page.url, card_number="4000000000000002")
                browser.pay(page.url)
            return
        with Browser() as paying:
            token = page.form_fields["token"]
            if is_declined_first:
                paying.fill_in(page.url, token, zip="46282", card_number="4007000000027")
            paying.fill_in(page.url, token)

    def _owe(self, rng: random.Random, person: Person) -> None:
        person.till.owe(rng.choice(("20", "40")))
        self._count("owed")

    def _give_back(self, rng: random.Random, person: Person) -> None:
        till = person.till
        with till.work() as session:
            paid = session.scalars(
                select(Refill.id).where(
                    Refill.client_id == till.client.id, Refill.state == "succeeded"
                )
            ).all()
        if not paid:
            return
        refill_id, refund_id = rng.choice(paid), new_id()
        is_void = rng.random() < 0.4
        amount = Decimal(rng.choice(("1.00", "4.00")))
        for _ in range(2):
            with till.work() as session:
                if is_void:
                    refunds.request_void(
                        session, refund_id=refund_id, refill_id=refill_id, reason="Asked for"
                    )
                else:
                    refunds.request_refund(
                        session,
                        refund_id=refund_id,
                        refill_id=refill_id,
                        amount=amount,
                        reason="Asked for",
                    )
        self._count("void" if is_void else "refund")

    def _send_jobs_again(self, rng: random.Random, person: Person) -> None:
        """The queue may deliver a message any number of times, at any time."""
        till = person.till
        with till.work() as session:
            ids = session.scalars(select(Refill.id).where(Refill.client_id == till.client.id)).all()
        for refill_id in rng.choices(ids, k=5) if ids else ():
            key = till.attempts(refill_id)
            tenant = till.tenant.id
            job = Job("payments.charge_refill", {"refill_id": str(refill_id)}, tenant)
            if key and rng.random() < 0.5:
                job = Job("payments.look_up", {"attempt_key": key[-1].key}, tenant)
            self.rig.send(job)
        self._count("jobs again")

    # The stranger

    def _forge(self, rng: random.Random) -> None:
        """Events that would be worth money, signed with another tenant's secret."""
        while not self._stop.wait(rng.uniform(2, 4)):
            with suppress(*BROKEN):
                self._send_forged(rng.choice(self.people))

    def _send_forged(self, person: Person) -> None:
        till = person.till
        with till.work() as session:
            account = gateway_accounts.get_account(session, till.account_id)
            address = gateway_accounts.webhook_url(account, self.rig.web_url)
        key = new_id().hex[:20].upper()
        if person.gateway == "stripe":
            about = {"object": "payment_intent", "id": "pi_forged", "metadata": {"attempt": key}}
            event = {"id": FORGED, "type": "payment_intent.succeeded", "data": {"object": about}}
            body = json.dumps(event).encode()
            headers = {"Stripe-Signature": signed_by_stripe(["whsec"], body, int(time.time()))}
        else:
            kind = "net.authorize.payment.authcapture.created"
            payload = {"id": "1", "entityName": "transaction", "invoiceNumber": key}
            event = {"notificationId": FORGED, "eventType": kind, "payload": payload}
            body = json.dumps(event).encode()
            headers = {"X-ANET-Signature": signed_by_authorizenet("A" * 128, body)}
        answer = requests.post(address, data=body, headers=headers, timeout=20)
        assert answer.status_code in (401, 429, 500, 503), answer.status_code
        self._count("forged")

    def _accept(self, how: str, refill_id: UUID) -> None:
        with self._lock:
            if refill_id not in self.accepted:
                self.accepted.add(refill_id)
                self.done[how] += 1

    def _count(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1


def gather(rig: Rig) -> Crowd:
    """A tenant at each gateway, each with clients who have cards; the last pays automatically."""
    number = next(_numbers)
    stripe_till = open_stripe_till(rig.stripe, rig.settings, f"Globex{number}")
    take_events(stripe_till, rig.web_url)
    tills = {
        "authorizenet": open_authorizenet(rig, f"Acme{number}"),
        "stripe": stripe_till,
    }
    people = []
    for gateway, till in tills.items():
        for which in range(CLIENTS):
            login = f"{till.client.login}c{which}"
            mine = replace(
                till,
                client=till.client
                if which == 0
                else cast.make_client(till.tenant, f"Client {login}", login=login),
            )
            people.append(_make_person(mine, gateway, is_automatic=which == CLIENTS - 1))
    return Crowd(rig, people, tills)


def _make_person(till: Till, gateway: str, *, is_automatic: bool) -> Person:
    cards = [till.save_card(number=number) for number in GOOD[gateway]]
    if is_automatic:
        with till.work() as session:
            auto_payment.save_auto_payment(
                session,
                get_client(session, till.client.id),
                AutoPayment(enabled=True, extra_amount=Decimal(5)),
            )
        return Person(till, gateway, cards)
    # a card whose charges are declined belongs to life
    if gateway == "stripe":
        cards.append(till.save_card(number="4000000000000341"))
    else:
        cards.append(till.save_card(number="4012888818888", zip="46282"))
    return Person(till, gateway, cards)
