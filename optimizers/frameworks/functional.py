"""A rule as lines that give names new values, for frameworks whose arrays are not written to."""

import sympy

from ..formula.expressions import clip
from ..formula.printers import any_array
from .about import element, options
from .code import SUM, Code, comment, indented, is_symmetric, uses

# What is a plain number of Python wherever it is printed.
SIZES = ("size",)


class Functional:
    """The lines of a rule in one framework.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines, one of `rule.variables`.
        functions: the framework's functions, as `Code` takes them.
        names: the names in the code of options, where they have others: by `betas[0]` or `lr`.
        plain: the kinds of symbols that are plain numbers of Python.
    """

    full: str  # the function that makes an array like another, of one number

    def __init__(self, rule, said, variable, functions, names, plain=SIZES):
        self.rule, self.said, self.variable = rule, said, variable
        self.renamed = names
        self.options = options(rule, said)
        rows = rule.symbols.values()
        states = [row for row in rows if row.kind == "state" and row.of in (variable, "")]
        self.arrays = [row.code for row in states if row.of]
        self.numbers = [row.code for row in states if not row.of]
        known = [row for row in rows if row.kind in plain and row.code != "lr"]
        self.code = Code(rule, self.name_of, functions, known)
        if len(plain) > 1:
            self.code.plain |= self.computed_plainly()
        # Whether the lines before those of one parameter have been printed, which is done once.
        self.shared = {line.target for line in self.iteration() if self.is_shared(line)}

    def name_of(self, row):
        """The name in the code of a row of the symbols."""
        if row.code in self.renamed:
            return self.renamed[row.code]
        if "[" in row.code:
            return element(row.code)
        return "step" if row.kind == "iteration" else row.code

    def iteration(self):
        """The lines of an iteration."""
        return self.rule.lines(self.variable, "iteration")

    def computed_plainly(self):
        """The numbers that are computed from plain numbers alone."""
        found = set()
        for line in self.iteration():
            if not self.rule.symbols[line.target].of and set(line.reads) <= self.code.plain | found:
                found.add(line.target)
        return found

    def is_shared(self, line):
        """Whether a line computes a number without an array, the same for all parameters."""
        rows = self.rule.symbols
        return not rows[line.target].of and not any(rows[name].of for name in line.reads)

    def assignment(self, line):
        """The code of one line."""
        before, expression = self.parted(line.expression)
        row, code = self.rule.symbols[line.target], self.code(expression, SUM - 1)
        if row.of and row.kind == "state" and not any_array(self.rule, expression):
            code = f"{self.full}(param, {code})"
        return [*before, f"{self.name_of(row)} = {code}"]

    def parted(self, expression):
        """Lines that name parts of an expression, and the expression with these names in it.

        Such parts are the bound of a clip, and what is raised to a power that is computed.
        """
        for part in sympy.preorder_traversal(expression):
            if part.func is clip and is_symmetric(part) and not part.args[2].is_Symbol:
                name, value = sympy.Symbol("bound"), part.args[2]
                named = clip(part.args[0], sympy.Mul(-1, name, evaluate=False), name)
            elif (
                part.is_Pow
                and part.exp.is_Symbol
                and not part.base.is_Atom
                and any_array(self.rule, part)
            ):
                name, value = sympy.Symbol("scale"), part.base
                named = sympy.Pow(name, part.exp, evaluate=False)
            else:
                continue
            before = [f"{name} = {self.code(value, SUM - 1)}"]
            return before, with_part(expression, part, named)
        return [], expression

    def lines(self, section, shared=False):
        """The lines of a section with the formula's lines above them.

        Args:
            section: "initialize" or "iteration".
            shared: whether to print those that are the same for all parameters, or the others.
        """
        found = []
        for repeat, statements in self.rule.blocks(self.variable, section):
            block = []
            for line in statements:
                if (line.target in self.shared) == shared and not self.is_number(line, section):
                    block += [comment(line.latex), *self.assignment(line)]
            if repeat and block:
                block = [f"for _ in range({self.code(repeat.times)}):", *indented(block)]
            found += block
        return found

    def is_number(self, line, section):
        """Whether a line is the first value of a state that is one number."""
        return section == "initialize" and not self.rule.symbols[line.target].of

    def first_values(self):
        """The lines of Initialize and, by state, the code of its first value."""
        found = {}
        for line in self.rule.lines(self.variable, "initialize"):
            row = self.rule.symbols[line.target]
            if row.kind == "state":
                found[row.code] = (line, self.code(line.expression))
        return found

    def of_matrices(self, array, is_other, name, own):
        """The lines that refuse what is no matrix and name its sides; none for other rules.

        Args:
            array: the name of the array.
            is_other: the code that says whether it is no matrix.
            name: what the refusal calls the optimizer.
            own: the lines that may read the sides.
        """
        if not self.rule.matrix:
            return []
        sides = f"rows, columns = {array}.shape"
        return [
            f"if {is_other}:",
            f'    raise ValueError(f"{name} moves matrices, not {{{array}.shape}}")',
            *([sides] if any(uses(side, own) for side in ("rows", "columns")) else []),
        ]

    def chosen(self, is_first, where, first, own, states):
        """The lines that update, or that only fill the state where a rule says so of the first call.

        Args:
            is_first: the code that says whether it is the first call.
            where: the framework's function that takes one of two values.
            first: the lines of the first call.
            own: the lines of the others.
            states: the names of the state's parts.
        """
        if not self.rule.initialize_reads_gradient:
            return own
        given, returned = ", ".join(["grad", "param", *states]), ", ".join(["param", *states])
        return [
            "",
            f"def begin({given}):",
            *indented([*first, f"return {returned}"]),
            "",
            f"def move({given}):",
            *indented([*own, f"return {returned}"]),
            "",
            f"pairs = zip(begin({given}), move({given}), strict=True)",
            f"chosen = ({where}({is_first}, first, later) for first, later in pairs)",
            f"{returned} = chosen",
        ]


def with_part(expression, part, other):
    """An expression with another part in the place of one; SymPy's own would evaluate it."""
    if expression == part:
        return other
    if not expression.has(part):
        return expression
    parts = [with_part(arg, part, other) for arg in expression.args]
    evaluated = (
        {} if isinstance(expression, sympy.core.function.AppliedUndef) else {"evaluate": False}
    )
    return expression.func(*parts, **evaluated)


def moved(line):
    """What a line adds to the parameter, as the parts of a sum; None if it does something else."""
    own = sympy.Symbol(line.target)
    parts = line.expression.args if line.expression.is_Add else ()
    nested = parts and parts[0].is_Add
    first, *rest = (*parts[0].args, *parts[1:]) if nested else (parts or (None,))
    return rest if first == own and rest else None
