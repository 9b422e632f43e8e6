"""The core can be asked at any time, as often as one likes: it knows no network, no clock and no luck."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import processor.domain

FILES = sorted(Path(processor.domain.__file__).parent.glob("*.py"))
OUTSIDE = {
    "asyncio",
    "http",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "ssl",
    "subprocess",
}
OUTSIDE |= {"threading", "time", "urllib", "uuid"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_core_is_pure(file: Path) -> None:
    """Standard library without its doors to the world, pydantic's types, and the core itself."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            root = name.split(".")[0]
            assert root not in OUTSIDE, name
            assert root in sys.stdlib_module_names or root in {"pydantic", "processor"}, name
            if root == "processor":
                assert name.startswith("processor.domain") or name == "processor.errors", name
        assert not (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}), "a clock"
