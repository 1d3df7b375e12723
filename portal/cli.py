"""The command line: `portal --help`. Everything that needs no browser and no queue."""

import json
import os
import sys
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from billing import ledger_check, suretax_accounts, voucher_pins, vouchers
from core import platform_uow, schema, uow
from core.config import Settings, load_settings, use_development_site
from core.db import Session
from core.errors import AppError, ConflictError, InvariantError
from core.logs import configure_logging
from core.platform_uow import platform_unit_of_work
from core.tenancy import SYSTEM
from mail import queue, servers
from mail.models import MailServer
from payments import gateway_accounts
from payments.models import GatewayAccount
from portal.audit_cli import audit
from portal.demo.fill import describe
from portal.demo.side_by_side import fill_side_by_side
from portal.health import check_services
from tenants import second_factor, signin, signin_sessions, webhook_endpoints
from tenants.models import Reseller
from tenants.signin_accounts import Account, list_accounts
from tenants.staff import create_platform_user
from tenants.webhook_models import WebhookEndpoint
from worker.send import send_jobs_to


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """The portal's command line. Settings come from the environment, see .env.example."""
    use_development_site(Path(os.environ.get("VAR_DIR", "var")))
    context.obj = _begin()


def _begin() -> Settings:
    settings = load_settings()
    configure_logging(settings.log_level)
    platform_uow.configure(settings)
    queue.configure(settings)
    return settings


def _begin_to_fill() -> Settings:
    settings = _begin()
    uow.configure(settings)
    voucher_pins.configure(settings)
    send_jobs_to(settings.redis_url)
    return settings


main.add_command(audit)


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to the newest revision.

    With DATABASE_URL_ADMIN, a superuser's, roles and database are made first where they are
    missing.
    """
    if not settings.database_url_owner:
        raise click.ClickException("DATABASE_URL_OWNER is needed to migrate.")
    try:
        if settings.database_url_admin:
            name = make_url(settings.database_url_owner).database
            if not name:
                raise click.ClickException("DATABASE_URL_OWNER names no database.")
            schema.bootstrap(settings.database_url_admin, name)
        schema.migrate(settings.database_url_owner)
    except OperationalError as error:
        raise click.ClickException(f"The database does not answer: {error.orig}") from error
    click.echo(f"The database is at revision {schema.head_revision()}.")


@main.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Say whether this installation can work: settings, roles, walls, schema, queue."""
    click.echo("settings: ok")
    ok = True
    try:
        schema.check_database(settings)
        click.echo("walls between tenants, revision, server: ok")
    except InvariantError as error:
        ok = False
        click.echo(f"database: {error.message}")
    except OperationalError as error:
        ok = False
        click.echo(f"database: does not answer: {error.orig}")
    for service, answers in check_services(settings).items():
        ok = ok and answers
        click.echo(f"{service}: {'ok' if answers else 'FAILED'}")
    if not ok:
        sys.exit(1)


@main.group()
def ledger() -> None:
    """The books."""


@ledger.command("check")
@click.option("--reseller", "code", help="Code of one reseller; all of them without it.")
def ledger_check_command(code: str | None) -> None:
    """Prove the stored balances against the ledger; exit 1 when something differs."""
    with platform_unit_of_work() as session:
        query = select(Reseller.id, Reseller.code).order_by(Reseller.code)
        if code is not None:
            query = query.where(Reseller.code == code)
        found = session.execute(query).all()
    if code is not None and not found:
        raise click.ClickException(f"There is no reseller with the code {code}.")
    broken = 0
    for reseller_id, reseller_code in found:
        with platform_unit_of_work() as session:
            result = ledger_check.check_ledger(session, reseller_id)
        broken += not result.ok
        click.echo(f"{reseller_code}: {'ok' if result.ok else 'WRONG'}, {result.entries} entries")
        for rule, findings in result.findings.items():
            for finding in findings:
                click.echo(f"  {rule}: {finding}")
    if broken:
        sys.exit(1)


@main.command()
@click.option("--fill", "to_fill", is_flag=True, help="Make the demo's data, or finish making it.")
@click.option("--json", "as_json", is_flag=True, help="Addresses and sign-ins, for scripts.")
@click.pass_obj
def demo(settings: Settings, as_json: bool, to_fill: bool) -> None:
    """Print the addresses and sign-ins of the demo that `make run` has filled."""
    if to_fill:
        fill_side_by_side(_begin_to_fill(), _begin_to_fill)
        return
    try:
        facts = describe(settings)
    except ConflictError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, address in facts["urls"].items():
        click.echo(f"{name:14} {address}")
    for login in facts["logins"]:
        where = login["reseller"] or "platform"
        click.echo(
            f"{login['area']:10} {where:20} {login['user']:32} {login['password']:20}"
            f" {login['role']}"
        )


