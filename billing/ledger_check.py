"""Proof of a reseller's books: stored figures against the lines that make them.

Each rule is one statement, so each sees the books at one instant while others go on posting.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, text

from billing.models import LedgerCheck, LedgerEntry
from core.clock import now
from core.db import Session
from tenants import events

MAX_FINDINGS = 20
"""Of each rule; one broken rule may be broken by every row."""

# What each rule finds is wrong: the object and what does not fit.
_RULES = {
    "entry_unbalanced": """
        select 'entry ' || e.id, 'lines sum to ' || coalesce(sum(l.amount)::text, 'nothing')
          from ledger_entries e
          left join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
         where e.reseller_id = :reseller_id
         group by e.id
        having coalesce(sum(l.amount), 1) <> 0
    """,
    "balance_differs": """
        select 'client ' || b.client_id,
               'live ' || b.live || ' fixed ' || b.fixed
               || ', the lines make live ' || coalesce(s.live, 0)
               || ' fixed ' || coalesce(s.fixed, 0)
          from client_balances b
          left join (
              select client_id,
                     coalesce(sum(amount) filter (where account = 'client_live'), 0) as live,
                     coalesce(sum(amount) filter (where account = 'client_fixed'), 0) as fixed
                from ledger_lines
               where reseller_id = :reseller_id and account in ('client_live', 'client_fixed')
               group by client_id
          ) s on s.client_id = b.client_id
         where b.reseller_id = :reseller_id
           and (b.live <> coalesce(s.live, 0) or b.fixed <> coalesce(s.fixed, 0))
    """,
    "running_balance_differs": """
        select 'entry ' || entry_id || ' ' || account,
               'balance after ' || coalesce(balance_after::text, 'none')
               || ' follows ' || before || ' and ' || amount
          from (
              select entry_id, account, amount, balance_after,
                     lag(balance_after, 1, 0.0) over (
                         partition by client_id, account order by entry_id, line_no
                     ) as before
                from ledger_lines
               where reseller_id = :reseller_id and account in ('client_live', 'client_fixed')
          ) steps
         where balance_after is distinct from before + amount
    """,
    "transaction_not_posted": """
        select 'transaction ' || t.id,
               t.status || ' ' || t.type || ' of ' || t.total
               || ', posted ' || coalesce(p.amount::text, 'nothing')
          from transactions t
          left join lateral (
              select sum(l.amount) as amount
                from ledger_lines l
               where l.reseller_id = t.reseller_id and l.entry_id = t.ledger_entry_id
                 and l.client_id = t.client_id and l.account = 'client_live'
          ) p on true
         where t.reseller_id = :reseller_id
           and p.amount is distinct from case
                   when t.status = 'pending' then null
                   when t.type = 'payment' then t.total
                   else -t.total
               end
    """,
    "entry_without_source": """
        select 'entry ' || e.id, e.kind || ' ' || e.source_id || ' has no source'
          from ledger_entries e
         where e.reseller_id = :reseller_id
           and not exists (
               select from transactions t
                where t.reseller_id = e.reseller_id and t.id = e.source_id
                  and t.ledger_entry_id = e.id
           )
           and not exists (
               select from invoices i
                where e.kind = 'invoice' and i.reseller_id = e.reseller_id and i.id = e.source_id
                  and i.issued_at is not null
           )
           and not exists (
               select from invoices i
                where e.kind = 'reversal' and i.reseller_id = e.reseller_id and i.id = e.source_id
                  and i.state = 'void'
           )
           and not exists (
               select from credit_notes n
                where e.kind = 'credit_note' and n.reseller_id = e.reseller_id
                  and n.id = e.source_id
           )
           and not exists (
               select from opening_balances o
                where o.reseller_id = e.reseller_id and o.client_id = e.client_id
                  and e.id in (o.ledger_entry_id, o.reversal_entry_id)
           )
    """,
    "opening_balance_not_posted": """
        select 'opening balance ' || o.id,
               'of ' || o.amount || ', posted ' || coalesce(p.live::text, 'nothing')
               || ' and ' || coalesce(p.fixed::text, 'nothing')
          from opening_balances o
          left join lateral (
              select sum(l.amount) filter (where l.account = 'client_live') as live,
                     sum(l.amount) filter (where l.account = 'client_fixed') as fixed
                from ledger_lines l
               where l.reseller_id = o.reseller_id and l.client_id = o.client_id
                 and l.entry_id in (o.ledger_entry_id, o.reversal_entry_id)
          ) p on true
         where o.reseller_id = :reseller_id
           and (p.live, p.fixed) is distinct from
               (case when o.reversed_at is null then o.amount else 0 end,
                case when o.reversed_at is null then o.amount else 0 end)
    """,
    "void_not_reversed": """
        select 'invoice ' || i.number, 'void, the books keep ' || coalesce(p.amount::text, '0')
          from invoices i
          join lateral (
              select sum(l.amount) as amount
                from ledger_entries e
                join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
               where e.reseller_id = i.reseller_id and e.kind in ('invoice', 'reversal')
                 and e.source_id = i.id and l.account = 'client_fixed'
          ) p on p.amount <> 0
         where i.reseller_id = :reseller_id and i.state = 'void'
    """,
    "credit_note_not_posted": """
        select 'credit note ' || n.number,
               'total ' || n.total || ', posted ' || coalesce(p.fixed::text, 'nothing')
               || ' and ' || coalesce(p.live::text, 'nothing')
          from credit_notes n
          left join lateral (
              select sum(l.amount) filter (where l.account = 'client_fixed') as fixed,
                     sum(l.amount) filter (where l.account = 'client_live') as live
                from ledger_entries e
                join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
               where e.reseller_id = n.reseller_id and e.kind = 'credit_note'
                 and e.source_id = n.id and l.client_id = n.client_id
          ) p on true
         where n.reseller_id = :reseller_id
           and (p.fixed is distinct from n.total or coalesce(p.live, 0) <> n.net + n.tax)
    """,
    "credited_differs": """
        select 'invoice ' || i.number,
               'credited ' || i.credited || ', credit notes ' || coalesce(n.total, 0)
          from invoices i
          left join (
              select invoice_id, sum(total) as total, sum(net) as net, sum(tax) as tax
                from credit_notes where reseller_id = :reseller_id group by invoice_id
          ) n on n.invoice_id = i.id
         where i.reseller_id = :reseller_id and i.state <> 'void'
           and (i.credited <> coalesce(n.total, 0) or coalesce(n.total, 0) > i.total)
    """,
    "invoice_not_posted": """
        select 'invoice ' || i.number,
               i.state || ' total ' || i.total || ', posted ' || coalesce(p.amount::text, 'nothing')
          from invoices i
          left join lateral (
              select sum(l.amount) as amount
                from ledger_entries e
                join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
               where e.reseller_id = i.reseller_id and e.kind = 'invoice' and e.source_id = i.id
                 and l.client_id = i.client_id and l.account = 'client_fixed'
          ) p on true
         where i.reseller_id = :reseller_id
           and p.amount is distinct from
               case when i.issued_at is null then null
                    when i.direction = 'incoming' then i.total else -i.total end
    """,
    "invoice_sums_differ": """
        select 'invoice ' || i.number,
               'net ' || i.net || ' tax ' || i.tax || ', lines ' || coalesce(l.net, 0) || ' and '
               || coalesce(l.tax, 0) || ', taxes ' || coalesce(x.tax, 0) || ', charges '
               || coalesce(t.net, 0) || ' and ' || coalesce(t.tax, 0)
          from invoices i
          left join (
              select invoice_id, sum(net) as net, sum(tax) as tax
                from invoice_lines where reseller_id = :reseller_id group by invoice_id
          ) l on l.invoice_id = i.id
          left join (
              select invoice_id, sum(amount) as tax
                from invoice_taxes where reseller_id = :reseller_id group by invoice_id
          ) x on x.invoice_id = i.id
          left join (
              select invoice_id, sum(net) as net, sum(tax) as tax
                from transactions
               where reseller_id = :reseller_id and invoice_id is not null group by invoice_id
          ) t on t.invoice_id = i.id
          left join tax_filings f on f.reseller_id = i.reseller_id and f.invoice_id = i.id
         where i.reseller_id = :reseller_id and i.direction = 'outgoing' and i.state <> 'void'
           and (i.net <> coalesce(l.net, 0) or i.tax <> coalesce(l.tax, 0) + coalesce(f.tax, 0)
                or i.tax <> coalesce(x.tax, 0)
                or i.net <> coalesce(t.net, 0) or i.tax <> coalesce(t.tax, 0))
    """,
    "numbers_have_gaps": """
        select 'series ' || s.direction,
               'next ' || s.next_number || ' after ' || count(i.id) || ' invoices, the last '
               || coalesce(max(i.running_number), 0)
          from number_series s
          left join (
              select id, reseller_id, direction, running_number from invoices
               union all
              select id, reseller_id, 'credit_note', running_number from credit_notes
          ) i on i.reseller_id = s.reseller_id and i.direction = s.direction
         where s.reseller_id = :reseller_id
         group by s.direction, s.next_number
        having s.next_number <> count(i.id) + 1
            or s.next_number <> coalesce(max(i.running_number), 0) + 1
    """,
    "paid_differs": """
        select 'invoice ' || i.number,
               'paid ' || i.paid || ', allocated ' || coalesce(a.amount, 0)
               || ', credited ' || i.credited
          from invoices i
          left join (
              select invoice_id, sum(amount) as amount
                from payment_allocations where reseller_id = :reseller_id group by invoice_id
          ) a on a.invoice_id = i.id
         where i.reseller_id = :reseller_id and i.direction = 'outgoing'
           and i.paid <> coalesce(a.amount, 0) + i.credited
    """,
    "payment_overspent": """
        select 'transaction ' || t.id, 'of ' || t.total || ' allocated ' || a.amount
          from (
              select transaction_id, sum(amount) as amount
                from payment_allocations where reseller_id = :reseller_id group by transaction_id
          ) a
          join transactions t on t.reseller_id = :reseller_id and t.id = a.transaction_id
         where a.amount < 0 or a.amount > t.total
    """,
    "last_invoiced_behind": """
        select 'client ' || b.client_id,
               'last invoiced ' || coalesce(b.last_invoiced_on::text, 'never')
               || ', an invoice goes to ' || max(i.last_on)
          from client_billing b
          join invoices i on i.reseller_id = b.reseller_id and i.client_id = b.client_id
         where b.reseller_id = :reseller_id and i.direction = 'outgoing' and i.state <> 'void'
         group by b.client_id, b.last_invoiced_on
        having b.last_invoiced_on is null or b.last_invoiced_on < max(i.last_on)
    """,
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`findings` maps a broken rule to at most MAX_FINDINGS of what breaks it."""

    reseller_id: int
    at: datetime
    entries: int
    findings: dict[str, list[str]]

    @property
    def ok(self) -> bool:
        return not self.findings


