"""What the commands share: exit codes, a house to work in, and two ways of printing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

import click

from processor import bootstrap, config, log
from processor.bootstrap import House
from processor.errors import (
    BothwaysError,
    ConfigError,
    Invalid,
    MailchimpError,
    NotFound,
    StorageDown,
    StoreDown,
)
from processor.store import migrate


class Exit(IntEnum):
    """How a command ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5


EXIT_CODES = """\b
Exit codes:
  0  done
  1  failed: the message says why and what to do
  2  usage: the command was not understood
  3  settings: something in the environment is missing or wrong
  4  not found: no such id
  5  unavailable: the database or Mailchimp does not answer; try again
"""


def epilog(examples: str) -> str:
    """Return the end of a command's help: worked examples, then the exit codes."""
    return (
        "\b\nExamples:\n"
        + "\n".join(f"  {line}" for line in examples.strip().splitlines())
        + "\n\n"
        + EXIT_CODES
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@contextmanager
def working_house(role: config.Role = config.Role.TOOL, *, needs_tables: bool = True) -> Iterator[House]:
    """Yield a house built from the environment; end the process with a named exit code on failure."""
    with told():
        if needs_tables:
            _look_for_an_installation()
        settings = load_settings(role)
        log.set_up("WARNING", as_json=False)
        if needs_tables and migrate.pending(settings.database):
            fail(Exit.SETTINGS, "The database's tables are not up to date.", "  - Run: bothways migrate")
        house = bootstrap.build(settings)
        try:
            yield house
        finally:
            house.close()


def load_settings(role: config.Role, **overrides: object) -> config.Settings:
    """Return the settings. The tools of an embedded installation use its own key, like `up` does."""
    if role is config.Role.TOOL and not os.environ.get("DATABASE_URL"):
        role = config.Role.EMBEDDED
    return config.load(role, **overrides)


def _look_for_an_installation() -> None:
    """Say where one may have meant to look, instead of making a new one to look into."""
    data_dir = Path(os.environ.get("DATA_DIR") or "data")
    if os.environ.get("DATABASE_URL") or (data_dir / "bothways.sqlite3").exists():
        return
    fail(
        Exit.SETTINGS,
        f"There is no installation in {data_dir} yet.",
        "  - To make one, run: bothways up",
        "  - For the demo's, put DATA_DIR=data/demo in front of the command.",
    )


@contextmanager
def told() -> Iterator[None]:
    """Say what went wrong in a sentence, and end with the exit code that names it."""
    try:
        yield
    except ConfigError as error:
        fail(Exit.SETTINGS, "The settings cannot work:", *(f"  - {p}" for p in error.problems))
    except NotFound as error:
        fail(Exit.NOT_FOUND, str(error))
    except StoreDown:
        fail(Exit.UNAVAILABLE, "The database does not answer. Check DATABASE_URL, and that it runs.")
    except Invalid as error:
        fail(Exit.FAILED, str(error))
    except StorageDown:
        fail(Exit.UNAVAILABLE, "The place where photos are kept does not answer, or is full.")
    except MailchimpError as error:
        fail(Exit.UNAVAILABLE, f"Mailchimp refused ({error.code}): {error.detail or error.title or error}")
    except BothwaysError as error:
        fail(Exit.FAILED, str(error))


def fail(code: Exit, *lines: str) -> NoReturn:
    """Print the lines to standard error and end the process."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(int(code))


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    """Print rows under their column names, or the sentence for none."""
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    if not cells:
        click.echo(empty)
        return
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(columns)]
    write: Callable[[Sequence[str]], None] = lambda line: click.echo(  # noqa: E731
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    )
    write([name.upper() for name in columns])
    for line in cells:
        write(line)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    text = value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)
    return text.replace("\n", " ")[:60]
