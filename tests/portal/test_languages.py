"""The second language: every text is there, and a person reads the portal in its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from portal.locales import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [code for code in LANGUAGES if code != "en"]
_PLACE = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def catalog(code: str) -> Catalog:
    with (ROOT / "translations" / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file)


def source() -> dict[object, Message]:
    with (ROOT / "translations" / "messages.pot").open("rb") as file:
        return {message.id: message for message in read_po(file) if message.id}


def forms(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload]


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """`make` compiles the catalogs; a test that is run alone has them too."""
    for code in TRANSLATED:
        folder = ROOT / "translations" / code / "LC_MESSAGES"
        subprocess.run(
            [
                sys.executable, "-m", "babel.messages.frontend", "--quiet", "compile",
                f"--input-file={folder / 'messages.po'}", f"--output-file={folder / 'messages.mo'}",
            ],
            check=True,
        )  # fmt: skip


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_takes_the_values_of_its_text_and_no_others(code: str):
    for message in catalog(code):
        if not message.id:
            continue
        known = {name for text in forms(message.id) for name in _PLACE.findall(text)}
        for text in forms(message.string):
            assert set(_PLACE.findall(text)) <= known, text
        # the last form is the one for many, or the only one: it may leave nothing out
        assert set(_PLACE.findall(forms(message.string)[-1])) == set(
            _PLACE.findall(forms(message.id)[-1])
        ), message.id


def test_a_stranger_reads_the_door_in_the_language_of_its_browser(anonymous):
    assert "Anmelden" in anonymous.get("/login", headers={"Accept-Language": "de-AT,en;q=0.5"}).text
    assert "Sign in" in anonymous.get("/login", headers={"Accept-Language": "fr"}).text


@pytest.mark.parametrize("path", ["/account", "/clients/account"])
def test_a_person_chooses_the_language_of_its_pages(as_owner, as_client, path: str):
    person = as_client if path.startswith("/clients") else as_owner
    answer = person.post(f"{path}/language", data={"locale": "de"})
    assert answer.location == path
    page = person.get(path).text
    assert '<html lang="de"' in page
    assert "Passwort ändern" in page
    assert person.post(f"{path}/language", data={"locale": "xx"}).status_code == 422


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_none_is_left_over(code: str):
    translated = {
        message.id for message in catalog(code) if message.id and all(forms(message.string))
    }
    wanted = set(source())
    assert wanted - translated == set()
    assert translated - wanted == set()
