"""Shared by all tests."""

import signal

import torch

# Jobs in the background ignore Ctrl-C, and so would every process that a test starts from there.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests are many and tiny: threads cost more than they bring, and much more on a busy machine.
torch.set_num_threads(1)
