"""`bothways connections portal-link`, for whoever helps a customer."""

from __future__ import annotations

import pytest

from processor import visit
from processor.errors import Invalid
from tests.cli.test_cli import Desk, desk

__all__ = ["desk"]


def test_a_portal_link_is_printed_and_works_once(desk: Desk) -> None:
    """For people a line, for programs with its end; it opens the portal of this account."""
    printed = desk.run("connections", "portal-link", "acme").stdout.strip()
    said = desk.said("connections", "portal-link", "acme")
    assert isinstance(said, dict)
    for url in (printed, said["url"]):
        start, _, token = url.partition("?link=")
        assert start == "http://127.0.0.1:1/portal"
        came = visit.enter(desk.house.kit, token)
        assert visit.visitor(desk.house.kit, came.token) == "acme"
        with pytest.raises(Invalid):
            visit.enter(desk.house.kit, token)
    assert said["expires_at"]
