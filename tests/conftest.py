"""Shared by all tests."""

import torch

# Tests are many and tiny: threads cost more than they bring, and much more on a busy machine.
torch.set_num_threads(1)
