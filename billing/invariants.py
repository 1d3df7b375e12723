"""Rules of the books that must hold (reliability: 1, 2, 5 to 8, and 13 for invoices that are due).

The daily ledger check (`billing.ledger_check`) proves the same figures tenant by tenant and in more
detail; these look over all tenants at once, every hour.
"""

from core.invariants import Rule

_ENTRY_UNBALANCED = """
    select e.reseller_id, 'entry ' || e.id as object
      from ledger_entries e
      left join ledger_lines l on l.reseller_id = e.reseller_id and l.entry_id = e.id
     group by e.reseller_id, e.id
    having coalesce(sum(l.amount), 1) <> 0
"""
_CURRENCY_UNBALANCED = """
    select reseller_id, currency || ' by ' || sum(amount) as object
      from ledger_lines
     group by reseller_id, currency
    having sum(amount) <> 0
"""
_BALANCE_DIFFERS = """
    select b.reseller_id, 'client ' || b.client_id as object
      from client_balances b
      left join (
          select reseller_id, client_id,
                 sum(amount) filter (where account = 'client_live') as live,
                 sum(amount) filter (where account = 'client_fixed') as fixed
            from ledger_lines
           where account in ('client_live', 'client_fixed')
           group by reseller_id, client_id
      ) s on s.reseller_id = b.reseller_id and s.client_id = b.client_id
     where b.live <> coalesce(s.live, 0) or b.fixed <> coalesce(s.fixed, 0)
        or b.available_micros <> ((b.live + b.credit) * 1000000)::bigint
"""
_PERIODS_OVERLAP = """
    select a.reseller_id, 'invoices ' || a.number || ' and ' || b.number as object
      from invoices a
      join invoices b on b.reseller_id = a.reseller_id and b.client_id = a.client_id
       and b.direction = a.direction and b.id > a.id
       and b.starts_at < a.ends_at and a.starts_at < b.ends_at
     where a.direction = 'outgoing' and a.state <> 'void' and b.state <> 'void'
"""
_LAST_INVOICED_BEHIND = """
    select b.reseller_id, 'client ' || b.client_id as object
      from client_billing b
      join invoices i on i.reseller_id = b.reseller_id and i.client_id = b.client_id
     where i.direction = 'outgoing' and i.state <> 'void'
     group by b.reseller_id, b.client_id, b.last_invoiced_on
    having b.last_invoiced_on is null or b.last_invoiced_on < max(i.last_on)
"""
_CHARGE_MISPLACED = """
    select t.reseller_id, 'transaction ' || t.id as object
      from transactions t
      left join invoices i on i.reseller_id = t.reseller_id and i.id = t.invoice_id
     where t.invoice_id is not null
       and (t.type <> 'charge' or t.status <> 'approved' or i.id is null
            or i.client_id <> t.client_id or i.currency <> t.currency)
"""
_NUMBERS_HAVE_GAPS = """
    select s.reseller_id,
           s.direction || ': next ' || s.next_number || ' after ' || count(i.id) as object
      from number_series s
      left join (
          select id, reseller_id, direction, running_number from invoices
           union all
          select id, reseller_id, 'credit_note', running_number from credit_notes
      ) i on i.reseller_id = s.reseller_id and i.direction = s.direction
     group by s.reseller_id, s.direction, s.next_number
    having s.next_number <> count(i.id) + 1
        or s.next_number <> coalesce(max(i.running_number), 0) + 1
"""
_INVOICE_SUMS_DIFFER = """
    select i.reseller_id, 'invoice ' || i.number as object
      from invoices i
      left join (select reseller_id, invoice_id, sum(net) as net, sum(tax) as tax
                   from invoice_lines group by reseller_id, invoice_id) l
        on l.reseller_id = i.reseller_id and l.invoice_id = i.id
      left join (select reseller_id, invoice_id, sum(amount) as tax
                   from invoice_taxes group by reseller_id, invoice_id) x
        on x.reseller_id = i.reseller_id and x.invoice_id = i.id
      left join tax_filings f on f.reseller_id = i.reseller_id and f.invoice_id = i.id
     where i.direction = 'outgoing'
       and (i.net <> coalesce(l.net, 0) or i.tax <> coalesce(l.tax, 0) + coalesce(f.tax, 0)
            or i.tax <> coalesce(x.tax, 0) or i.total <> i.net + i.tax + i.rounding)
"""
_PAID_DIFFERS = """
    select i.reseller_id, 'invoice ' || i.number as object
      from invoices i
      left join (select reseller_id, invoice_id, sum(amount) as amount
                   from payment_allocations group by reseller_id, invoice_id) a
        on a.reseller_id = i.reseller_id and a.invoice_id = i.id
     where i.direction = 'outgoing' and i.paid <> coalesce(a.amount, 0) + i.credited
"""
_INVOICE_DUE = """
    select b.reseller_id, 'client ' || b.client_id || ' since '
           || to_char(b.next_invoice_at, 'YYYY-MM-DD HH24:MI') as object
      from client_billing b
      join clients c on c.reseller_id = b.reseller_id and c.id = b.client_id
      join resellers r on r.id = b.reseller_id
     where b.autoinvoicing and b.next_invoice_at < now() - interval '1 hour'
       and c.status <> 'deleted'
       -- an invoice that waits for its taxes says so itself
       and not exists (
           select from tax_waits w
            where w.reseller_id = b.reseller_id and w.client_id = b.client_id
       )
       and not exists (
           select from resellers above where above.id = any (r.path) and above.status <> 'active'
       )
"""
_INVOICE_UNFINISHED = """
    select reseller_id, 'invoice ' || number as object
      from invoices
     where state = 'to_send' and file_id is null and issued_at < now() - interval '1 hour'
"""

RULES = (
    Rule("entry_unbalanced", 1, _ENTRY_UNBALANCED),
    Rule("currency_unbalanced", 1, _CURRENCY_UNBALANCED),
    Rule("balance_differs", 2, _BALANCE_DIFFERS),
    Rule("periods_overlap", 5, _PERIODS_OVERLAP),
    Rule("last_invoiced_behind", 5, _LAST_INVOICED_BEHIND),
    Rule("charge_misplaced", 6, _CHARGE_MISPLACED),
    Rule("numbers_have_gaps", 7, _NUMBERS_HAVE_GAPS),
    Rule("invoice_sums_differ", 8, _INVOICE_SUMS_DIFFER),
    Rule("paid_differs", 8, _PAID_DIFFERS),
    Rule("invoice_due", 13, _INVOICE_DUE),
    Rule("invoice_without_file", 13, _INVOICE_UNFINISHED),
)
