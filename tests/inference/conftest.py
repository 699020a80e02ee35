"""Networks that are small enough for tests, computed by one thread."""

from tests.support.networks import one_thread  # noqa: F401
