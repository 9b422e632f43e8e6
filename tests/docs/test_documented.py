"""What a reader of the documentation may rely on."""

from __future__ import annotations

import re
from pathlib import Path

import click

from docs.failures import page
from processor.cli import main
from processor.config import Settings
from processor.domain.catalogue import ENTRIES
from processor.errors import BothwaysError

ROOT = Path(__file__).parents[2]


def test_every_setting_is_in_the_example() -> None:
    """`.env.example` lists each setting that is read, and no other."""
    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields}


def test_the_examples_defaults_are_the_settings() -> None:
    """What `.env.example` shows is what holds when nothing is set."""
    for name, value in re.findall(r"^([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE):
        default = Settings.model_fields[name.lower()].default
        assert str(default).lower() in {value.lower(), f"{value}.0".lower()}, name


def test_the_page_of_failures_is_the_catalogue() -> None:
    """docs/failures.md is what `make docs` writes."""
    assert (ROOT / "docs" / "failures.md").read_text() == page()


def _leaves(kind: type[BothwaysError]) -> list[type[BothwaysError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return below or [kind]


def test_every_error_of_ours_has_its_words() -> None:
    """A person who is shown an error of ours is told what happened and what to do."""
    shown = {leaf.code for leaf in _leaves(BothwaysError)}
    assert shown <= ENTRIES.keys()


def test_every_command_explains_itself() -> None:
    """Each command's help has a sentence, worked examples and the exit codes."""
    for name, command in main.commands.items():
        text = command.get_help(click.Context(command, info_name=f"bothways {name}"))
        assert "Examples:" in text, name
        assert "Exit codes:" in text, name
        assert f"bothways {name}" in text, name
