"""Rules about the source itself. Each failure message says what to do."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from tests.architecture.files import each

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ("core", "tenants", "mail", "billing", "payments")
PRODUCT = (*DOMAIN, "portal", "worker")
LONGEST_FILE = 500
# open transactions by design: an import contract says who may use them
ENTRY_POINT_FILES = {"core/engines.py", "core/uow.py", "core/platform_uow.py", "core/schema.py"}
BANNED_FILE_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "service",
    "services",
    "manager",
}


def _files(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _calls(path: Path, names: set[str]) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    ]


@each([p for p in _files(*DOMAIN) if _name(p) not in ENTRY_POINT_FILES])
def test_domain_code_never_commits(path: Path):
    lines = _calls(path, {"commit", "rollback"})
    assert not lines, f"{lines}: the entry point owns the transaction"


@each(_files(*PRODUCT, "sandbox"))
def test_no_file_holds_too_much(path: Path):
    length = len(path.read_text().splitlines())
    assert length <= LONGEST_FILE, f"{length} lines: let it hold one thing"


@each(_files(*PRODUCT, "sandbox"))
def test_file_names_say_what_is_inside(path: Path):
    assert path.stem not in BANNED_FILE_NAMES, "name it after its content"
    assert not re.search(r"_v\d+$", path.stem), "no version in a name"


@each(_files(*PRODUCT))
def test_no_float_touches_money(path: Path):
    floats = [
        node.lineno
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Decimal"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, float)
    ]
    assert not floats, f"{floats}: write the amount as a string"


@each(_files(*PRODUCT))
def test_every_module_says_what_it_is(path: Path):
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(_tree(path)), "begin with one honest sentence"


SCOPE_SETTERS = (
    "core/tenancy.py",
    "portal/access.py",
    "portal/cli.py",  # the command line acts for the operator, tenant by tenant
    "portal/demo/",  # makes several tenants' data through the public functions
    "worker/scope.py",
)


@each([p for p in _files(*PRODUCT) if not _name(p).startswith(SCOPE_SETTERS)])
def test_the_tenant_scope_is_set_by_infrastructure_only(path: Path):
    used = [
        node.lineno
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "tenant_scope"
    ]
    assert not used, f"{used}: the view decorator and the worker's middleware set the scope"


def test_every_screen_stands_in_the_contract_that_keeps_screens_apart():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {one["id"]: one for one in config["tool"]["importlinter"]["contracts"]}
    screens = {
        f"portal.{area}.{path.parent.name}"
        for area in ("office", "panel", "platform")
        for path in (ROOT / "portal" / area).glob("*/__init__.py")
    }
    assert set(contracts["screens-apart"]["modules"]) == screens
