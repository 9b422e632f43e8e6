"""A worker in a process of its own, for a test to kill while it sends a mail."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from processor import bootstrap, mailing
from tests.web.house import make_settings


def main() -> None:
    """Send what is due at that time."""
    data_dir, database_url, smtp_url, now = sys.argv[1:]
    settings = make_settings(
        Path(data_dir), database_url=database_url, smtp_url=smtp_url, mail_from="sync@bothways.test"
    )
    house = bootstrap.build(settings, now=lambda: datetime.fromisoformat(now))
    mailing.send_due(house.kit)


if __name__ == "__main__":
    main()
