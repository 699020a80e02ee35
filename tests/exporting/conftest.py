"""Networks that are small enough for tests, computed by one thread."""

from tests.support.networks import one_thread, tiny_network  # noqa: F401
