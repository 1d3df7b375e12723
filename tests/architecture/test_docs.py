"""The documents name only what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _prose(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_link_leads_somewhere(document: Path):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", _prose(document))
    own = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in own if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_file_that_is_named_exists(document: Path):
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", _prose(document))
    own = [name for name in named if name.split("/")[0] in TOPS - {"var"}]
    assert [name for name in own if not (ROOT / name).exists()] == []


def test_the_index_of_decisions_lists_each_once():
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == files
    numbers = [int(name[:4]) for name in files]
    assert len(set(numbers)) == len(numbers), "two decisions have one number"


def test_every_target_of_make_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z]+)", document.read_text()))
        assert named <= targets, _name(document)


def test_the_runbook_says_what_to_do_for_every_event():
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    files = [
        path
        for folder in ("billing", "mail", "payments", "tenants", "portal/webhooks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    codes = {code for path in files for code in re.findall(r"\bcode=\"(\w+)\"", path.read_text())}
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in runbook} == set()


def test_the_runbook_names_only_figures_that_there_are():
    named = set(re.findall(r"`(portal_\w+)", (ROOT / "docs" / "runbook.md").read_text()))
    source = "".join((ROOT / name).read_text() for name in ("core/metrics.py", "portal/health.py"))
    known = set(re.findall(r"\"(portal_\w+)\"", source))
    roles = {"portal_owner", "portal_office", "portal_panel", "portal_platform", "portal_ledger"}
    assert {name.removesuffix("_total") for name in named - roles} <= known
