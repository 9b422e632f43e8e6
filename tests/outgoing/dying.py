"""A worker in a process of its own, for a test to kill."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from processor import bootstrap
from processor.deliver import deliver
from tests.web.house import make_settings


def main() -> None:
    """Send what is due to the endpoint at that time."""
    data_dir, database_url, endpoint_id, now = sys.argv[1:]
    settings = make_settings(Path(data_dir), database_url=database_url, allow_private_targets=True)
    house = bootstrap.build(settings, now=lambda: datetime.fromisoformat(now))
    deliver(house.kit, endpoint_id)


if __name__ == "__main__":
    main()
