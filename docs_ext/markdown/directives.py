"""`::: name` stands for Markdown that the build writes, so that it cannot be stale."""

import re
from collections.abc import Callable

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from ..calculator import form as calculator
from ..directives import (
    agreement,
    api,
    comparison,
    costs,
    differences,
    epsilons,
    growth,
    kernel,
    mutants,
    references,
    scaled,
    schedules,
    symbols,
    worked_numbers,
)
from ..laboratory import form as laboratory
from ..locate import PageError, locate, page_path

DIRECTIVE = re.compile(r"^(?P<indent> *)::: (?P<name>[a-z-]+)(?: (?P<argument>\S.*?))?\s*$")

# Each takes the page, what stands behind its name, and the lines that stand indented below it.
DIRECTIVES: dict[str, Callable[[Markdown, str, list[str]], list[str]]] = {
    "agreement": agreement.agreement,
    "all-optimizers": comparison.all_optimizers,
    "bytes-of-adam": calculator.quoted,
    "calculator": calculator.calculator,
    "compare-optimizers": comparison.compare_optimizers,
    "cost-table": costs.cost_table,
    "defaults-that-differ": differences.defaults_that_differ,
    "differs": differences.differs,
    "epsilons": epsilons.epsilons,
    "kernel": kernel.kernel,
    "laboratory": laboratory.laboratory,
    "measured-on": costs.measured_on,
    "mutants": mutants.mutants,
    "numpy-steps": api.numpy_steps,
    "optimizer-classes": api.optimizer_classes,
    "references": references.references,
    "scale": growth.scale,
    "scaled-losses": scaled.scaled_losses,
    "schedules": schedules.schedules,
    "symbols": symbols.symbols,
    "worked-numbers": worked_numbers.worked_numbers,
}


class DirectivesPreprocessor(Preprocessor):
    """Replaces each directive, with the lines that stand indented below it, by its Markdown."""

    def run(self, lines: list[str]) -> list[str]:
        written, rest = [], list(lines)
        while rest:
            line = rest.pop(0)
            match = DIRECTIVE.match(line)
            if match is None:
                written.append(line)
                continue
            indent, name, argument = match.groups(default="")
            if name not in DIRECTIVES:
                raise PageError(
                    f"{locate(page_path(self.md), line)}: there is no directive `{name}`; "
                    f"there are: {', '.join(DIRECTIVES)}"
                )
            body = []
            while rest and (rest[0].startswith(f"{indent} ") or not rest[0].strip()):
                body.append(rest.pop(0))
            new = DIRECTIVES[name](self.md, argument, body)
            new = "\n".join([*new, ""]).split("\n")
            written += [indent + line if line else "" for line in new]
        return written


class DirectivesExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After the title (31.5) is read, before fenced code (25) hides what could look like ours.
        md.preprocessors.register(DirectivesPreprocessor(md), "directives", 31)


def makeExtension(**kwargs) -> DirectivesExtension:
    return DirectivesExtension(**kwargs)
