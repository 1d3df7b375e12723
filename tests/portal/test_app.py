"""What every answer carries: headers, ids, refusals and words for failures."""

import json
import re
import shutil

import pytest

from portal import assets
from portal.headers import allow_form_action
from tests.portal.gallery import gallery_app, standing_gallery

HTMX = {"HX-Request": "true"}


@pytest.fixture
def http():
    return standing_gallery().test_client()


def token_of(http) -> str:
    page = http.get("/gallery/clients").text
    return re.search(r'name="csrf-token" content="([^"]+)"', page)[1]


class TestHeaders:
    def test_the_policy_lets_in_nothing_but_our_own_files(self, http):
        assert http.get("/gallery/clients").headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    def test_only_a_pay_page_may_lead_its_form_to_the_gateway(self, http):
        allowed = http.get("/gallery/pay").headers["Content-Security-Policy"]
        assert "form-action 'self' https://accept.example;" in allowed
        assert "accept.example" not in http.get("/gallery/door").headers["Content-Security-Policy"]

    @pytest.mark.parametrize("address", ["*", "javascript:x", "//x", "https://a b/", "https:"])
    def test_a_form_cannot_be_let_out_to_just_anything(self, address):
        gallery = standing_gallery()
        with gallery.test_request_context(), pytest.raises(ValueError, match="absolute"):
            allow_form_action(address)

    @pytest.mark.parametrize("path", ["/gallery/clients", "/nowhere", "/gallery/fail/bug"])
    def test_no_page_stays_in_a_cache_and_no_fragment_is_given_for_a_page(self, http, path):
        response = http.get(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert "HX-Request" in response.headers["Vary"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"

    def test_a_static_file_is_kept_for_good_under_the_address_that_names_its_content(self, http):
        page = http.get("/gallery/door").text
        for file in ("/static/vendor/bootstrap.min.css", "/assets/portal.css"):
            address = re.search(rf'href="({re.escape(file)}\?v=[^"]*)"', page)
            named, plain = (
                http.get(path, buffered=True).headers["Cache-Control"]
                for path in (address[1], file)
            )
            assert "immutable" in named
            assert "immutable" not in plain

    def test_all_sheets_come_as_one_in_their_order(self, http):
        files = {path.stem: path for path in (assets.STATIC / "css").iterdir()}
        assert set(files) == set(assets.SHEETS), "a sheet that no page wears"
        answer = http.get("/assets/portal.css")
        assert answer.content_type == "text/css; charset=utf-8"
        places = [answer.text.index(files[name].read_text()) for name in assets.SHEETS]
        assert places == sorted(places)

    def test_a_changed_sheet_has_another_address(self, http, monkeypatch, tmp_path):
        shutil.copytree(assets.STATIC / "css", tmp_path / "css")
        monkeypatch.setattr(assets, "STATIC", tmp_path)
        with gallery_app().test_request_context():
            before = assets.style_url()
            assert assets.style_url() == before
            (tmp_path / "css" / "base.css").write_text("body { color: red }")
            assert assets.style_url() != before

    def test_only_production_forbids_plain_http(self, http):
        production = gallery_app(environment="production", base_url="https://pay.example")
        name = "Strict-Transport-Security"
        assert "max-age=31536000" in production.test_client().get("/gallery/door").headers[name]
        assert name not in http.get("/gallery/door").headers

    def test_behind_tls_the_form_cookie_is_bound_to_the_host(self):
        app = gallery_app(environment="production", base_url="https://pay.example")
        cookie = app.test_client().get("/gallery/door", base_url="https://pay.example").headers
        assert re.match(
            r"__Host-form=.*Secure; HttpOnly; Path=/; SameSite=Lax", cookie["Set-Cookie"]
        )


class TestRequestId:
    def test_each_request_has_its_own(self, http):
        first, second = (http.get("/gallery/door").headers["X-Request-ID"] for _ in range(2))
        assert first != second

    def test_a_sane_one_is_taken_over(self, http):
        response = http.get("/nowhere", headers={"X-Request-ID": "edge-1234.5678"})
        assert response.headers["X-Request-ID"] == "edge-1234.5678"
        assert "edge-1234.5678" in response.text

    @pytest.mark.parametrize(
        "offered", ["short", "x" * 65, "<script>alert(1)</script>", "a b c d e"]
    )
    def test_anything_else_is_replaced(self, http, offered):
        response = http.get("/nowhere", headers={"X-Request-ID": offered})
        assert response.headers["X-Request-ID"] != offered
        assert offered not in response.text


class TestWrites:
    def write(self, http, headers=(), token=None, path="/gallery/write"):
        sent = {"X-CSRFToken": token_of(http) if token is None else token, **dict(headers)}
        return http.post(path, headers=sent).status_code

    def test_our_own_page_may_write(self, http):
        assert self.write(http, {"Sec-Fetch-Site": "same-origin"}) == 200

    def test_the_token_may_come_as_a_field(self, http):
        assert http.post("/gallery/write", data={"csrf_token": token_of(http)}).status_code == 200

    def test_without_a_token_is_refused(self, http):
        assert http.post("/gallery/write").status_code == 400

    def test_a_token_of_another_session_is_refused(self, http):
        assert self.write(http, token=token_of(gallery_app().test_client())) == 400

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    def test_any_other_site_is_refused_even_with_a_token(self, http, site):
        assert self.write(http, {"Sec-Fetch-Site": site}) == 403

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("http://localhost", 200),
            ("http://evil.example", 403),
            ("http://localhost.evil.example", 403),
            ("http://localhost:81", 403),
            ("null", 403),
        ],
    )
    def test_an_older_browser_is_judged_by_its_origin(self, http, origin, status):
        assert self.write(http, {"Origin": origin}) == status

    def test_in_production_a_plain_http_origin_is_refused(self):
        http = gallery_app(environment="production", base_url="https://localhost").test_client()
        headers = {"Origin": "http://localhost"}
        assert (
            http.post("/gallery/write", headers=headers, base_url="https://localhost").status_code
            == 403
        )

    def test_reading_asks_for_nothing(self, http):
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert http.get("/gallery/door", headers=headers).status_code == 200


