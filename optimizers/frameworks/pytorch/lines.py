"""Prints lines of a formula as calls that write to the memory of what they give a value to.

A moving average becomes `lerp_`, a sum of products `addcmul_`, a step along a quotient `addcdiv_`:
the fewest passes over memory.
"""

import sympy

from ...formula.matrices import matmul
from ..code import indented
from .sums import is_average, is_call, rebuilt
from .values import BOUNDS, FUNCTIONS, Values, call


class Lines(Values):
    """Prints the lines of one class, in order."""

    def line(self, line):
        """The code of one line."""
        target, expression, row = line.target, line.expression, self.rule.symbols[line.target]
        name, later = self.names[target], self.later(line)
        self.start(line)
        if not row.of:
            code = [f"{name} = {self.number(expression)}"]
            if row.kind == "state":
                code.append(f'state["{name}"].fill_({name})')
            return [*self.before, *code]
        if row.kind == "intermediate" and not line.repeat and self.can_wait(line):
            return [*self.before, *self.wait(target, expression)]
        condition, terms = "", None
        if not is_call(expression):
            condition, terms = self.decay(self.terms(expression), target)
        kept = row.kind in ("parameter", "state")
        own = target in self.owned and row.kind == "matrix" and not expression.has(matmul)
        if terms and (kept or own):
            code = self.moved(sympy.Symbol(target), name, terms)
        elif kept:
            code = self.overwritten(target, name, expression)
        else:
            code = self.assigned(target, name, terms, expression, later, condition)
        code = [*self.before, *code]
        return [f"if {condition}:", *indented(code)] if condition else code

    def copied(self, target, line):
        """The code that copies what a line computes into an array."""
        self.start(line)
        code = f"{target}.copy_({self.array(line.expression).code})"
        return [*self.before, code]

    def later(self, line):
        """The lines that may be run after a line: those below it, and all of its repetition."""
        lines = self.rule.lines(self.variable, line.section)
        place = lines.index(line)
        around = [
            other for other in lines[: place + 1] if line.repeat and other.repeat == line.repeat
        ]
        return around + lines[place + 1 :]

    def start(self, line):
        """Begin a line: note what it may write to."""
        reads = self.read_by(line.expression)
        live = {symbol for other in self.later(line) for symbol in self.read_by(other.expression)}
        live |= {symbol for symbol in reads if reads.count(symbol) > 1}
        free = "" if line.target in reads else self.names[line.target]
        self.start_line(line.expression, free, live)

    def wait(self, target, expression):
        """Note a value for the line that reads it; its numbers get names."""
        code, terms = [], []
        for term in self.terms(expression):
            above, below = term.above, term.below
            bias = self.bias_correction(below[0]) if len(below) == 1 and not above else ""
            if bias:
                if bias not in self.taken:
                    self.taken.add(bias)
                    code.append(f"{bias} = {self.code(below[0])}")
                below = [sympy.Symbol(bias)]
            elif len(above) + len(below) > 1:
                share = self.new_name(f"{self.names[term.arrays[0].name]}_share")
                code.append(f"{share} = {self.coefficient(term, minus=False)}")
                above, below = [sympy.Symbol(share)], []
            terms.append(term._replace(above=above, below=below))
        self.waiting[target] = terms
        return code

    def assigned(self, target, name, terms, expression, later, condition):
        """The code of a line that gives a name an array that is not kept."""
        value = self.sum(terms, target) if condition else self.array(expression, name)
        reads = set(self.read_by(expression))
        if not value.fresh and reads & (self.owned | {other.target for other in later}):
            # It would be another name for memory that a later line writes to.
            value = call(value, "clone")
        if value.fresh and not condition:
            self.owned.add(target)
        return [f"{name} = {value.code}"] * (value.code != name)

    def moved(self, own, name, terms):
        """The calls that multiply an array by a number and add terms to it."""
        mine = [term for term in terms if term.arrays == [own] and not term.divisors]
        others = [term for term in terms if term not in mine]
        read = [
            symbol
            for term in others
            for part in (*term.arrays, *term.divisors)
            for symbol in self.read_by(part)
        ]
        if not mine and len(others) == 1 and own in others[0].arrays and read.count(own.name) == 1:
            return self.multiplied(own, name, others[0])
        if not mine or own.name in read:
            return self.overwritten(own.name, name, rebuilt(terms))
        if len(mine) == len(others) == 1:
            [old], [new] = mine, others
            if is_average(old, new) and new.is_scaled():
                return [f"{name}.lerp_({self.array(new.arrays[0]).code}, {self.coefficient(new)})"]
        if len(terms) == 1 and mine[0].below and not (mine[0].above or mine[0].minus):
            return [f"{name}.div_({' * '.join(map(self.number, mine[0].below))})"]
        factor = self.total(mine)
        calls = [] if factor == "1" else [f".mul_({factor})"]
        for term in others:
            method, arguments = self.addition(term)
            calls.append(f".{method}_({arguments})")
        if factor != "1":
            calls = ["".join(calls[:2]), *calls[2:]]
        return [name + call for call in calls]

    def multiplied(self, own, name, term):
        """The calls that multiply or divide an array."""
        arrays = list(term.arrays)
        arrays.remove(own)
        calls = [f".mul_({self.array(array).code})" for array in arrays]
        calls += [f".div_({self.array(array).code})" for array in term.divisors]
        calls += [f".mul_({self.code(number)})" for number in term.above]
        calls += [f".div_({self.number(number)})" for number in term.below]
        calls += [".neg_()"] * term.minus
        return [name + "".join(calls)]

    def overwritten(self, target, name, expression):
        """The code of a line that gives a kept array a new value."""
        parts = expression.args
        if expression.func in BOUNDS and len(parts) == 2 and all(map(self.reads_array, parts)):
            first, second = (self.operand_in_place(part, target) for part in parts)
            return [f"{FUNCTIONS[expression.func.__name__]}({first}, {second}, out={name})"]
        return [f"{name}.copy_({self.array(expression).code})"]

    def operand_in_place(self, part, target):
        """The code of an operand; the old value of the target may be multiplied in place."""
        terms = [] if is_call(part) else self.terms(part)
        once = self.read_by(self.expression).count(target) == 1
        if len(terms) == 1 and once and terms[0].is_scaled():
            [term] = terms
            if term.arrays == [sympy.Symbol(target)]:
                number = self.coefficient(term)
                name = self.names[target]
                return name if number == "1" else f"{name}.mul_({number})"
        return self.array(part).code

    def total(self, terms):
        """The code of the sum of the numbers of some terms."""
        code = ""
        for term in terms:
            number = self.coefficient(term, minus=False)
            if not code:
                code = f"-{number}" if term.minus else number
            else:
                code += f" {'-' if term.minus else '+'} {number}"
        return code
