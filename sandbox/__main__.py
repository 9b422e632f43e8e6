"""`python -m sandbox --port 8765 [--state FILE]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.server import run
from sandbox.settings import Settings


def main() -> None:
    """Reads the arguments and serves until it is interrupted."""
    parser = argparse.ArgumentParser(prog="sandbox", description="A Mailchimp that runs on a laptop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--state", type=Path, help="keep everything in this file, over restarts")
    parser.add_argument("--seed", type=int, help="the same ids and faults in every run")
    asked = parser.parse_args()
    sys.stderr.write(f"The sandbox is at http://{asked.host}:{asked.port}/ (stop it with Ctrl+C)\n")
    run(Settings(host=asked.host, port=asked.port, state_file=asked.state, seed=asked.seed))


if __name__ == "__main__":
    main()