def check_ledger(session: Session, reseller_id: int) -> CheckResult:
    """Prove the reseller's books and store the result; what is wrong also makes an event.

    Reads every line of the reseller: for a sweep or the command line, not for a page.
    """
    findings = {}
    for rule, statement in _RULES.items():
        rows = session.execute(
            text(f"{statement} limit {MAX_FINDINGS}"),
            {"reseller_id": reseller_id},
        ).all()
        if rows:
            findings[rule] = [f"{row[0]}: {row[1]}" for row in rows]
    entries = session.scalar(
        select(func.count()).select_from(LedgerEntry).where(LedgerEntry.reseller_id == reseller_id)
    )
    result = CheckResult(reseller_id, now(), entries or 0, findings)
    session.execute(
        insert(LedgerCheck).values(
            reseller_id=reseller_id,
            at=result.at,
            ok=result.ok,
            entries=result.entries,
            findings=findings,
        )
    )
    if findings:
        events.record(
            session,
            reseller_id=reseller_id,
            level="error",
            service="ledger",
            code="ledger_check_failed",
            text=events.EventText("The ledger check found: %(rules)s.", rules=", ".join(findings)),
            dedupe_key=f"ledger-check:{result.at.date().isoformat()}:{','.join(findings)}",
        )
    return result


def find_last_check(session: Session, reseller_id: int) -> LedgerCheck | None:
    """The newest stored result; None when the ledger was never checked."""
    return session.scalar(
        select(LedgerCheck)
        .where(LedgerCheck.reseller_id == reseller_id)
        .order_by(LedgerCheck.id.desc())
        .limit(1)
    )
