"""Compares a formula, a NumPy step, a class and a kernel, over hard gradients.

The tests of the formulas and the mutants use the same comparison.
"""

import inspect
import itertools
import math
import re
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch

from optimizers import OPTIMIZERS, rule_of
from tests import cases

STEPS = 200
# A parameter of this shape is zero at the start.
SILENT = (2, 2)

# Two roundings in another order differ by a few units of 2.2e-16; 200 steps add up to less than
# 1e-13. A wrong formula differs by its own size.
TOLERANCE = 1e-12


def gradients(shape=(5,), seed=0):
    """STEPS hard gradients, for one of the `shapes`."""
    return vectors(seed) if shape == (5,) else matrices(shape, seed)


def shapes(name):
    """The shapes of the parameter: five coordinates, or a tall and a wide matrix.

    Where a norm is taken, also two with which all is zero at times: weights or gradients or both.
    """
    if name in cases.MATRICES:
        return [(3, 2), (2, 3)]
    return [(5,)] if rule_of(name).elementwise else [(5,), SILENT, (2, 1)]


def vectors(seed):
    """Gradients of five coordinates, each hard in its own way.

    The columns: ordinary; ordinary over many magnitudes with zeros; 1e-30 with flips of sign;
    1e30 now and then; zero except for a few. The first gradient is zero in two of them. No two of a
    column have the same size: an average of equal squares comes to equal the square, and then the
    sign of their difference, as in Yogi, is the sign of the roundings.
    """
    random = np.random.default_rng(seed)
    grads = random.standard_normal((STEPS, 5))
    grads[:, 1] *= 10.0 ** random.integers(-6, 7, STEPS) * (random.random(STEPS) < 0.8)
    grads[:, 2] = 1e-30 * (-1.0) ** np.arange(STEPS) * (1 + np.abs(grads[:, 2]))
    grads[::7, 3] = 1e30 * (grads[::7, 3] + np.sign(grads[::7, 3]))
    grads[:, 4] *= random.random(STEPS) < 0.1
    grads[0, [1, 4]] = 0.0
    grads[50:60, 0] = 0.0
    return grads


def matrices(shape, seed):
    """Gradients of a matrix: of many magnitudes, zero, of rank 1, and at first below any ε."""
    random = np.random.default_rng(seed)
    grads = random.standard_normal((STEPS, *shape))
    grads *= 10.0 ** random.integers(-2, 3, (STEPS, 1, 1))
    grads[:9] *= 1e-9
    grads[50:70] = grads[50:70, :, :1] * grads[50:70, :1, :]
    grads[::7] = 0.0
    return grads


def start(shape=(5,)):
    """A parameter to start from, without a zero, or all zero."""
    if shape == SILENT:
        return np.zeros(shape)
    return np.array([1.0, -2.0, 0.5, -1e-3, 30.0, -0.1])[: math.prod(shape)].reshape(shape)


def settings(name):
    """The settings of an optimizer to compare; first those with the most options."""
    return sorted(cases.SETTINGS[name], key=len, reverse=True)


def shaped(name):
    """Every setting with one of the shapes, in turn; where a norm is taken with each."""
    if SILENT in shapes(name):
        return list(itertools.product(settings(name), shapes(name)))
    return list(zip(settings(name), itertools.cycle(shapes(name)), strict=False))


def looks(name):
    """Every setting with gradients."""
    return [(setting, gradients(shape)) for setting, shape in shaped(name)]


def run_step(step, setting, grads):
    """Parameter and state after each call of a NumPy step or of a rule's step."""
    param, state, seen = start(grads.shape[1:]), {}, []
    for grad in grads:
        param, state = step(param, grad, state, **setting)
        # The moments come first, because a wrong moment makes the parameter wrong, too.
        seen.append({**state, "param": param})
    return seen


def run_class(cls, setting, grads, fused=False):
    """Parameter and state after each step of a PyTorch optimizer, by its own code or a kernel."""
    param = torch.from_numpy(start(grads.shape[1:])).requires_grad_()
    optimizer, seen = cls([param], fused=fused, **setting), []
    for grad in grads:
        param.grad = torch.from_numpy(grad.copy())
        optimizer.step()
        state = {name: value.numpy().copy() for name, value in optimizer.state[param].items()}
        seen.append({**state, "param": param.detach().numpy().copy()})
    return seen


class Reference(NamedTuple):
    """What a NumPy step computes, and what the allowed rounding of a parameter makes of it.

    Args:
        steps: parameter and state after each call.
        room: how far each moment is off once the parameter has been off by all that it may; 0
            where a moment does not read the parameter, as without an L2 penalty.
    """

    steps: list
    room: dict


def reference(step, setting, grads):
    """What a NumPy step computes with a setting from gradients, and its room.

    The room is measured: the moments are computed once more, from parameters that are off.
    """
    steps, state, moved = run_step(step, setting, grads), {}, []
    params = [start(grads.shape[1:]), *(values["param"] for values in steps)]
    for param, off, grad in zip(params, allowance(params), grads, strict=False):
        state = step(param + off, grad, state, **setting)[1]
        moved.append(state)
    room = {}
    for moment in (name for name in state if np.shape(state[name]) == grads.shape[1:]):
        off, on = arrays(moment, moved, steps)
        with np.errstate(invalid="ignore"):  # the difference of two infinities
            room[moment] = np.nan_to_num(np.abs(off - on), posinf=0.0)
    return Reference(steps, room)


def allowance(params):
    """Return by how much each successive parameter may be off; roundings add up in them."""
    return TOLERANCE * np.maximum.accumulate(np.abs(params))


