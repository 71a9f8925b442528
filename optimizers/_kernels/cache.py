"""Finds the kernel of a formula: printed once, kept on disk for later processes, and compiled.

A kept kernel is Python that is executed. So it is run only if its text has the digest in its first
line, if it and its folder belong to the user, and if nobody else can write to them.
"""

import hashlib
import importlib.util
import linecache
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

from .layout import COMPILERS, COMPUTES, name_of

PACKAGE = __package__.rpartition(".")[0]
SOURCES = Path(__file__).parent.parent
EXTRA = "which the extra `fused` installs"
SEAL = "# sha256 "


@cache
def kernel_of(formula: str, dtype: torch.dtype, device: torch.device) -> ModuleType | str:
    """The module printed from a formula for a dtype and a device; or, in words, why there is none.

    Whatever goes wrong is the answer for the rest of the process.
    """
    compiler = COMPILERS[device.type]
    try:
        if importlib.util.find_spec(compiler) is None:
            return f"{compiler} is not installed, {EXTRA}"
        if compiler == "numba" and importlib.import_module("numba").config.DISABLE_JIT:
            return "NUMBA_DISABLE_JIT is set"
        return loaded(formula, name_of(COMPUTES[dtype]), compiler)
    except Exception as error:
        # These two say by their words alone what is wrong.
        said = isinstance(error, ValueError | ImportError)
        return in_a_line(error).partition(": ")[2] if said else in_a_line(error)


def in_a_line(error: Exception) -> str:
    """Return an error as a reason, in one line that is not too long."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def loaded(formula: str, computes: str, compiler: str) -> ModuleType:
    """The module of a kernel, compiled."""
    # Whatever the text of a kernel, and what Numba makes of it, depend on.
    sources = [SOURCES / f"{formula}.py", *SOURCES.glob("_kernels/*.py")]
    sources += [path for path in SOURCES.glob("formula/*") if path.suffix in (".py", ".lark")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()
    name = f"{formula}_{computes}_{compiler}_{digest[:16]}"

    def printed():
        # What reads formulas is slow to import, and not needed for what is kept.
        from ..formula import rule_of
        from .printing import printed

        return printed(rule_of(importlib.import_module(f"{PACKAGE}.{formula}")), computes, compiler)

    text, path = kept(f"{name}.py", printed)
    kernel = ModuleType(name)
    kernel.__file__ = path
    # Numba looks for the module of what it finds on disk, Triton for the lines of what it runs.
    sys.modules[name] = kernel
    linecache.cache[path] = len(text), None, text.splitlines(keepends=True), path
    try:
        exec(compile(text, path, "exec"), vars(kernel))
    except BaseException:
        del sys.modules[name], linecache.cache[path]
        raise
    return kernel


def kept(name, make):
    """A text and its path: the one that is kept under a name, if it is whole, else a new one.

    Args:
        name: the file's name.
        make: makes the text.
    """
    try:
        path = folder() / name
        text = read(path)
    except (OSError, RuntimeError):
        # No home, or none that can be trusted or written to: each process makes it anew.
        return make(), f"<{name}>"
    if text is None:
        text = sealed(make())
        try:
            write(path, text)
        except OSError:
            return text, f"<{name}>"
    return text, str(path)


def folder() -> Path:
    """The folder where kernels are kept, made where it is missing.

    Raises:
        OSError: it cannot be made, or it is not the user's own.
        RuntimeError: the user has no home.
    """
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optimizers"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        check_owner(place)
        place.chmod(0o700)
    return place


def check_owner(path):
    """Refuse what somebody else can have written."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} is not the user's own, or others can write to it")


def read(path):
    """A kept text, or None where there is none that is whole and the user's own."""
    try:
        if os.name == "posix":
            check_owner(path)
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, PermissionError, UnicodeDecodeError):
        return None
    return text if text == sealed(text.partition("\n")[2]) else None


def sealed(text):
    """A text below a line with its digest."""
    return f"{SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def write(path, text):
    """Write a file that others see as a whole or not at all, and only the user can read."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
