"""What holds for the whole panel: looking writes nothing, and nobody else gets in."""

import psycopg
import pytest
from flask import Flask

from tests.payments.till import Till
from tests.portal.browser import Browser, open_browser
from tests.portal.panel import story

PANEL = ("panel_home", "panel_refill", "panel_cards", "panel_auto_payment", "panel_packages",
         "panel_profile", "panel_statement", "panel_transactions", "panel_invoices")  # fmt: skip


def looks(app: Flask, ids: dict[str, object]) -> list[str]:
    """Every address of the panel that can be looked at, with ids that exist."""
    with app.test_request_context():
        return [
            app.url_map.bind("localhost").build(
                rule.endpoint, {name: ids[name] for name in rule.arguments}
            )
            for rule in app.url_map.iter_rules()
            if rule.endpoint.partition(".")[0] in PANEL and "GET" in rule.methods
        ]


def fingerprints(postgres) -> dict[str, str]:
    """Of each table but the sessions, which keep when they were last seen."""
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal"
    ) as connection:
        names = connection.execute(
            "select relname from pg_class where relkind = 'r' and"
            " relnamespace = 'public'::regnamespace and relname <> 'sessions'"
        ).fetchall()
        return {
            name: str(
                connection.execute(
                    f"select count(*), md5(coalesce(string_agg(t::text, ',' order by t::text), ''))"
                    f" from {name} t"
                ).fetchone()
            )
            for (name,) in names
        }


def test_looking_at_every_page_writes_nothing(
    me: Browser, till: Till, panel_app: Flask, postgres
) -> None:
    story.charge(till, "30", days_ago=12)
    ids = {
        "invoice_id": story.invoice(till, with_file=True),
        "refill_id": till.request(till.save_card(), "10.00"),
        "transaction_id": story.charge(till, "5"),
        "name": "live",
        "credit_note_id": till_id(),
    }
    before = fingerprints(postgres)

    for address in looks(panel_app, ids):
        # 404: a charge has no receipt, and there is no credit note
        assert me.get(address).status_code in (200, 303, 404), address

    assert fingerprints(postgres) == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_gets_in_without_signing_in(panel_app: Flask, till: Till, method: str) -> None:
    ids = {"invoice_id": till_id(), "refill_id": till_id(), "transaction_id": till_id(),
           "card_id": till_id(), "credit_note_id": till_id(), "name": "live"}  # fmt: skip
    with panel_app.test_request_context():
        addresses = [
            panel_app.url_map.bind("localhost").build(
                rule.endpoint, {name: ids[name] for name in rule.arguments}, method=method.upper()
            )
            for rule in panel_app.url_map.iter_rules()
            if rule.endpoint.partition(".")[0] in PANEL and method.upper() in rule.methods
        ]
    browser = open_browser(panel_app)
    assert len(addresses) >= 6
    for address in addresses:
        answer = getattr(browser, method)(address)
        assert answer.status_code == 303, address
        assert answer.location.startswith("/clients/login")


def till_id() -> object:
    from core.ids import new_id

    return new_id()
