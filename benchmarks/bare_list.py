"""The reference of the Clients list: the same rows from a page that does nothing else.

One Flask view, one psycopg connection a process, the office role under row-level security, one
query, one template of 50 rows and 12 columns. No sign-in, layout, translation or formatting.
"""

import os

import psycopg
from flask import Flask, request
from jinja2 import Environment

ROWS = 50
_TEMPLATE = Environment(autoescape=True).from_string(
    "<!doctype html><title>Clients</title><table>{% for row in rows %}<tr>"
    "{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>"
)
_QUERY = """
    select c.id, c.name, b.live + b.credit, b.live, b.fixed, b.currency, b.postpaid, c.status,
           p.name, r.name, c.timezone, c.created_at
      from clients c
      join client_balances b on b.reseller_id = c.reseller_id and b.client_id = c.id
      join resellers r on r.id = c.reseller_id
      left join client_billing g on g.reseller_id = c.reseller_id and g.client_id = c.id
      left join payment_terms p on p.reseller_id = g.reseller_id and p.id = g.payment_terms_id
     where c.reseller_id = %(reseller)s and c.status = 'active' and c.name_key > %(after)s
     order by c.name_key, c.id limit 50
"""

app = Flask(__name__)
_connections: list[psycopg.Connection[tuple[object, ...]]] = []


def _connection() -> psycopg.Connection[tuple[object, ...]]:
    if not _connections:
        url = os.environ["DATABASE_URL_OFFICE"].replace("+psycopg", "")
        _connections.append(psycopg.connect(url))
    return _connections[0]


@app.get("/clients")
def clients() -> str:
    reseller = os.environ["BENCH_RESELLER"]
    with _connection().transaction():
        _connection().execute("select set_config('app.reseller_ids', %s, true)", (reseller,))
        rows = _connection().execute(
            _QUERY, {"reseller": int(reseller), "after": request.args.get("after", "")}
        )
        return _TEMPLATE.render(rows=rows.fetchall())
