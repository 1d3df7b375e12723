"""Rules of payments that must hold (reliability: 3 one charge, 4 no end open, 10, 13)."""

from core.invariants import Rule
from payments.models import OPEN_REFILL_STATES
from payments.refund_models import OPEN_REFUND_STATES

_CHARGED_TWICE = """
    select reseller_id, 'refill ' || refill_id as object
      from charge_attempts
     where state = 'succeeded'
     group by reseller_id, refill_id
    having count(*) > 1
"""
# what the gateway took is what we booked, seen from both sides
_CHARGE_NOT_BOOKED = """
    select r.reseller_id, 'refill ' || r.id || ' of ' || r.credited as object
      from refills r
      left join lateral (
          select sum(l.amount) as amount
            from ledger_entries e
            join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
           where e.reseller_id = r.reseller_id and e.kind = 'refill' and e.source_id = r.id
             and l.account = 'client_live'
      ) p on true
     where p.amount is distinct from case when r.state = 'succeeded' then r.credited end
"""
_BOOKED_WITHOUT_CHARGE = """
    select e.reseller_id, 'entry ' || e.id as object
      from ledger_entries e
     where e.kind = 'refill'
       and not exists (
           select from refills r
            where r.reseller_id = e.reseller_id and r.id = e.source_id and r.state = 'succeeded'
       )
"""
_SUCCEEDED_WITHOUT_ATTEMPT = """
    select r.reseller_id, 'refill ' || r.id as object
      from refills r
     where r.state = 'succeeded'
       and not exists (
           select from charge_attempts a
            where a.reseller_id = r.reseller_id and a.refill_id = r.id and a.state = 'succeeded'
       )
"""
_REFILL_TOO_OLD = """
    select reseller_id, 'refill ' || id || ' ' || state as object
      from refills
     where (state in ('requested', 'processing') and created_at < now() - interval '1 day')
        or (state in ('unknown', 'held') and created_at < now() - interval '30 days')
"""
# what went back through us is what the books say: a refund of its own, or the payment reversed
_REFUND_NOT_BOOKED = """
    select f.reseller_id, 'refund ' || f.id || ' ' || f.state as object
      from refunds f
     where (f.state = 'succeeded' and not exists (
               select from transactions t
                where t.reseller_id = f.reseller_id
                  and (t.id = f.id or t.reverses_id = f.refill_id)
           ))
        or (f.state <> 'succeeded' and exists (
               select from transactions t
                where t.reseller_id = f.reseller_id and t.id = f.id
                  and not exists (
                      select from transactions r
                       where r.reseller_id = t.reseller_id and r.reverses_id = t.id
                  )
           ))
"""
_RETURNED_DIFFERS = """
    select r.reseller_id, 'refill ' || r.id || ' returned ' || r.returned as object
      from refills r
      left join (
          select reseller_id, refill_id, sum(amount) as amount
            from refunds
           where state = 'succeeded'
           group by reseller_id, refill_id
      ) f on f.reseller_id = r.reseller_id and f.refill_id = r.id
     where r.returned <> least(coalesce(f.amount, 0), r.credited)
"""
_EVENT_TWICE = """
    select reseller_id, 'gateway event ' || event_id as object
      from gateway_events
     group by reseller_id, gateway_account_id, event_id
    having count(*) > 1
    union all
    select reseller_id, kind || ' ' || source_id
      from ledger_entries
     where kind = 'refill'
     group by reseller_id, kind, source_id
    having count(*) > 1
"""
_WAITING = f"""
    select reseller_id, 'refill ' || id || ' ' || state as object
      from refills
     where state in ({OPEN_REFILL_STATES}) and next_look_at < now() - interval '15 minutes'
    union all
    select reseller_id, 'refund ' || id || ' ' || state
      from refunds
     where state in ({OPEN_REFUND_STATES}) and next_look_at < now() - interval '15 minutes'
    union all
    select reseller_id, 'gateway event ' || event_id
      from gateway_events
     where handled_at is null and received_at < now() - interval '15 minutes'
       and received_at > now() - interval '7 days'
"""  # noqa: S608 (a constant of our own)

RULES = (
    Rule("charged_twice", 3, _CHARGED_TWICE),
    Rule("charge_not_booked", 3, _CHARGE_NOT_BOOKED),
    Rule("booked_without_charge", 3, _BOOKED_WITHOUT_CHARGE),
    Rule("succeeded_without_attempt", 3, _SUCCEEDED_WITHOUT_ATTEMPT),
    Rule("refund_not_booked", 3, _REFUND_NOT_BOOKED),
    Rule("returned_differs", 3, _RETURNED_DIFFERS),
    Rule("refill_too_old", 4, _REFILL_TOO_OLD),
    Rule("event_twice", 10, _EVENT_TWICE),
    Rule("payment_waits", 13, _WAITING),
)
