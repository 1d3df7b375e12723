"""`portal audit`: proof of the audit log, and heads of its chains to keep elsewhere."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from core.config import Settings
from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from tenants import audit_chain, audit_heads
from tenants.audit_chain import ChainCheck
from tenants.models import Reseller

_FINDINGS = {
    "changed": "the record {record_id} (seal {seal_no}) was changed",
    "missing": "the records of the seals {seal_no} to {until} are gone; the first after them is the"
    " record {record_id}",
    "cut": "the records of the seals {seal_no} to {until} at the end are gone",
    "rewritten": "the record of seal {seal_no} is another than an earlier proof saw, or gone",
}


@click.group()
def audit() -> None:
    """Verify the audit log, and take heads of its chains."""


@audit.command()
@click.option("--reseller", "code", help="Only this one, by its code.")
@click.option(
    "--heads",
    type=click.File(),
    help="Heads taken earlier: the chains must still hold them.",
)
@click.pass_obj
def verify(settings: Settings, code: str | None, heads: Any) -> None:  # noqa: ANN401 (an open file)
    """Walk over every chain; name the first record that breaks it and exit 1."""
    taken = _read_heads(heads, settings)
    broken = 0
    for reseller_id, reseller_code in _list_resellers(code):
        # a transaction for each batch: what is committed by now is to be proven too
        while _seal(reseller_id):
            pass
        with platform_unit_of_work() as session:
            check = audit_chain.check_chain(session, reseller_id)
            finding = check.finding
            for head in taken.get(reseller_id, []):
                finding = finding or audit_chain.find_anchor(session, reseller_id, head)
        broken += bool(finding)
        click.echo(f"{reseller_code}: {_describe(check, finding)}")
    if broken:
        sys.exit(1)


@audit.command()
@click.option("--reseller", "code", help="Only this one, by its code.")
@click.pass_obj
def heads(settings: Settings, code: str | None) -> None:
    """Print the signed head of each chain, a line each, to be kept off this machine."""
    for reseller_id, _code in _list_resellers(code):
        while _seal(reseller_id):
            pass
        with platform_unit_of_work() as session:
            click.echo(audit_heads.make_head(session, reseller_id, settings.credential_key_ring))


def _seal(reseller_id: int) -> int:
    with platform_unit_of_work() as session:
        return audit_chain.seal_records(session, reseller_id)


def _list_resellers(code: str | None) -> list[tuple[int, str]]:
    query = select(Reseller.id, Reseller.code).order_by(Reseller.code)
    if code is not None:
        query = query.where(Reseller.code == code)
    with platform_unit_of_work() as session:
        found = [(row.id, row.code) for row in session.execute(query)]
    if code is not None and not found:
        raise click.ClickException(f"There is no reseller with the code {code}.")
    return found


def _read_heads(heads: Any, settings: Settings) -> dict[int, list[Mapping[str, Any]]]:  # noqa: ANN401 (an open file)
    taken: dict[int, list[Mapping[str, Any]]] = {}
    for number, line in enumerate(heads or (), 1):
        if not line.strip():
            continue
        try:
            head = audit_heads.read_head(line, settings.credential_key_ring)
        except InvalidInputError as error:
            name = Path(heads.name).name
            raise click.ClickException(f"{name}, line {number}: {error.message}") from error
        taken.setdefault(head["reseller_id"], []).append(head)
    return taken


def _describe(check: ChainCheck, finding: Mapping[str, Any]) -> str:
    if finding:
        return f"BROKEN: {_FINDINGS[finding['kind']].format(**finding)}"
    late = f"; {check.waiting} wait for their seal" if check.waiting else ""
    return f"ok, {check.seal_no} records{late}"
