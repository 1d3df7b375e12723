"""`portal reset-password`: the way back in for the platform's staff, who belong to no tenant and so
to no mail queue. Whoever may run it on the server is trusted with the link that it prints.
"""

import click

from core import platform_uow
from core.config import load_settings
from core.platform_uow import platform_unit_of_work
from tenants import password_resets, signin_accounts


@click.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Print a link that sets a new password for EMAIL, one of the platform's staff."""
    settings = load_settings()
    platform_uow.configure(settings)
    with platform_unit_of_work() as session:
        accounts = signin_accounts.list_accounts(session, "platform", email, None)
        if not accounts or not accounts[0].is_open:
            raise click.ClickException(f"There is no active platform user {email}.")
        token = password_resets.create_reset(session, accounts[0])
    minutes = int(password_resets.LIFETIME.total_seconds() // 60)
    click.echo(f"{settings.base_url}/login/reset/{token}")
    click.echo(f"It works once, within {minutes} minutes.", err=True)
