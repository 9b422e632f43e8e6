"""Photos over the API: handed over in every way, refused in words, fetched by a signed address."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from processor.web.openapi import PATH
from tests.web.house import ACME, BIRCH, Api, Clock, Place, make_connection, make_key
from tests.web.paper import Paper

PHOTOS = f"/v1/accounts/{ACME}/photos"


def picture(colour: int = 90) -> bytes:
    """A small picture; another colour is another content."""
    packet = io.BytesIO()
    Image.new("RGB", (64, 48), (colour, 10, 120)).save(packet, "PNG")
    return packet.getvalue()


def form(
    api: Api, data: bytes, name: str = "beach.png", key: str | None = None, **fields: str
) -> httpx.Response:
    """Hand a picture over as a form with a file, as a browser or curl sends it."""
    request = httpx.Request("POST", "http://x", files={"file": (name, data)}, data=fields)
    return api.call("POST", PHOTOS, content=request.read(), headers=dict(request.headers), **_key(key))


def _key(key: str | None) -> dict[str, Any]:
    return {} if key is None else {"key": key}


@pytest.fixture
def connection(api: Api) -> str:
    """A connection of the account's."""
    return make_connection(api.house, audience_id="a", state="in_sync")


def test_a_photo_is_handed_over_in_three_ways(api: Api, connection: str) -> None:
    """As a form, as base64, and again: the same content under one `ref` changes nothing."""
    paper = Paper(api.call("GET", PATH, key="").json())
    made = form(api, picture(), "../Am Strand.jpeg", ref="p-1")
    paper.check("post", "/v1/accounts/{account}/photos", made)
    said = made.json()
    assert (made.status_code, said["name"], said["width"], said["state"]) == (
        201,
        "Am Strand.png",
        64,
        "excluded",
    )
    encoded = base64.b64encode(picture()).decode()
    again = api.call("POST", PHOTOS, json={"data": encoded, "name": "x.png", "ref": "p-1"})
    assert (again.status_code, again.json()["id"], again.json()["version"]) == (200, said["id"], 1)
    new = base64.b64encode(picture(5)).decode()
    newer = api.call("POST", PHOTOS, json={"data": new, "ref": "p-1", "push": True})
    assert (newer.status_code, newer.json()["version"], newer.json()["state"]) == (201, 2, "waiting")


def test_every_answer_is_as_the_document_says(api: Api, connection: str) -> None:
    """One call of each kind."""
    paper = Paper(api.call("GET", PATH, key="").json())
    photo = form(api, picture()).json()["id"]
    of = "/v1/connections/{connection}/photos"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("get", "/v1/photos/{photo}", {}),
        ("post", "/v1/photos/{photo}/push", {}),
        ("get", of, {}),
        ("get", of, {"params": {"state": "waiting", "limit": "1"}}),
        ("get", of, {"params": {"after": "x"}}),
        ("post", f"{of}/push", {}),
        ("get", f"{of}/there", {}),
        ("post", f"{of}/look", {}),
        ("post", f"{of}/pull", {"json": {}}),
        ("post", f"{of}/pull", {"json": {"files": [1]}}),
        ("get", f"{of}/rules", {}),
        ("patch", f"{of}/rules", {"json": {"folder": "Shop", "push_at_once": True, "look_minutes": 30}}),
        ("patch", f"{of}/rules", {"json": {"look_minutes": 0}}),
        ("patch", f"{of}/rules", {"json": {"folder": "a\nb"}}),
        ("get", "/v1/accounts/{account}/changes", {}),
        ("delete", "/v1/photos/{photo}", {}),
        ("delete", "/v1/photos/{photo}", {}),
        ("get", "/v1/accounts/{account}/changes", {}),
    ]
    parts = {"account": ACME, "connection": connection, "photo": photo}
    statuses = []
    for method, path, sent in calls:
        answer = api.call(method.upper(), path.format(**parts), **sent)
        paper.check(method, path, answer)
        statuses.append(answer.status_code)
    assert statuses == [
        200,
        202,
        200,
        200,
        422,
        202,
        200,
        202,
        202,
        404,
        200,
        200,
        200,
        422,
        200,
        204,
        404,
        200,
    ]


