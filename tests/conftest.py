"""Shared by all tests."""

import gc
import signal

import pytest
import torch

# Jobs in the background ignore Ctrl-C, and so would every process that a test starts from there.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests are many and tiny: threads cost more than they bring, and much more on a busy machine.
torch.set_num_threads(1)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect garbage seldom, and never among what was imported and collected.

    That is a million objects, of which each search would take longer than most tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
