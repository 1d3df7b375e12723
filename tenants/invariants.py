"""Rules of this package that must hold (reliability: 11 audit log, 12 tenants, 14 files, 15 tasks).

What may point at what is read from the tables themselves, so a new table is in the rules by itself.
"""

from sqlalchemy import ForeignKeyConstraint, MetaData, Table

from core.db import Base
from core.invariants import Rule

_AUDIT_SEALS = """
    select c.reseller_id,
           'seals ' || c.seal_no || ' of the chain, ' || count(a.id) || ' on records, the last '
           || coalesce(max(a.seal_no), 0) as object
      from audit_chains c
      left join audit_log a on a.reseller_id = c.reseller_id and a.seal_no is not null
     group by c.reseller_id, c.seal_no
    having count(a.id) <> c.seal_no or coalesce(max(a.seal_no), 0) <> c.seal_no
"""
_AUDIT_VERIFIED = """
    select c.reseller_id,
           'proof ' || c.id || ' of ' || to_char(c.at, 'YYYY-MM-DD HH24:MI') as object
      from (select distinct on (reseller_id) reseller_id, id, at, ok
              from audit_checks order by reseller_id, id desc) c
     where not c.ok
"""
_AUDIT_UNSEALED = """
    select reseller_id, 'record ' || id as object
      from audit_log
     where seal_no is null and at < now() - interval '15 minutes'
"""
_ACTS_RECORDED = """
    select r.id as reseller_id, 'reseller ' || r.code || ' is suspended' as object
      from resellers r
     where r.status = 'suspended'
       and not exists (
           select from audit_log a
            where a.reseller_id = r.id and a.object_type = 'reseller'
              and a.object_id = r.id::text and a.action = 'suspend'
       )
    union all
    select i.reseller_id, 'invoice ' || i.number || ' is issued'
      from invoices i
     where i.issued_at between now() - interval '2 days' and now() - interval '1 minute'
       and not exists (
           select from audit_log a
            where a.reseller_id = i.reseller_id and a.object_type = 'invoice'
              and a.object_id = i.id::text and a.action = 'issue'
       )
"""
_FILES_CHANGED = """
    select reseller_id, 'file ' || id || ' (' || name || ')' as object
      from files
     where created_at > now() - interval '26 hours'
       and (encode(sha256(content), 'hex') <> sha256 or length(content) <> size)
"""
_TASK_COUNTS = """
    select reseller_id,
           kind || ' ' || id || ': ' || total || ' chosen, '
           || made + changed + unchanged + left_out + failed || ' told of' as object
      from tasks
     where state = 'done' and kind not like 'export%'
       and total <> made + changed + unchanged + left_out + failed
"""
_TASK_ITEMS = """
    select t.reseller_id, t.kind || ' ' || t.id || ' has unfinished parts' as object
      from tasks t
     where t.state = 'done'
       and exists (select from task_items i where i.task_id = t.id and i.state = 'waiting')
"""


def list_rules(metadata: MetaData = Base.metadata) -> list[Rule]:
    """All of them. Call it where every package's tables are known."""
    return [
        Rule("audit_chain_incomplete", 11, _AUDIT_SEALS),
        Rule("audit_chain_broken", 11, _AUDIT_VERIFIED),
        Rule("audit_unsealed", 11, _AUDIT_UNSEALED),
        Rule("act_without_record", 11, _ACTS_RECORDED),
        Rule("row_of_another_tenant", 12, _foreign_rows(metadata)),
        Rule("orphan_file", 14, _orphan_files(metadata)),
        Rule("file_changed", 14, _FILES_CHANGED),
        Rule("task_counts_differ", 15, _TASK_COUNTS),
        Rule("task_unfinished", 15, _TASK_ITEMS),
    ]


def _foreign_rows(metadata: MetaData) -> str:
    """One look at each reference between rows of tenants: its target must be the same tenant's."""
    parts = [
        _dangling(table, key)
        for table in metadata.sorted_tables
        if "reseller_id" in table.columns
        for key in sorted(table.foreign_key_constraints, key=lambda one: str(one.column_keys))
    ]
    return " union all ".join(parts)


def _dangling(table: Table, key: ForeignKeyConstraint) -> str:
    target = key.referred_table.name
    pairs = [(element.parent.name, element.column.name) for element in key.elements]
    same = " and ".join(f'p."{there}" = c."{here}"' for here, there in pairs)
    given = " and ".join(f'c."{here}" is not null' for here, _there in pairs)
    own = ", ".join(f'c."{column.name}"' for column in table.primary_key.columns)
    return (
        f"select c.reseller_id, '{table.name} ' || concat_ws('/', {own}) as object"  # noqa: S608 (names of our own tables)
        f' from "{table.name}" c where {given}'
        f' and not exists (select from "{target}" p where {same})'
    )


def _orphan_files(metadata: MetaData) -> str:
    """Files that nothing names any more; a file is written just before what names it."""
    named = [
        f'not exists (select from "{table.name}" t where'
        f' t."{element.parent.name}" = f.id and t.reseller_id = f.reseller_id)'
        for table in metadata.sorted_tables
        for key in sorted(table.foreign_key_constraints, key=lambda one: str(one.column_keys))
        if key.referred_table.name == "files"
        for element in key.elements
        if element.column.name == "id"
    ]
    return (
        "select f.reseller_id, 'file ' || f.id || ' (' || f.name || ')' as object from files f"  # noqa: S608 (as above)
        f" where f.created_at < now() - interval '1 day' and {' and '.join(named)}"
    )
