"""Every macro in every state: strict templates, names for all that can be used, nothing inline."""

import re
from decimal import Decimal

import pytest
from flask import render_template_string

from portal.navigation import menu_for
from portal.viewer import ANONYMOUS, current_viewer
from tests.portal.gallery import office_viewer, standing_gallery

PAGES = [
    "clients", "clients?q=zz", "clients?banner=Acting+for+Dana", "clients/edit",
    "components?flash=1", "panel", "door", "progress", "progress?step=3", "fail/404?area=panel",
]  # fmt: skip


@pytest.fixture
def app():
    return standing_gallery()


@pytest.fixture
def draw(app):
    """Render a line of template with the macros of one component file."""

    def draw(component: str, call: str, **context: object) -> str:
        names = re.findall(
            r"{% macro ([a-z]\w*)\(",
            app.jinja_env.loader.get_source(app.jinja_env, f"components/{component}.html")[0],
        )
        source = f'{{% from "components/{component}.html" import {", ".join(names)} %}}{call}'
        return " ".join(render_template_string(source, **context).split())

    with app.test_request_context("/gallery/clients?q=zz&after=9"):
        yield draw


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_inline_and_every_control_has_a_name(app, page):
    text = app.test_client().get(f"/gallery/{page}").text
    assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[^=]*)=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    buttons = re.findall(r"<(?:button|a)\b([^>]*)>(.*?)</(?:button|a)>", text, re.DOTALL)
    nameless = [
        attributes
        for attributes, inside in buttons
        if "aria-label" not in attributes and not re.sub(r"<[^>]*>|\s", "", inside)
    ]
    assert nameless == []


@pytest.mark.parametrize("page", PAGES)
def test_no_id_is_given_twice(app, page):
    ids = re.findall(r'\sid="([^"]*)"', app.test_client().get(f"/gallery/{page}").text)
    assert sorted(set(ids)) == sorted(ids)


class TestMoney:
    def test_the_title_tells_what_rounding_hides(self, draw):
        text = draw("money", '{{ money(a, "EUR") }}', a=Decimal("1384.204567"))
        assert 'title="1,384.204567 EUR"' in text
        assert ">1,384.20 <span" in text

    def test_a_debt_is_marked(self, draw):
        assert "negative" in draw("money", '{{ money(a, "EUR") }}', a=Decimal(-1))
        assert "negative" not in draw("money", '{{ money(a, "EUR") }}', a=Decimal(0))

    def test_no_limit_is_a_word(self, draw):
        text = draw("money", '{{ money(a, "EUR", unlimited=true) }}', a=Decimal(5))
        assert text == '<span class="money unlimited">unlimited</span>'


class TestTable:
    CALL = (
        '{% call table("t", "Clients", [{"label": "Name", "sort": "name"}, '
        '{"label": "Live", "sort": "live", "end": true}, {"label": "Do", "hidden": true}], '
        'sort=sort, target="table") %}<tr><td>x</td></tr>{% endcall %}'
    )

    def test_the_present_order_is_told_and_turned_around(self, draw):
        up, down = (draw("table", self.CALL, sort=sort) for sort in ("name", "-name"))
        assert 'aria-sort="ascending"' in up
        assert "sort=-name" in up
        assert 'aria-sort="descending"' in down
        assert "sort=name" in down

    def test_another_order_keeps_the_filters_and_leaves_the_place(self, draw):
        text = draw("table", self.CALL, sort="name")
        assert 'href="/gallery/clients?q=zz&amp;sort=live"' in text

    def test_it_can_be_scrolled_with_the_keyboard(self, draw):
        text = draw("table", self.CALL, sort="")
        assert 'role="region" tabindex="0" aria-labelledby="t-caption"' in text
        assert "aria-sort" not in text


class TestPager:
    def test_the_ends_of_a_list_are_not_links(self, draw):
        text = draw("pager", '{{ pager("1–2 of 2") }}')
        assert "<a" not in text
        assert text.count('aria-disabled="true"') == 2

    def test_a_page_in_the_middle_leads_both_ways(self, draw):
        text = draw("pager", '{{ pager("3–4 of 6", "/p", "/n", "table") }}')
        assert 'href="/p" hx-get="/p" hx-target="#table"' in text
        assert 'href="/n"' in text


