"""`portal reseal-credentials`: after it, a key of the ring that is no longer first may go."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from billing.models import PaymentAccount
from core.config import parse_key_ring
from core.errors import InvariantError
from core.platform_uow import platform_unit_of_work
from payments import gateway_accounts
from payments.models import GatewayAccount
from portal.cli import main
from tenants import second_factor, signin_accounts
from tests.factories.cast import Tenant
from tests.portal.factors import code_of, give_factor

OLD = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NEW = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


@pytest.fixture
def run(settings, monkeypatch):
    # pytest reads the handlers of the root logger; the command line would put its own in place
    monkeypatch.setattr("portal.cli.configure_logging", lambda level: None)
    return lambda keys: CliRunner().invoke(
        main, ["reseal-credentials"], env={"CREDENTIAL_KEYS": keys}
    )


@pytest.fixture
def account_ids(settings, acme: Tenant, globex: Tenant) -> list[int]:
    """A gateway account of each tenant, with credentials of its own."""
    with platform_unit_of_work() as session:
        return [
            gateway_accounts.create_account(
                session,
                reseller_id=tenant.id,
                gateway="authorizenet",
                name="Cards",
                payment_account_id=session.scalars(
                    select(PaymentAccount.id).where(PaymentAccount.reseller_id == tenant.id)
                ).one(),
                currency="USD",
                live=False,
                credentials={
                    "login": f"login-{tenant.code}",
                    "transaction_key": f"key-{tenant.code}",
                    "signature_key": "AB" * 64,
                },
                key_ring=parse_key_ring(OLD),
            ).id
            for tenant in (acme, globex)
        ]


def reopened(settings, account_id: int, keys: str) -> None:
    with platform_unit_of_work() as session:
        account = session.get(GatewayAccount, account_id)
        gateway_accounts.reseal_credentials(session, account, parse_key_ring(keys))


def test_afterwards_the_old_key_is_not_needed_for_any_tenant(settings, run, account_ids):
    with pytest.raises(InvariantError):
        reopened(settings, account_ids[0], NEW)

    result = run(f"{NEW},{OLD}")

    assert result.exit_code == 0, result.output
    assert "2 gateway accounts are encrypted with key k2" in result.output
    for account_id in account_ids:
        reopened(settings, account_id, NEW)
        with pytest.raises(InvariantError):
            reopened(settings, account_id, OLD)


def test_a_missing_key_changes_nothing(settings, run, account_ids):
    result = run(NEW)

    assert result.exit_code == 1
    assert "nothing was changed" in result.output
    for account_id in account_ids:
        reopened(settings, account_id, OLD)


def test_second_factors_open_with_the_new_key_alone(settings, app, acme: Tenant, run):
    secret, _ = give_factor(app, "office", acme.owner_id)

    result = run(f"{NEW},{OLD}")

    assert result.exit_code == 0, result.output
    assert "1 second factors" in result.output
    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", acme.owner_id)
        assert second_factor.is_right_code(session, account, code_of(secret), parse_key_ring(NEW))
