"""Merchant accounts: credentials go in, sealed to their place, and never come out."""

import json

import pytest
from sqlalchemy import select, text, update

from billing import payment_accounts
from core.config import Settings, parse_key_ring
from core.errors import InvalidInputError, InvariantError, NotAllowedError, NotFoundError
from core.platform_uow import platform_unit_of_work
from payments import gateway_accounts
from payments.models import GatewayAccount
from tenants.models import AuditRecord
from tests.payments.till import Till, add_gateway_account

NEW_KEY = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def stored(till: Till) -> GatewayAccount:
    with till.work() as session:
        return gateway_accounts.get_account(session, till.account_id)


def test_the_database_holds_no_secret(till: Till):
    with till.work() as session:
        row = session.scalars(
            select(text("credentials::text")).select_from(GatewayAccount.__table__)
        ).one()
    for secret in (till.merchant.login, till.merchant.transaction_key, till.merchant.signature_key):
        assert secret not in row


def test_a_screen_sees_the_last_four_only(till: Till):
    shown = gateway_accounts.describe_credentials(stored(till))
    assert [one.field for one in shown] == ["login", "transaction_key", "signature_key"]
    assert shown[1].last_four == till.merchant.transaction_key[-4:]


def test_a_short_secret_shows_nothing(till: Till):
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.replace_credentials(
            session, account, {"login": "short"}, till.settings.credential_key_ring
        )
    assert gateway_accounts.describe_credentials(stored(till))[0].last_four == ""


def test_the_opened_gateway_works_and_does_not_show_its_secrets(till: Till):
    gateway = till.open_gateway(stored(till))
    assert gateway.check_credentials().ok
    assert till.merchant.transaction_key not in repr(gateway)
    gateway.close()


def test_credentials_copied_to_another_tenant_do_not_open(till: Till, other_till: Till):
    with platform_unit_of_work() as session:
        session.execute(
            update(GatewayAccount)
            .where(GatewayAccount.id == other_till.account_id)
            .values(credentials=stored(till).credentials)
        )
    with pytest.raises(InvariantError):
        other_till.open_gateway(stored(other_till))


def test_credentials_swapped_between_fields_do_not_open(till: Till):
    account = stored(till)
    sealed = dict(account.credentials)
    sealed["login"], sealed["transaction_key"] = sealed["transaction_key"], sealed["login"]
    account.credentials = sealed
    with pytest.raises(InvariantError):
        till.open_gateway(account)


def test_an_empty_field_keeps_the_stored_credential(till: Till):
    before = stored(till).credentials["login"]
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.replace_credentials(
            session,
            account,
            {"login": "", "transaction_key": "another key"},
            till.settings.credential_key_ring,
        )
    after = stored(till).credentials
    assert after["login"] == before
    assert after["transaction_key"]["last_four"] == " key"


def test_the_signature_key_before_still_opens_webhooks(till: Till):
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.replace_credentials(
            session,
            account,
            {"signature_key": "F" * 128},
            till.settings.credential_key_ring,
        )
    gateway = till.open_gateway(stored(till))
    assert gateway._credentials.webhook_secrets == ("F" * 128, till.merchant.signature_key)


def test_a_new_key_of_the_ring_takes_over(till: Till):
    old = till.settings.credential_key_ring
    both = {**parse_key_ring(NEW_KEY), **old}
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.reseal_credentials(session, account, both)
    assert all(field["sealed"].startswith("v1.k2.") for field in stored(till).credentials.values())
    settings = Settings(**{**till.settings.model_dump(), "credential_keys": NEW_KEY})
    gateway = gateway_accounts.open_gateway(stored(till), settings)
    assert gateway.check_credentials().ok
    gateway.close()


def test_the_audit_log_names_a_change_and_shows_no_secret(till: Till):
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.replace_credentials(
            session,
            account,
            {"transaction_key": "canary-key-0123"},
            till.settings.credential_key_ring,
        )
        records = session.scalars(select(AuditRecord.changes)).all()
    assert {"credentials": ["…", "…"]} in records
    assert "canary" not in json.dumps(list(records))


def test_a_live_account_works_in_production_only(till: Till):
    account = stored(till)
    account.live = True
    with pytest.raises(NotAllowedError):
        till.open_gateway(account)


@pytest.mark.parametrize("missing", ["login", "transaction_key", "signature_key"])
def test_every_credential_is_needed(till: Till, missing):
    credentials = {"login": "a", "transaction_key": "b", "signature_key": "c", missing: " "}
    with till.work() as session, pytest.raises(InvalidInputError) as refused:
        gateway_accounts.create_account(
            session,
            reseller_id=till.tenant.id,
            gateway="authorizenet",
            name="Euro cards",
            payment_account_id=stored(till).payment_account_id,
            currency="EUR",
            live=False,
            credentials=credentials,
            key_ring=till.settings.credential_key_ring,
        )
    assert refused.value.field == missing


def test_one_enabled_account_per_currency(till: Till):
    with till.work() as session, pytest.raises(InvalidInputError) as refused:
        add_gateway_account(session, till.tenant, till.merchant, till.settings, "USD")
    assert refused.value.field == "currency"


def test_money_is_booked_on_an_account_of_the_same_tenant_only(till: Till, other_till: Till):
    with other_till.work() as session:
        foreign = payment_accounts.get_general(session, other_till.tenant.id).id
    with till.work() as session, pytest.raises(InvalidInputError) as refused:
        gateway_accounts.update_account(
            session,
            gateway_accounts.get_account(session, till.account_id),
            name="Cards",
            description="",
            payment_account_id=foreign,
            position=1,
        )
    assert refused.value.field == "payment_account_id"


def test_a_disabled_account_is_not_offered(till: Till):
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway_accounts.set_enabled(session, account, enabled=False)
        found = gateway_accounts.find_account(session, reseller_id=till.tenant.id, currency="USD")
    assert found is None


def test_another_tenant_does_not_see_the_account(till: Till, other_till: Till):
    with other_till.work() as session:
        assert len(gateway_accounts.list_accounts(session, till.tenant.id)) == 0
        with pytest.raises(NotFoundError):
            gateway_accounts.get_account(session, till.account_id)


def test_each_account_has_its_own_webhook_address(till: Till, other_till: Till):
    one = gateway_accounts.webhook_url(stored(till), "https://portal.example")
    two = gateway_accounts.webhook_url(stored(other_till), "https://portal.example")
    assert one != two
    assert one.startswith("https://portal.example/webhooks/authorizenet/")
    assert len(one.rsplit("/", 1)[1]) >= 43