class Disagreement(NamedTuple):
    """The first place where two runs part."""

    iteration: int
    quantity: str
    value: object
    expected: object

    def __str__(self):
        values = f"{self.value!r}, expected {self.expected!r}"
        return f"at call {self.iteration + 1} in {self.quantity}: {values}"


def disagreement(seen, expected, room=None):
    """The first place where two runs differ by more than TOLERANCE; None if there is none.

    A moment is measured by its size now or one step ago, because a cancellation leaves roundings of
    the older size; a parameter, which adds up, by the largest size that it has had. A moment that
    reads the parameter carries what this is off: of a weight that fell from 30 to 0.002 the penalty
    has the roundings of 30.

    Args:
        seen: a run.
        expected: another, as long.
        room: that of `Reference`, of which a moment takes the share that the parameter has taken of
            its allowance.
    """
    room = room or {}
    for iteration, (values, wanted) in enumerate(zip(seen, expected, strict=True)):
        if misfit := mismatch(values, wanted):
            shorter = {moment: off[:iteration] for moment, off in room.items()}
            before = disagreement(seen[:iteration], expected[:iteration], shorter)
            return before or Disagreement(iteration, *misfit)
    found, share = [], share_taken(*arrays("param", seen, expected)) if room and seen else 0.0
    for quantity in seen[0] if seen else ():
        value, wanted = arrays(quantity, seen, expected)
        if quantity == "param":
            allowed = allowance([start(wanted.shape[1:]), *wanted])[1:]
        else:
            size = np.abs(wanted)
            size[1:] = np.maximum(size[1:], size[:-1])
            allowed = TOLERANCE * size
            if quantity in room:
                allowed = allowed + share * room[quantity]
        with np.errstate(invalid="ignore"):  # the difference of two infinities
            close = np.abs(value - wanted) <= allowed
        # A NaN is a difference, unless both are NaN.
        apart = ~close & ~(value == wanted) & ~(np.isnan(value) & np.isnan(wanted))
        if apart.any():
            at = tuple(np.argwhere(apart)[0])
            found.append(Disagreement(int(at[0]), quantity, value[at], wanted[at]))
    return min(found, key=attrgetter("iteration"), default=None)


def arrays(quantity, *runs):
    """A quantity after each call of some runs."""
    # JavaScript prints 1e19 as digits and NaN as null; JSON's integers and None become floats.
    return [np.array([values[quantity] for values in run], dtype=float) for run in runs]


def share_taken(value, wanted):
    """The share of its allowance, up to 1, that a parameter has taken before each call."""
    with np.errstate(all="ignore"):
        share = np.abs(value - wanted) / allowance([start(wanted.shape[1:]), *wanted])[1:]
    share = np.minimum(np.nan_to_num(share), 1.0)
    return np.maximum.accumulate([np.zeros(wanted.shape[1:]), *share[:-1]])


def mismatch(values, wanted):
    """The names or the shapes in which two moments differ, which end a comparison; None if none."""
    if values.keys() != wanted.keys():
        return "names", sorted(values), sorted(wanted)
    forms = ((name, np.shape(values[name]), np.shape(wanted[name])) for name in values)
    return next(((f"the shape of {n}", a, b) for n, a, b in forms if a != b), None)


FORMULA, STEP, CLASS = "the formula", "the NumPy step", "the PyTorch class"


def complaint(name, setting, rule, variable, three, room=None):
    """The message of a failed check: the witness that parts from two others, where, and its lines.

    Args:
        name: the optimizer.
        setting: its options.
        rule: its formula.
        variable: the parameter that the formula was run for.
        three: the runs of the formula, the step and the class, by these names.
        room: as in `Reference`.
    """
    for witness in three:
        first, second = (name for name in three if name != witness)
        if disagreement(three[first], three[second], room) is None:
            parts, suspects = f"{witness} parts from {first} and {second}, which agree", [witness]
            found = disagreement(three[witness], three[first], room)
            break
    else:
        parts, suspects = (
            f"no two agree of {FORMULA}, {STEP} and {CLASS}; the first two part",
            three,
        )
        found = disagreement(three[FORMULA], three[STEP], room)
    lines = [line for witness in suspects for line in places(witness, name, rule, variable, found)]
    return "\n  ".join([f"{name} {setting}: {parts}, {found}", *lines])


def kernel_complaint(name, setting, rule, found):
    """The message of a kernel that parts from the formula, the step and the class, which agree."""
    return "\n  ".join(
        [
            f"{name} {setting}: the kernel parts from the formula that it is printed from, {found}",
            *places(FORMULA, name, rule, rule.variables[0], found),
            "optimizers/formula/loop.py and optimizers/_kernels make the kernel of these lines: "
            "mend them, or write the lines another way; what they make is shown by "
            f"optimizers._kernels.printing.printed(optimizers.rule_of({name!r}), 'float64')",
        ]
    )


def places(witness, name, rule, variable, found):
    """The lines of a witness that give a quantity its value, each with file and line."""
    if witness == FORMULA:
        own = [line for line in rule.lines(variable) if rule.code(line.target) == found.quantity]
        return [f"{line.path}:{line.line}: {line.latex}" for line in own]
    program = OPTIMIZERS[name].step if witness == STEP else OPTIMIZERS[name].optimizer
    file = program.__module__.replace(".", "/") + ".py"
    lines, first = inspect.getsourcelines(program)
    is_set = re.compile(rf"\s+{found.quantity}(\.\w+_\(| = (?!state\[))|.*out={found.quantity}\)")
    own = [number for number, line in enumerate(lines) if is_set.match(line)]
    return [f"{file}:{first + number}: {lines[number].strip()}" for number in own or [0]]
