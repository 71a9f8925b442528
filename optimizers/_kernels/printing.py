"""The programs around a formula's loop: a module for Numba on CPUs, one for Triton on GPUs.

Example:
    >>> from optimizers.formula import read
    >>> text = printed(read(r"On iteration $t$: $W := W - 2 \\alpha dW$", path="sgd.md"))
    >>> print(text[text.index("@kernel") :])
    @kernel(float32)
    def each(n, at, numbers):
        # It takes the addresses of n elements, and the direction with what `once` has returned.
        params = carray(pointer(at[0]), n, float32)
        grads = carray(pointer(at[1]), n, float32)
        direction = numbers[0]
        c1 = numbers[1]
        for i in range(n):
            param = params[i]
            grad = direction*grads[i]
            param = param - c1*grad  # W := W - 2 \\alpha dW
            params[i] = param
    <BLANKLINE>
"""

HEAD = '''\
"""The formula of {path} in one pass over memory."""

{imports}
OPTIONS = {options!r}
# States that are one number for a tensor: `once` is given them, and returns them last.
KEPT = {kept!r}


{once}


'''

NUMBA_IMPORTS = """\
import numpy as np
from numba import carray, {dtype}

from optimizers._kernels.numba_cpu import {helpers}
"""
NUMBA = """\
@kernel({dtype})
def each(n, at, numbers):
    # It takes the addresses of n elements, and the direction with what `once` has returned.
{load}
    for i in range(n):
{body}
"""

TRITON_IMPORTS = """\
import numpy as np
import triton
import triton.language as tl
{helpers}"""
TRITON = """\
@triton.jit
def each(
    blocks, counts, addresses, numbers, tensors,
    words: tl.constexpr, EVEN: tl.constexpr, BLOCK: tl.constexpr
):
    # It takes a block's tensor, the place in it, and the direction with what `once` has returned.
    tensor = tl.load(blocks + 2*tl.program_id(0))
    i = tl.load(blocks + 2*tl.program_id(0) + 1).to(tl.int64)*BLOCK + tl.arange(0, BLOCK)
    inside = i < tl.multiple_of(tl.load(counts + tensor), EVEN)
{body}
"""

# What the two programs call by names of their own, which no quantity of a formula may have.
RESERVED = {
    *("np", "once", "each", "kernel", "pointer", "carray", "float32", "float64"),
    *("n", "at", "i", "numbers", "range"),
    *("triton", "tl", "blocks", "counts", "addresses", "tensors", "words", "EVEN", "BLOCK"),
    *("tensor", "inside", "OPTIONS", "KEPT"),
}


def printed(rule, dtype="float32", compiler="numba", variable=None):
    """The text of a Python module with the kernel of a rule.

    Args:
        rule: the rule.
        dtype: what to compute in, "float32" or "float64".
        compiler: what compiles it, "numba" or "triton".
        variable: whose lines, one of `rule.variables`; the first unless said.

    Returns:
        The text; `optimizers._kernels.launch` runs it.

    Raises:
        NoKernel: a line needs more than one element at a time, or a quantity has a name that the
            program needs.
    """
    from ..formula import loop_of

    loop = loop_of(rule, variable, RESERVED)
    return {"numba": for_numba, "triton": for_triton}[compiler](loop, dtype)


def head(loop, imports):
    """The beginning of both programs."""
    return HEAD.format(
        path=loop.path, imports=imports, options=loop.options, kept=loop.kept, once=loop.once
    )


def for_numba(loop, dtype):
    """The loop as a function that Numba compiles."""
    load = [
        f"{name}s = carray(pointer(at[{place}]), n, {dtype})"
        for place, name in enumerate(loop.arrays)
    ]
    load += [f"{name} = numbers[{place}]" for place, name in enumerate(loop.numbers)]
    read = [f"{name} = {'direction*' if name == 'grad' else ''}{name}s[i]" for name in loop.arrays]
    write = [f"{name}s[i] = {name}" for name in loop.arrays if name != "grad"]
    helpers = ", ".join(["kernel", "pointer", *loop.helpers])
    return head(loop, NUMBA_IMPORTS.format(dtype=dtype, helpers=helpers)) + NUMBA.format(
        dtype=dtype, load=indented(load), body=indented([*read, *loop.lines, *write], 8)
    )


def for_triton(loop, dtype):
    """The loop as a program of Triton's, which computes a block of elements."""
    body = [
        f"{name} = tl.load(numbers + {len(loop.numbers)}*tensor + {place})"
        for place, name in enumerate(loop.numbers)
    ]
    for place, name in enumerate(loop.arrays):
        kind = "words" if name in ("param", "grad") else f"tl.{dtype}"
        body += [
            f"{name}s = tl.load(addresses + {place}*tensors + tensor).to(tl.pointer_type({kind}))",
            f"{name}s = tl.multiple_of({name}s, EVEN) + i",
            f"{name} = tl.load({name}s, inside).to(tl.{dtype})",
        ]
    body += ["grad = direction*grad", *loop.lines]
    body += [f"tl.store({name}s, {name}, inside)" for name in loop.arrays if name != "grad"]
    names = ", ".join(loop.helpers)
    helpers = f"\nfrom optimizers._kernels.triton_gpu import {names}\n" if names else ""
    return head(loop, TRITON_IMPORTS.format(helpers=helpers)) + TRITON.format(body=indented(body))


def indented(lines, spaces=4):
    """Lines as the text of a block."""
    return "\n".join(" " * spaces + line for line in lines)
