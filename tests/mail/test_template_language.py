"""A reseller's own mail text reaches nothing, grows by nothing, and says what is wrong with it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from mail import letters
from mail.letter_catalogue import get_letter, list_letters
from mail.template_html import check_html
from mail.template_language import MAX_NODES, TemplateProblem, check_source, render_source
from mail.template_source import TemplateSource, unfold_letter
from mail.templates import check_template, fill_in

VALUES = {
    "name": "Zoë <b>",
    "amount": Decimal("1234.5"),
    "currency": "EUR",
    "due_on": date(2026, 11, 3),
    "at": datetime(2026, 11, 3, 9, 30, tzinfo=UTC),
    "events": [{"text": "one"}, {"text": "two"}],
}


def say(source: str, field: str = "body_text", locale: str = "en") -> str:
    return render_source(source, field, VALUES, locale)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Hello {{ name }}", "Hello Zoë <b>"),
        ("{{ amount|money(currency) }}", "1,234.50 EUR"),
        ("{{ due_on|day }}", "November 3, 2026"),
        ("{{ name|upper }}", "ZOË <B>"),
        ("{% if amount > 100 and not name == 'x' %}much{% else %}little{% endif %}", "much"),
        ("{% for event in events %}{{ loop.index }} {{ event.text }};{% endfor %}", "1 one;2 two;"),
        ("{{ 'a' if amount > 1 else 'b' }}", "a"),
    ],
)
def test_variables_filters_conditions_and_one_loop_work(source: str, said: str):
    assert say(source) == said


def test_markup_in_a_value_stays_text_in_the_html():
    assert say("<p>{{ name }}</p>", "body_html") == "<p>Zoë &lt;b&gt;</p>"


ESCAPES = [
    "{{ name.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ events.append('x') }}",
    "{{ events[0].text }}",
    "{{ name.format(name) }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ range(10) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ config }}",
    "{{ joiner() }}",
    "{{ namespace(a=1) }}",
    "{% set x = 1 %}",
    "{% macro m() %}{% endmacro %}",
    "{% include 'base.html' %}",
    "{% import 'base.html' as x %}",
    "{% extends 'base.html' %}",
    "{% block x %}{% endblock %}",
    "{% call name() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% for event in events %}{{ event.__class__ }}{% endfor %}",
    "{% for event in events %}{{ event['text'] }}{% endfor %}",
    "{% for event in events %}{{ loop.changed }}{{ loop._recurse }}{% endfor %}",
    "{% for name in events %}{% endfor %}",
    "{% for a, b in events %}{% endfor %}",
    "{% for e in events recursive %}{{ loop(e) }}{% endfor %}",
    "{% for e in events if e.text %}{% endfor %}",
    "{{ name|safe }}",
    "{{ name|replace('a', 'b') }}",
    "{{ name|map('upper') }}",
    "{{ name|pprint }}",
    "{{ name ~ name }}",
    "{{ 10 ** 9 }}",
    "{{ name * 1000 }}",
    "{{ '%0999999d' % 1 }}",
    "{{ [1, 2] }}",
    "{{ {'a': 1} }}",
    "{{ name is defined }}",
    "{{ 'a' in name }}",
    "{{ amount|money(currency=currency) }}",
    "{{ amount|money(*events) }}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% do name %}",
    "{% trans %}x{% endtrans %}",
    "{{ _('x') }}",
]


@pytest.mark.parametrize("field", ["subject", "body_text", "body_html"])
@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_leads_out_of_the_text(source: str, field: str):
    with pytest.raises(TemplateProblem):
        check_source(source, field, VALUES)
    with pytest.raises(TemplateProblem):
        render_source(source, field, VALUES, "en")


def test_behind_the_list_stands_a_sandbox_that_follows_nothing(monkeypatch):
    """As if the list had a hole: the environment itself still gives nothing away."""
    monkeypatch.setattr("mail.template_language.check_source", lambda *_: None)
    for source in ("{{ name.__class__ }}", "{{ events.append('x') }}", "{{ name.upper() }}"):
        with pytest.raises(TemplateProblem):
            render_source(source, "body_text", VALUES, "en")


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in events %}{% for b in events %}x{% endfor %}{% endfor %}",
        "{{1}}" * (MAX_NODES + 1),
        "x" * 20_001,
        "{% if " + "(" * 5000 + "name" + ")" * 5000 + " %}{% endif %}",
        "{% if " + "not " * 20_000 + "name %}{% endif %}",
        "{% if name %}" * 1400 + "{% endif %}" * 1400,
        "a\x00b",
    ],
)
def test_what_could_take_long_is_not_taken(source: str):
    with pytest.raises(TemplateProblem):
        check_source(source, "body_text", VALUES)


def test_more_blocks_inside_each_other_than_python_takes_are_refused():
    with pytest.raises(TemplateProblem, match="nested too deeply"):
        say("{% if name %}" * 120 + "{% endif %}" * 120)


def test_a_stored_text_that_no_rule_would_take_today_is_not_sent():
    bad = TemplateSource("s", "t", "<script>alert(1)</script>")
    with pytest.raises(TemplateProblem, match="script"):
        fill_in(bad, {"name": "x"}, "en")


def test_a_huge_output_is_cut_off():
    values = {**VALUES, "events": [{"text": "x" * 10_000}] * 200}
    with pytest.raises(TemplateProblem, match="too long"):
        render_source("{% for e in events %}{{ e.text }}{% endfor %}", "body_text", values, "en")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Hi\n{{ nmae }}", "Line 2: there is no variable “nmae”. Is “name” meant?"),
        ("{{ quux_zzz }}", "there is no variable “quux_zzz”"),
        ("{{ name", "cannot be read"),
        ("{% if name %}", "cannot be read"),
        ("{{ name|mony }}", "cannot be read|no filter"),
        ("{{ name|money('EUR') }}", "does not fit"),
        ("{{ amount|money('nothing') }}", "does not fit"),
        ("{% if name > 5 %}{% endif %}", "does not fit"),
        ("{% for e in amount %}{% endfor %}", "does not fit|filled in"),
        ("{% for e in events %}{{ e.nothing }}{% endfor %}", "filled in"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(source: str, words: str):
    with pytest.raises(TemplateProblem, match=words):
        say(source)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<scr{% if name %}{% endif %}ipt>alert(1)</script>",
        "<p onclick='x'>",
        "<p {% if name %}onclick=x{% endif %}>",
        "<p style='x'>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='java{{ name }}script:x'>x</a>",
        "<a href='{{ name }}'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<img src=x onerror=y>",
        "<iframe src=x></iframe>",
        "<form action=x></form>",
        "<{{ name }}>",
        "<p {{ name }}=x>",
        "<!doctype html><html></html>",
        "<style>p {}</style>",
        "<svg><a href='http://x'></a></svg>",
        "<p hx-get='/x'>",
        "<?php ?>",
        "<p title='never closed",
        "<p title={{ name }}>",
        "<b{{ name }}>",
        "<!-- never closed",
        "<a href=",
        "text < {{ name }} <p",
        "{{ '{%' }}<script>alert(1)</script>{{ '%}' }}",
        "{{ '{#' }}<img src=x onerror=y>{{ '#}' }}",
        "<a href=\"{{ 'javascript:alert(1)//_url' }}\">x</a>",
        "<a href='{{ name if 1 else reset_url }}'>x</a>",
        '<a title="{% if 1 %}"{% else %} class="{% endif %} onclick=alert(1) ">x</a>',
        "{% if name %}<p title='{% endif %}x",
    ],
)
def test_html_that_acts_is_refused(source: str):
    with pytest.raises(TemplateProblem):
        check_html(source)


def test_html_that_mail_programs_show_is_taken():
    check_html(
        "<h1>Hi {{ name }}</h1>{% if a < b and c > d %}<p class='quiet'>"
        "<a href='{{ reset_url }}' class='button'>x</a> <a href='https://x.example/?a={{ name }}'>"
        "y</a> <a href='mailto:a@b.example'>z</a></p>{% endif %}<table><tr><td width='5'>1</td>"
        "</tr></table><br>1 < 2"
    )


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("letter", [one.name for one in list_letters()])
class TestOwnLetters:
    def test_every_letter_can_be_unfolded_and_says_the_very_same(self, letter: str, locale: str):
        values = get_letter(letter).examples()
        for change in ({}, {"is_partial": True, "card": "", "panel_url": ""}, {"minutes": 1}):
            given = {**values, **{name: v for name, v in change.items() if name in values}}
            standard = letters.render(letter, locale, **given)
            unfolded = fill_in(unfold_letter(letter, locale), given, locale)
            assert unfolded.subject == standard.subject
            assert unfolded.text == standard.text
            assert _body(unfolded.html) == _body(standard.html)

    def test_what_it_unfolds_to_can_be_saved(self, letter: str, locale: str):
        check_template(letter, unfold_letter(letter, locale), locale)

    def test_every_variable_has_a_meaning(self, letter: str, locale: str):
        kind = get_letter(letter)
        assert kind.when, f"say in mail/letter_catalogue.py when {letter} is sent"
        unexplained = [one.name for one in kind.variables if not one.meaning]
        assert not unexplained, "say in mail/letter_catalogue.py what they mean"


def _body(html: str) -> str:
    return "\n".join(line for line in html.partition("<body>")[2].splitlines() if line.strip())
