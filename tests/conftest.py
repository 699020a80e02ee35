"""One thread for each test process, and property tests that draw the same examples on every machine."""

from __future__ import annotations

import os

# Before torch is imported anywhere, also in the processes that tests start: two test processes whose
# threads wait for each other's cores are several times slower than two with one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("repeatable")
