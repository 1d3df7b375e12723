"""The matrix knows every address, every parameter and every name that could be an object's id."""

import ast
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.tenancy import forms, objects
from tests.tenancy.actors import NAMES
from tests.tenancy.conftest import Stage
from tests.tenancy.routes import find_endpoint, list_converters, list_rows

PORTAL = Path(__file__).resolve().parents[2] / "portal"
_READERS = {"args", "form", "values"}


def _names_asked_for() -> dict[str, str]:
    """Names that the portal reads from a query or a form by itself, and where."""
    found = {}
    for path in sorted(PORTAL.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = _name_read(node)
            if name is not None:
                found[name] = f"{path.relative_to(PORTAL.parent)}:{node.lineno}"  # type: ignore[attr-defined]
    return found


def _name_read(node: ast.AST) -> str | None:
    """`x` of request.args.get("x"), request.form["x"] and the like."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr not in {"get", "getlist"}:
            return None
        source, key = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        source, key = node.value, node.slice
    else:
        return None
    is_request = isinstance(source, ast.Attribute) and source.attr in _READERS
    if is_request and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    return None


def test_every_parameter_of_an_address_is_known():
    unknown = {
        f"<{name}> of {endpoint}"
        for endpoint, name, _ in list_converters()
        if name not in objects.PLAIN_PARAMETERS
        and (endpoint, name) not in objects.PARAMETERS_OF_ENDPOINT
        and name not in objects.PARAMETERS
    }
    assert not unknown, (
        "say in tests/tenancy/objects.py which object each names (PARAMETERS), or why it names"
        f" none (PLAIN_PARAMETERS): {sorted(unknown)}"
    )


def test_every_value_fits_its_route(stage: Stage):
    owner = stage.world.acme.first
    for row in list_rows():
        values = row.values(owner)
        assert find_endpoint(urlsplit(row.url(values)).path, row.method) == row.endpoint
        for endpoint, name, converter in list_converters():
            if endpoint == row.endpoint:
                assert objects.fits(converter, values[name]), (str(row), name, values[name])  # type: ignore[arg-type]


def test_no_parameter_is_listed_that_no_address_has():
    used = {name for _, name, _ in list_converters()}
    assert not (set(objects.PARAMETERS) | set(objects.PLAIN_PARAMETERS)) - used, "stale list"
    pairs = {(endpoint, name) for endpoint, name, _ in list_converters()}
    assert not set(objects.PARAMETERS_OF_ENDPOINT) - pairs, "stale list"
    endpoints = {row.endpoint for row in list_rows() if row.method == "GET"}
    assert not (set(objects.QUERIES) | set(objects.PLAIN_QUERIES)) - endpoints, "stale list"
    assert all(reason for _, reason in objects.PLAIN_PARAMETERS.values()), "give a reason"


@pytest.mark.parametrize("name", sorted(_names_asked_for()))
def test_every_name_in_a_query_or_form_is_known(name: str):
    known = set(objects.FIELDS) | objects.PLAIN_FIELDS | set(objects.MADE_BY_FORM)
    assert name in known, (
        f"{_names_asked_for()[name]} reads {name!r}: say in tests/tenancy/objects.py which object"
        " it names (FIELDS), that a form makes it (MADE_BY_FORM), or that it names none"
        " (PLAIN_FIELDS)"
    )


def test_every_field_of_a_shown_form_is_known(stage: Stage, office_forms, panel_forms):
    known = set(objects.FIELDS) | set(objects.MADE_BY_FORM)
    ids = {
        value: kind
        for tenant in (stage.world.acme,)
        for owner in tenant.owners
        for kind, value in owner.ids.items()
        if len(value) > 3  # small numbers are also days, amounts and counts
    }
    for form in (*office_forms, *panel_forms):
        for name, values in form.fields.items():
            named = [ids[value] for value in (*values, *form.choices.get(name, ())) if value in ids]
            if named:
                assert name in known, (
                    f"{form.method} {form.path}: {name} carries the id of a {named[0]}: add it to"
                    " FIELDS of tests/tenancy/objects.py"
                )


def test_no_form_is_listed_that_is_shown_or_gone(stage: Stage, office_forms, panel_forms):
    rows = {str(row): row for row in list_rows()}
    for name, (_, reason) in forms.UNSHOWN.items():
        assert reason, f"{name}: give a reason"
        assert name in rows, f"stale: there is no {name}"
        shown = forms.forms_for(rows[name], [*office_forms, *panel_forms])
        assert not shown, f"stale: {shown[0].page} shows a form for {name}"


def test_the_cast_is_complete(stage: Stage):
    assert tuple(stage.actors) == NAMES
    areas = {row.access.area for row in list_rows()}
    assert areas <= {"office", "platform", "panel", "staff", "acting", "public"}
