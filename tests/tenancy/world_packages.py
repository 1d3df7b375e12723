"""Packages, subscriptions and files of usage of the world's tenants."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

from billing import packages, subscription_endings, subscriptions, usage_import
from billing.packages import Terms, Units
from core.clock import now
from core.db import Session
from core.ids import new_id
from core.sheet_reader import look_at
from tenants import task_bytes, tasks
from tests.factories import cast


def make_packages(
    session: Session, tenant: cast.Tenant, token: str, currency: str
) -> dict[str, str]:
    """One that clients have, and a spare one."""
    units = (Units(f"Units {token}", "second", Decimal(600)),)
    made = packages.create_package(
        session,
        reseller_id=tenant.id,
        terms=Terms(f"Package {token}", currency, units=units),
    )
    spare = packages.create_package(
        session, reseller_id=tenant.id, terms=Terms(f"Spare package {token}", currency)
    )
    return {
        "package": str(made.id),
        "spare_package": str(spare.id),
        "usage_task": _make_usage_task(session, token),
        "checked_usage": _make_usage_task(session, token, is_checked=True),
    }


def make_subscriptions(
    session: Session, client: cast.Client, shared: dict[str, str]
) -> dict[str, str]:
    """One that has begun and one that waits for its day."""
    begun = subscriptions.create_subscription(
        session,
        subscription_id=new_id(),
        client_id=client.id,
        package_id=int(shared["package"]),
    )
    waiting = subscriptions.create_subscription(
        session,
        subscription_id=new_id(),
        client_id=client.id,
        package_id=int(shared["package"]),
        starts_on=now().date() + timedelta(days=30),
    )
    ending = subscriptions.create_subscription(
        session,
        subscription_id=new_id(),
        client_id=client.id,
        package_id=int(shared["package"]),
    )
    subscription_endings.stop_at_end(session, ending.id, version=ending.version)
    return {"subscription": str(begun.id), "waiting_subscription": str(waiting.id)}


def _make_usage_task(session: Session, token: str, *, is_checked: bool = False) -> str:
    content = f"client,hour,destination,quantity,amount\r\nx,x,{token},1,1\r\n".encode()
    task = tasks.create_task(
        session,
        task_id=new_id(),
        kind=usage_import.KIND,
        title=f"usage {token}.csv",
        params={"sheet": asdict(look_at(content)), "file": usage_import.file_id(content)},
        state="draft",
    )
    task_bytes.put_bytes(session, task, "source", content)
    if is_checked:
        fields = ["client", "hour", "destination", "quantity", "amount"]
        task.params = {**task.params, "fields": fields, "locale": "en"}
        tasks.add_rows(session, task, [(1, {"line": 2, "values": {"client": token}})])
        task.state, task.total, task.done, task.step = "checked", 1, 1, "check"
        session.flush()
    return str(task.id)
