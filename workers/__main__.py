"""`python -m workers`: the embedded whole, which `bothways up` starts."""

from __future__ import annotations

import sys

from processor import config, log
from processor.errors import ConfigError
from workers.embedded import run


def main() -> None:
    """Run from the environment; exit with 3 and one line per problem when the settings cannot work."""
    try:
        settings = config.load(config.Role.EMBEDDED)
        log.set_up(settings.log_level, as_json=settings.log_format == "json")
        run(settings)
    except ConfigError as error:
        sys.exit("\n".join(["The settings cannot work:", *(f"  - {p}" for p in error.problems)]))


if __name__ == "__main__":
    main()
