"""What must fit together by name, since no import holds it."""

from __future__ import annotations

import os
import shlex
import subprocess

from click.testing import CliRunner
from dramatiq.cli import make_argument_parser

from processor import broker
from processor.cli import main
from tests.production.processes import environment, procfile
from workers.actors import VERBS


def test_every_actor_that_is_rung_for_exists() -> None:
    """The receiver names actors that it may not import; a name that no worker knows would be lost work."""
    texts = {name: value for name, value in vars(broker).items() if name.isupper() and isinstance(value, str)}
    assert texts.pop("QUEUE") == broker.QUEUE
    assert set(texts.values()) == set(VERBS)


def test_the_commands_of_the_procfile_are_understood() -> None:
    """web and release by the command line, worker by Dramatiq's, with and without its settings."""
    commands = procfile()
    assert set(commands) == {"web", "worker", "release"}
    for name in ("web", "release"):
        python, module, package, *arguments = _expanded(commands[name])
        assert (python, module, package) == ("python", "-m", "processor")
        assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0
    for settings, threads in (({}, 8), ({"WORKER_THREADS": "3"}, 3)):
        program, *arguments = _expanded(commands["worker"], **settings)
        parsed = make_argument_parser().parse_args(arguments)
        assert (program, parsed.broker, parsed.threads) == ("dramatiq", "workers:load", threads)
        assert parsed.worker_shutdown_timeout <= 25_000, "a dyno is killed 30 s after its SIGTERM"


def _expanded(command: str, **settings: str) -> list[str]:
    env = {**environment(**settings), "HOME": os.sep}
    said = subprocess.run(
        ["sh", "-c", f"echo {command}"], env=env, capture_output=True, check=True, text=True
    )
    return shlex.split(said.stdout)