class TestErrors:
    CASES = [
        ("input", 422, "The amount is too large."),
        ("missing", 404, "There is nothing at this address."),
        ("refused", 403, "Only an owner may do this."),
        ("conflict", 409, "Dana Weber saved this client a minute ago."),
        ("limit", 402, "The daily cap of 500.00 EUR is reached."),
        ("throttled", 429, "Please wait 30 seconds."),
        ("temporary", 503, "The payment gateway does not answer."),
        ("401", 401, "You are not signed in"),
        ("405", 405, "does not take that kind"),
        ("413", 413, "larger than we take"),
        ("418", 418, "Something in it cannot be taken"),
        ("bug", 500, "Something went wrong on our side"),
    ]

    @pytest.mark.parametrize(("kind", "status", "text"), CASES)
    @pytest.mark.parametrize("area", ["public", "office", "platform", "panel"])
    def test_a_person_gets_a_page_in_the_layout_of_the_area(self, http, kind, status, text, area):
        response = http.get(f"/gallery/fail/{kind}?area={area}")
        assert response.status_code == status
        assert text in response.text
        assert f'class="area-{area}"' in response.text
        assert response.headers["X-Request-ID"] in response.text

    @pytest.mark.parametrize(("kind", "status", "text"), CASES)
    def test_htmx_gets_words_and_leaves_the_page_as_it_is(self, http, kind, status, text):
        response = http.get(f"/gallery/fail/{kind}", headers=HTMX)
        assert response.status_code == status
        assert "<html" not in response.text
        if status == 401:
            assert response.headers["HX-Redirect"] == "/login"
            return
        assert response.headers["HX-Reswap"] == "none"
        if status >= 500:
            assert response.mimetype == "text/plain"
            assert text in response.text
        else:
            said = json.loads(response.headers["HX-Trigger"])["toast"]
            assert said["level"] == "error"
            assert text in said["text"]

    def test_what_belongs_to_another_tenant_reads_like_what_does_not_exist(self, http):
        def body(path):
            page = http.get(path, headers={"X-Request-ID": "same-for-both"}).text
            return re.sub(r'name="csrf-token" content="[^"]+"', "", page)

        assert body("/gallery/fail/missing") == body("/nowhere")

    def test_a_bug_tells_nothing_of_the_inside(self, http):
        for headers in ({}, HTMX):
            text = http.get("/gallery/fail/bug", headers=headers).text
            assert "secret" not in text
            assert "Traceback" not in text

    def test_too_many_attempts_say_how_long_to_wait(self, http):
        assert http.get("/gallery/fail/throttled").headers["Retry-After"] == "30"

    def test_a_wrong_method_says_which_are_right(self, http):
        assert (
            "GET"
            in http.put("/gallery/clients", headers={"X-CSRFToken": token_of(http)}).headers[
                "Allow"
            ]
        )

    def test_a_client_without_a_session_is_sent_to_the_panels_own_sign_in(self, http):
        app = gallery_app()
        app.add_url_rule("/clients/x", "x", lambda: app.aborter(401))
        response = app.test_client().get("/clients/x", headers=HTMX)
        assert response.headers["HX-Redirect"] == "/clients/login"

    def test_an_error_page_that_fails_itself_still_says_something(self):
        app = gallery_app()
        app.jinja_env.globals["page_language"] = None
        response = app.test_client().get("/nowhere")
        assert response.status_code == 404
        assert response.headers["X-Request-ID"] in response.text
        assert response.mimetype == "text/plain"


class TestPageOrPartial:
    def test_a_browser_gets_the_page(self, http):
        assert "<html" in http.get("/gallery/clients").text

    def test_htmx_gets_the_very_partial_that_the_page_includes(self, http):
        page, partial = (http.get("/gallery/clients", headers=h).text for h in ({}, HTMX))
        assert partial.strip().startswith('<div id="table" class="list">')
        assert partial.strip() in page

    @pytest.mark.parametrize("header", ["HX-History-Restore-Request", "HX-Boosted"])
    def test_a_restored_or_boosted_page_is_whole(self, http, header):
        assert "<html" in http.get("/gallery/clients", headers={**HTMX, header: "true"}).text

    def test_an_invalid_form_is_422_and_the_same_partial(self, http):
        headers = {**HTMX, "X-CSRFToken": token_of(http)}
        response = http.post("/gallery/clients/edit", data={"name": ""}, headers=headers)
        assert response.status_code == 422
        assert response.text.strip().startswith('<form id="form"')
        assert "HX-Trigger" not in response.headers

    def test_events_reach_the_browser_in_plain_ascii(self, http):
        response = http.get("/gallery/clients/edit", headers=HTMX)
        assert json.loads(response.headers["HX-Trigger"]) == {"dialog:open": {}}