def test_what_is_no_picture_is_refused_in_words(api: Api, connection: str) -> None:
    """With the name, the limit and the size; nothing is kept."""
    page = form(api, b"<!doctype html>hello", "innocent.png")
    assert (page.status_code, page.json()["code"]) == (422, "photo_type")
    assert "“innocent.png” is not a kind of file" in page.json()["detail"]
    large = form(api, picture() + b"\0" * (14 * 1024 * 1024))
    assert (large.status_code, large.json()["code"]) == (413, "photo_too_large")
    assert "is 14 MB, and the limit is 10 MB" in large.json()["detail"]
    for body in (
        {},
        {"data": "a", "url": "https://a.example/"},
        {"data": "%%%"},
        {"data": ""},
        [],
        {"ref": 5},
    ):
        assert api.call("POST", PHOTOS, json=body).status_code == 422
    assert form(api, picture(), push="maybe").status_code == 422
    inside = api.call("POST", PHOTOS, json={"url": "https://10.0.0.8/secret.png"})
    assert (inside.status_code, inside.json()["code"]) == (422, "photo_address")
    assert "leads into a private network" in inside.json()["detail"]
    listed = api.call("GET", f"/v1/connections/{connection}/photos").json()
    assert listed == {"photos": [], "cursor": None}
    assert [path for path in api.house.kit.storage.scratch.parent.rglob("*") if path.is_file()] == []


def test_the_connection_is_said_where_there_are_several(api: Api) -> None:
    """And made first where there is none."""
    assert form(api, picture()).status_code == 409
    one = make_connection(api.house, audience_id="a")
    make_connection(api.house, audience_id="b")
    assert form(api, picture()).json()["errors"][0]["field"] == "connection"
    assert form(api, picture(), connection=one).status_code == 201


def test_strangers_find_nothing(api: Api, connection: str) -> None:
    """Another account's key sees no photo of this one."""
    photo = form(api, picture()).json()["id"]
    make_connection(api.house, BIRCH, audience_id="a")
    for method, path in (
        ("GET", f"/v1/photos/{photo}"),
        ("DELETE", f"/v1/photos/{photo}"),
        ("POST", f"/v1/photos/{photo}/push"),
        ("GET", f"/v1/connections/{connection}/photos"),
        ("POST", PHOTOS),
    ):
        assert api.call(method, path, key=api.birch_key).status_code in {404, 415}
    assert form(api, picture(), key=api.birch_key).status_code == 404


def test_a_signed_address_opens_one_version_for_an_hour(api: Api, connection: str, clock: Clock) -> None:
    """Not after that, not changed, and not the next version."""
    said = form(api, picture(), "a.png", ref="p").json()
    path = httpx.URL(said["url"]).path
    found = api.call("GET", path, key="")
    assert (found.content, found.headers["content-type"]) == (picture(), "image/png")
    assert "sandbox" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"
    later = path.replace(path.split("/")[3], "99999999999")
    assert [api.call("GET", wrong, key="").status_code for wrong in (path[:-1] + "g", later)] == [404, 404]
    form(api, picture(7), "a.png", ref="p")
    assert api.call("GET", path, key="").status_code == 404
    newest = httpx.URL(api.call("GET", f"/v1/photos/{said['id']}").json()["url"]).path
    clock.pass_seconds(3660)
    assert api.call("GET", newest, key="").status_code == 404


def test_two_hundred_megabytes_are_not_read(place: Place) -> None:
    """They are refused by their length, with it, over real HTTP."""
    make_connection(place.house)
    key = make_key(place.house, ACME)
    sent = 0

    def endless() -> Any:
        nonlocal sent
        for _ in range(200):
            sent += 1
            yield b"\0" * 1024 * 1024

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=x"}
    with httpx.Client(base_url=place.url, headers=headers) as http:
        try:
            told = http.post(PHOTOS, content=endless(), headers={"Content-Length": str(200 * 1024 * 1024)})
        except httpx.WriteError:
            told = None  # the answer came while we were still sending, and the line was closed
    assert sent < 100
    assert told is None or (told.status_code == 413 and "200 MB" in told.json()["detail"])
