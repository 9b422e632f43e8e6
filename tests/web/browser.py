"""A person with a browser, over real HTTP: opens links, reads pages, sends their forms."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx

from processor import connect, visit
from processor.kit import Kit
from tests.web.house import ACME


class Form:
    """A form of a page: where it goes, its values as they stand, and what its buttons say."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.values: list[tuple[str, str]] = []
        self.buttons: list[str] = []
        self.words = ""


class _Forms(HTMLParser):
    """Reads the forms of a page as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._text: str | None = None
        self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = {name: value if value is not None else "" for name, value in attrs}
        if tag == "form":
            self._form = Form(one.get("action", ""), one.get("method", "get"))
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag == "input" and "name" in one:
            kind = one.get("type", "text")
            if kind not in {"radio", "checkbox"} or "checked" in one:
                self._form.values.append((one["name"], one.get("value", "on")))
        elif tag == "select":
            self._select, self._options = one["name"], []
        elif tag == "option":
            self._options.append((one["value"], "selected" in one))
        elif tag == "textarea":
            self._text = one["name"]
            self._form.values.append((self._text, ""))
        elif tag == "button":
            self._in_button = True
            self._form.buttons.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select" and self._form is not None and self._select is not None:
            chosen = next((v for v, is_chosen in self._options if is_chosen), None)
            first = self._options[0][0] if self._options else ""
            self._form.values.append((self._select, first if chosen is None else chosen))
            self._select = None
        elif tag == "textarea":
            self._text = None
        elif tag == "button":
            self._in_button = False

    def handle_data(self, data: str) -> None:
        if self._form is None:
            return
        self._form.words += data
        if self._in_button:
            self._form.buttons[-1] += data
        if self._text is not None:
            name, text = self._form.values[-1]
            self._form.values[-1] = (name, text + data)


def forms_of(page: httpx.Response) -> list[Form]:
    """Return the page's forms."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def form_with(page: httpx.Response, button: str) -> Form:
    """Return the form that has this button."""
    found = [form for form in forms_of(page) if any(button in words for words in form.buttons)]
    assert found, f"no button “{button}” on: {text_of(page)}"
    return found[0]


def text_of(page: httpx.Response) -> str:
    """What somebody reads on the page."""
    body = page.text[max(0, page.text.find("<body")) :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def title_of(page: httpx.Response) -> str:
    """The page's heading."""
    found = re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
    assert found, page.text[:500]
    return html.unescape(found[1]).strip()


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, kit: Kit, url: str, **options: Any) -> None:
        self.kit = kit
        self.url = url
        self.http = httpx.Client(follow_redirects=False, timeout=30, **options)

    def close(self) -> None:
        """Close the browser."""
        self.http.close()

    def enters(self, account_id: str = ACME) -> Person:
        """Open a fresh link into the portal."""
        answer = self.http.get(visit.make_link(self.kit, account_id).url)
        assert answer.status_code == 303, answer.text
        return self

    def gets(self, path: str, **headers: str) -> httpx.Response:
        """Open an address, and wherever it leads on this host."""
        answer = self.http.get(urljoin(self.url, path), headers=headers)
        for _ in range(5):
            if answer.status_code != 303 or not self._is_ours(answer):
                break
            answer = self.http.get(urljoin(self.url, answer.headers["location"]), headers=headers)
        return answer

    def presses(
        self, page: httpx.Response, button: str, *, follow: bool = True, **changed: Any
    ) -> httpx.Response:
        """Press a button of the page, with some of its form's values changed: None leaves one out."""
        form = form_with(page, button)
        values: dict[str, Any] = {}
        for name, value in form.values:
            values.setdefault(name, []).append(value)
        for name, value in changed.items():
            values[name] = [] if value is None else [value]
        answer = self.http.post(urljoin(str(page.url), form.action), data=values)
        if follow and answer.status_code == 303 and self._is_ours(answer):
            return self.gets(answer.headers["location"])
        return answer

    def connects(self, mailchimp_account: str, account_id: str = ACME) -> httpx.Response:
        """Connect Mailchimp by a link, up to the first page behind it."""
        page = self.gets(connect.make_link(self.kit, account_id))
        return self.gets(self.signs_in(self.presses(page, "Go to Mailchimp"), mailchimp_account))

    def signs_in(self, sent: httpx.Response, mailchimp_account: str, answer: str = "allow") -> str:
        """Allow or deny on Mailchimp's page; return where it sends the browser."""
        assert sent.status_code == 303, text_of(sent)
        form = {"answer": answer, "account": mailchimp_account}
        return str(self.http.post(sent.headers["location"], data=form).headers["location"])

    def _is_ours(self, answer: httpx.Response) -> bool:
        return urljoin(self.url, answer.headers["location"]).startswith(self.url)