class TestProgress:
    @pytest.mark.parametrize("state", ["done", "failed", "unknown"])
    def test_it_stops_asking_when_the_work_has_ended(self, draw, state):
        assert "hx-" not in draw("progress", '{{ progress("p", "/p", "Work", s) }}', s=state)

    def test_it_asks_again_while_work_goes_on(self, draw):
        text = draw("progress", '{{ progress("p", "/p", "Work", delay_s=5) }}')
        assert 'hx-trigger="load delay:5s"' in text
        assert '<a class="progress-reload" href="/p">' in text
        assert "<progress" not in text

    def test_a_share_that_is_known_is_shown(self, draw):
        assert 'value="0"' in draw("progress", '{{ progress("p", "/p", "Work", percent=0) }}')


class TestEmptyState:
    def test_no_match_offers_to_clear_the_filters(self, draw):
        text = draw("empty", '{{ empty_state("no_match", "Nothing", clear_href="/c") }}')
        assert 'href="/c"' in text
        assert "Clear filters" in text

    def test_nothing_yet_offers_the_first_step(self, draw):
        call = '{% call empty_state("nothing", "None yet") %}<a href="/new">New</a>{% endcall %}'
        assert "/new" in draw("empty", call)
        assert "Clear filters" not in draw("empty", call)


class TestConfirmButton:
    def test_it_is_a_form_that_works_without_scripts(self, draw):
        call = '{{ confirm_button("/x", "Delete", "Sure?", typed="Acme", hidden={"id": "7"}) }}'
        text = draw("confirm", call)
        assert 'method="post" action="/x"' in text
        assert 'name="csrf_token"' in text
        assert 'name="id" value="7"' in text
        assert 'data-confirm="Sure?"' in text
        assert 'data-confirm-typed="Acme"' in text

    def test_its_words_cannot_break_out(self, draw):
        text = draw("confirm", '{{ confirm_button("/x", "Delete", q) }}', q='"><script>x</script>')
        assert "<script>" not in text


class TestTags:
    def test_those_that_do_not_fit_are_counted_and_named(self, draw):
        text = draw("badge", '{{ tags(["a", "b", "c", "d"], limit=2) }}')
        assert 'title="c, d">+2<' in text

    def test_no_tags_draw_nothing(self, draw):
        assert draw("badge", "{{ tags([]) }}") == ""


class TestForm:
    def test_errors_and_hints_are_tied_to_their_field(self, app):
        text = app.test_client().get("/gallery/components").text
        box = re.search(r'<input[^>]*id="email"[^>]*>', text)[0]
        assert 'aria-invalid="true"' in box
        assert "email-error" in box
        assert 'id="email-error"' in text

    def test_the_summary_links_to_each_field_that_is_wrong(self, app):
        text = app.test_client().get("/gallery/components").text
        assert "3 fields need attention:" in text
        assert '<a href="#email">Main email</a>' in text

    def test_a_block_with_an_error_is_open_and_counts_it(self, app):
        with app.test_request_context():
            call = (
                '{% from "components/block.html" import block %}'
                '{% call block("b", "Block", fields, open=false) %}x{% endcall %}'
            )
            wrong, right = ({"errors": ["no"]}, {"errors": []})
            assert "1 error<" in render_template_string(call, fields=[wrong, right])
            assert " open>" in render_template_string(call, fields=[wrong, right])
            assert " open>" not in render_template_string(call, fields=[right])


class TestNavigation:
    def test_only_screens_that_exist_are_offered(self, app):
        with app.test_request_context():
            shown = {link.label for group in menu_for(office_viewer()) for link in group.links}
        assert shown <= {"Dashboard"}

    def test_only_what_the_viewer_may_open_is_offered(self, app):
        if "office_clients.index" not in app.view_functions:
            app.add_url_rule("/office/clients", "office_clients.index", lambda: "")

        def labels(*permissions):
            viewer = office_viewer(permissions=frozenset(permissions))
            with app.test_request_context():
                return [link.label for group in menu_for(viewer) for link in group.links]

        assert "Clients" in labels("clients:read")
        assert "Clients" not in labels("invoices:read")

    def test_a_stranger_has_no_menu(self, app):
        with app.test_request_context():
            assert current_viewer() is ANONYMOUS
            assert menu_for(ANONYMOUS) == []
