"""The classes printed for PyTorch are held to what the package's classes are held to."""

import copy
import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

from optimizers import OPTIMIZERS
from optimizers.frameworks import printed
from tests import agreement, cases, contract
from tests import test_conformance as conformance
from tests import test_contract_constructor as constructor
from tests import test_contract_machinery as machinery
from tests import test_contract_state as state
from tests import test_contract_tensors as tensors
from tests.contract import NAMES, copies, every_optimizer, feed, same, weights
from tests.printed import module_of

# What the printed class leaves to torch.optim, or to the package's class, and why.
NOT_PROMISED = {
    "test_every_argument_is_accepted_or_refused_with_what_to_use_instead": "it has no arguments but its own",
    "test_a_tensor_lr_is_a_float_lr": "it takes an lr of one dimension no more than torch.optim does",
}

PROMISES = {
    name: test
    for module in (constructor, machinery, state, tensors, conformance)
    for name, test in vars(module).items()
    if name.startswith("test_")
}
globals().update({name: test for name, test in PROMISES.items() if name not in NOT_PROMISED})
PACKAGE = dict(OPTIMIZERS)


def printed_class(name):
    return getattr(module_of(name, "torch"), PACKAGE[name].optimizer.__name__)


@pytest.fixture(autouse=True)
def _printed_classes(monkeypatch):
    """Put the printed classes where the shared tests look for the package's."""
    for name, entry in PACKAGE.items():
        cls = printed_class(name)
        # What the tests ask of a class besides its behaviour.
        for attribute in ("state_names", "reads_step", "fixed"):
            monkeypatch.setattr(cls, attribute, getattr(entry.optimizer, attribute), raising=False)
        monkeypatch.setitem(OPTIMIZERS, name, entry._replace(optimizer=cls))
    for module in (constructor, machinery, state, tensors):
        if hasattr(module, "exact"):
            monkeypatch.setattr(module, "exact", contract.new)
    for info in conformance.DATABASE:
        [name] = [name for name, entry in PACKAGE.items() if entry.optimizer is info.optim_cls]
        monkeypatch.setattr(info, "optim_cls", printed_class(name))
