"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis' own profile for CI, everywhere: the same examples each time and no deadline, so that a change
# is not stopped by somebody else's luck or by a slow machine. `--hypothesis-profile=explore` looks further.
settings.register_profile("explore", settings.get_profile("default"), deadline=None)
settings.load_profile("ci")
