"""Whether a formula, a NumPy step, a class and a kernel agree, over gradients that are not kind.

The tests of the formulas and the mutants look through the same eyes.
"""

from typing import NamedTuple

import numpy as np
import torch

from tests import cases

STEPS = 200

# Two roundings in another order differ by a few units of 2.2e-16; 200 steps add up to less than
# 1e-13. A wrong formula differs by its own size.
TOLERANCE = 1e-12


def gradients(seed=0):
    """Gradients of five coordinates, STEPS times: each coordinate is nasty in its own way.

    Its columns: ordinary; ordinary over many magnitudes with zeros; 1e-30 with flips of sign;
    1e30 now and then; zero except for a few. The first gradient is zero in two of them.
    """
    random = np.random.default_rng(seed)
    grads = random.standard_normal((STEPS, 5))
    grads[:, 1] *= 10.0 ** random.integers(-6, 7, STEPS) * (random.random(STEPS) < 0.8)
    grads[:, 2] = 1e-30 * (-1.0) ** np.arange(STEPS)
    grads[::7, 3] = 1e30 * np.sign(grads[::7, 3])
    grads[:, 4] *= random.random(STEPS) < 0.1
    grads[0, [1, 4]] = 0.0
    grads[50:60, 0] = 0.0
    return grads


def start():
    """A parameter to start from, none of it zero."""
    return np.array([1.0, -2.0, 0.5, -1e-3, 30.0])


def settings(name):
    """The settings under which an optimizer is looked at; the most telling one first."""
    return sorted(cases.SETTINGS[name], key=len, reverse=True)


def run_step(step, setting, grads):
    """Parameter and state after each call of a NumPy step or of a rule's step."""
    param, state, seen = start(), {}, []
    for grad in grads:
        param, state = step(param, grad, state, **setting)
        # The moments first: what is wrong in one of them is wrong in the parameter too.
        seen.append({**state, "param": param})
    return seen


def run_class(cls, setting, grads, fused=False):
    """Parameter and state after each step of a PyTorch optimizer, by its own code or a kernel."""
    param = torch.from_numpy(start()).requires_grad_()
    optimizer, seen = cls([param], fused=fused, **setting), []
    for grad in grads:
        param.grad = torch.from_numpy(grad.copy())
        optimizer.step()
        state = {name: value.numpy().copy() for name, value in optimizer.state[param].items()}
        seen.append({**state, "param": param.detach().numpy().copy()})
    return seen


class Disagreement(NamedTuple):
    """Where two runs part."""

    iteration: int
    quantity: str
    value: object
    expected: object


def disagreement(seen, expected):
    """Where two runs first differ by more than TOLERANCE; None if nowhere.

    A moment is held to its size now or one step ago, of which a cancellation leaves the roundings;
    a parameter, which adds up, to the largest that it has been.
    """
    largest = np.abs(start())
    before = None
    for iteration, (one, other) in enumerate(zip(seen, expected, strict=True)):
        if one.keys() != other.keys():
            return Disagreement(iteration, "names", sorted(one), sorted(other))
        for quantity, value in one.items():
            if np.shape(value) != np.shape(other[quantity]):
                shapes = np.shape(value), np.shape(other[quantity])
                return Disagreement(iteration, f"the shape of {quantity}", *shapes)
            value, wanted = np.asarray(value), np.asarray(other[quantity], np.float64)
            size = np.abs(wanted)
            if quantity == "param":
                size = largest = np.maximum(largest, size)
            elif before:
                size = np.maximum(size, np.abs(before[quantity]))
            # NaN, too, is a difference, unless both are.
            apart = ~(np.abs(value - wanted) <= TOLERANCE * size) & ~(value == wanted)
            apart &= ~(np.isnan(value) & np.isnan(wanted))
            if apart.any():
                at = np.flatnonzero(apart)[0]
                return Disagreement(iteration, quantity, value.flat[at], wanted.flat[at])
        before = other
    return None


def complaint(name, setting, rule, variable, what, found):
    """What a failed check says: the optimizer, the formula's lines, the iteration, the values."""
    own = [one for one in rule.lines(variable) if rule.code(one.target) == found.quantity]
    lines = "".join(f"\n  {one.path}:{one.line}: {one.latex}" for one in own)
    return (
        f"{name} {setting}: {what} parts at call {found.iteration + 1} in {found.quantity}: "
        f"{found.value!r}, expected {found.expected!r}{lines}"
    )
