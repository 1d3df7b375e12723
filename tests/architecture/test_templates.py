"""Rules about templates: strict, no inline script or style, partials by one convention."""

import re
from pathlib import Path

from tests.architecture.files import each

ROOT = Path(__file__).resolve().parents[2] / "templates"
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.html"))
    if path.relative_to(ROOT).parts[0] not in ("mail", "invoices")
]


@each(PAGES)
def test_nothing_inline_that_the_content_security_policy_would_refuse(path: Path):
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text), "use a class"
    # a variable of the template may be called `one`
    markup = re.sub(r"{%.*?%}", "", text, flags=re.DOTALL)
    assert not re.search(r"\son[a-z]+\s*=", markup), "use a delegated event in app.js"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "use a file under static/"
    assert "<style" not in text, "use app.css"
    assert "javascript:" not in text


@each(PAGES)
def test_autoescape_is_never_switched_off(path: Path):
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b", text)
    assert "autoescape" not in text


@each(PAGES)
def test_htmx_is_written_without_code_in_attributes(path: Path):
    text = path.read_text()
    assert "hx-on" not in text
    assert not re.search(r"hx-vals\s*=\s*['\"]js:", text)
    for trigger in re.findall(r"hx-trigger\s*=\s*\"([^\"]*)\"", text):
        assert "[" not in trigger, f"a trigger filter needs eval: {trigger}"


@each(PAGES)
def test_every_htmx_request_says_where_its_answer_goes(path: Path):
    for tag in re.findall(r"<[a-z][^>]*\bhx-(?:get|post)=[^>]*>", path.read_text()):
        assert "hx-target" in tag, tag
        assert "hx-swap" in tag, tag


# fragments that are only ever included carry no root id
INCLUDED_ONLY = ("_block", "_fields", "_row", "_letter")
SCREENS = [
    path
    for path in PAGES
    if path.name.startswith("_")
    and not path.name.startswith(INCLUDED_ONLY)
    and "components" not in path.parts
]


@each(SCREENS)
def test_the_root_of_a_partial_carries_the_name_of_its_file(path: Path):
    wanted = path.stem.lstrip("_")
    ids = re.findall(r"\bid=\"([^\"{]+)\"", path.read_text())
    calls = re.findall(r"\bid\s*=\s*['\"]([^'\"]+)['\"]", path.read_text())
    # a macro that draws the root takes its id first: `{% call progress("progress", …) %}`
    calls += re.findall(r"{%\s*call \w+\(\s*['\"]([^'\"]+)['\"]", path.read_text())
    assert wanted in ids or wanted in calls or wanted.replace("_", "-") in [*ids, *calls], (
        f"the root element should have id {wanted!r}"
    )


@each(PAGES)
def test_a_field_that_asks_by_itself_never_swallows_the_click_on_save(path: Path):
    # a form drops what comes while it asks; a field inherits that, and would ask for the form
    for attributes in re.findall(r'{[^{}]*"hx-get"[^{}]*}', path.read_text()):
        assert '"hx-sync"' in attributes, "say closest form:abort, or this:replace"