@main.command("create-admin")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.password_option(help="Asked for when it is not given.")
def create_admin(email: str, name: str, password: str) -> None:
    """Make a person of the platform's own staff who may do everything."""
    try:
        with platform_unit_of_work() as session:
            user = create_platform_user(session, email=email, name=name, password=password)
    except AppError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{user.email} may sign in at /login.")


@main.command("reset-password")
@click.option("--email", required=True)
@click.option("--reseller", "code", help="Code of the reseller, when several have that address.")
@click.password_option(help="Asked for when it is not given.")
def reset_password(email: str, code: str | None, password: str) -> None:
    """Set a new password for a person of the staff and end all of that person's sessions."""
    try:
        with platform_unit_of_work() as session:
            found = list_accounts(session, "office", email, _reseller_id(session, code))
            account = _only(found, email)
            signin.change_password(session, account, password, ip="", reason="password_reset")
    except AppError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{email} has a new password; every session of that person has ended.")


@main.command("reset-second-factor")
@click.option("--email", required=True)
@click.option("--reseller", "code", help="Code of the reseller, when several have that address.")
def reset_second_factor(email: str, code: str | None) -> None:
    """Take a person's second factor away, for one who has lost phone and recovery codes."""
    with platform_unit_of_work() as session:
        account = _only(list_accounts(session, "office", email, _reseller_id(session, code)), email)
        if not second_factor.delete_factor(session, account):
            raise click.ClickException(f"{email} has no second factor.")
        signin_sessions.end_sessions(
            session,
            area=account.area,
            subject_id=account.subject_id,
            reason="second_factor_reset",
        )
        signin.record_act(session, account, "second_factor_reset", "", actor=SYSTEM)
    click.echo(f"{email} has no second factor any more; every session of that person has ended.")


@main.command("reseal-credentials")
@click.pass_obj
def reseal_credentials(settings: Settings) -> None:
    """Encrypt everything that is kept encrypted with the first of CREDENTIAL_KEYS.

    So that the other keys can go.
    """
    try:
        with platform_unit_of_work() as session:
            accounts = session.scalars(
                select(GatewayAccount).order_by(GatewayAccount.id).with_for_update()
            ).all()
            for account in accounts:
                gateway_accounts.reseal_credentials(session, account, settings.credential_key_ring)
            own_servers = session.scalars(
                select(MailServer).order_by(MailServer.reseller_id).with_for_update()
            ).all()
            for server in own_servers:
                servers.reseal_password(server, settings.credential_key_ring)
            endpoints = session.scalars(
                select(WebhookEndpoint).order_by(WebhookEndpoint.id).with_for_update()
            ).all()
            for endpoint in endpoints:
                webhook_endpoints.reseal_secrets(endpoint, settings.credential_key_ring)
            tax_accounts = suretax_accounts.list_accounts(session)
            for tax_account in tax_accounts:
                suretax_accounts.reseal_key(tax_account, settings)
            factors = second_factor.reseal_secrets(session, settings.credential_key_ring)
            needed = vouchers.count_by_key(session)
    except InvariantError as error:
        raise click.ClickException(f"{error.message}; nothing was changed") from error
    key_id = next(iter(settings.credential_key_ring))
    click.echo(f"Credentials of {len(accounts)} gateway accounts are encrypted with key {key_id}.")
    if own_servers:
        click.echo(f"So are the passwords of {len(own_servers)} mail servers.")
    if endpoints:
        click.echo(f"So are the secrets of {len(endpoints)} webhooks.")
    if tax_accounts:
        click.echo(f"So are the keys of {len(tax_accounts)} SureTax accounts.")
    if factors:
        click.echo(f"So are the secrets of {factors} second factors.")
    _tell_kept_keys(needed, key_id)


def _tell_kept_keys(needed: dict[str, int], key_id: str) -> None:
    """Which keys must stay, and why."""
    for old_id in sorted(set(needed) - {key_id}):
        # a hash cannot be made anew without the PIN
        click.echo(
            f"Keep key {old_id}: {needed[old_id]} vouchers made with it may still be redeemed."
        )


def _reseller_id(session: Session, code: str | None) -> int | None:
    if code is None:
        return None
    reseller_id = session.scalar(select(Reseller.id).where(Reseller.code == code))
    if reseller_id is None:
        raise click.ClickException(f"There is no reseller with the code {code}.")
    return reseller_id


def _only(accounts: list[Account], email: str) -> Account:
    if not accounts:
        raise click.ClickException(f"Nobody of the staff signs in with {email}.")
    if len(accounts) > 1:
        raise click.ClickException(f"Several have the address {email}: name one with --reseller.")
    return accounts[0]


if __name__ == "__main__":
    main()
