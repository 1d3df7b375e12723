"""The rules that must hold, asked every hour and whenever somebody wants to know.

Each rule is asked in a transaction of its own by a job of its own: a slow one holds up no other.
"""

import structlog

from billing import invariants as billing_invariants
from core import jobs
from core.clock import now
from core.db import Session
from core.invariants import Finding, Rule, check_rule, delete_results_but
from core.platform_uow import platform_unit_of_work
from mail import invariants as mail_invariants
from payments import invariants as payments_invariants
from tenants import events
from tenants import invariants as tenants_invariants
from tenants.models import Reseller
from worker.sweeps import sweep

JOB = "invariants.check"
_log = structlog.get_logger(__name__)


def list_rules() -> list[Rule]:
    """All rules of all packages."""
    return [
        *billing_invariants.RULES,
        *payments_invariants.RULES,
        *mail_invariants.RULES,
        *tenants_invariants.list_rules(),
    ]


@sweep("invariants.due", every_s=3600)
def ask_all(session: Session) -> int:
    """Ask for the check of every rule; 0, for no row waits."""
    names = [rule.name for rule in list_rules()]
    delete_results_but(session, names)
    for name in names:
        jobs.enqueue(session, JOB, reseller_id=None, rule=name)
    return 0


def check(name: str) -> None:
    """Check the rule over all tenants; each tenant where it is broken gets an event a day."""
    rule = next((one for one in list_rules() if one.name == name), None)
    if rule is None:
        # a message of another release
        _log.warning("invariant.unknown", rule=name)
        return
    with platform_unit_of_work() as session:
        findings = check_rule(session, rule)
        for finding in findings:
            _tell(session, rule, finding)
    if findings:
        _log.error("invariant.broken", rule=rule.name, tenants=len(findings))


def _tell(session: Session, rule: Rule, finding: Finding) -> None:
    if session.get(Reseller, finding.reseller_id) is None:
        # the broken row itself may name a tenant that is none
        return
    events.record(
        session,
        reseller_id=finding.reseller_id,
        level="error",
        service="health",
        code="invariant_broken",
        text=events.EventText(
            "The rule %(rule)s does not hold for %(count)s rows, the first: %(first)s.",
            rule=rule.name,
            count=finding.count,
            first=finding.objects[0] if finding.objects else "?",
        ),
        dedupe_key=f"invariant:{rule.name}:{now().date().isoformat()}",
    )
