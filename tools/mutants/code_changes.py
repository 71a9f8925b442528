"""Proof that the checks of the formulas see what they should: change one thing, and they fail.

    python -m tests.mutants [--only NAME] [RESULT.md]

changes one thing at a time in each formula, each NumPy step and each PyTorch class, in memory, and
holds what comes out against the unchanged NumPy step, as tests/test_formula.py does. A change that
nobody notices has to stand in `EQUAL` with the reason why it changes nothing.
"""

import argparse
import ast
import copy
import functools
import hashlib
import inspect
import itertools
import sys
import textwrap
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from optimizers import OPTIMIZERS
from optimizers.formula import FormulaError, read, rule_of
from optimizers.formula.expressions import extent, parser
from optimizers.formula.reader import section_of
from optimizers.formula.source import Source, pieces_of_math
from optimizers.formula.symbols import symbols_for
from tests import agreement

# Changes that change nothing, and why: optimizer, what was changed, the line after the change.
EITHER_OR = "δ is 0 or 1, so one of the two lines changes nothing, and they do not meet"
ANYWHERE = "a number may stand anywhere in a product of matrices"
EITHER_WAY = "transposed or not, the norm is the same and the iteration gives the transpose"
IN_MEMORY = "only the last digits depend on the order in memory, which here is the plain one"
EQUAL = {
    (
        "ADOPT",
        "formula",
        r"W := W - \alpha \delta \lambda W; dW := dW + (1 - \delta) \lambda W",
    ): EITHER_OR,
    (
        "ADOPT",
        "formula",
        r"b := b - \alpha \delta \lambda b; db := db + (1 - \delta) \lambda b",
    ): EITHER_OR,
    (
        "RAdam",
        "formula",
        r"\rho_{\infty} = \frac{2}{1 - \beta_2} - 1",
    ): "where the bound binds, k is 0, and whatever r is, to the power 0 it is 1",
    (
        "RAdam",
        "class",
        "rho_inf = 2 / (1 - beta2) - 1; "
        "exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)",
    ): "the two lines do not meet",
    (
        "AMSGrad",
        "step",
        "max_exp_avg_sq = np.maximum(exp_avg_sq, max_exp_avg_sq)",
    ): "the larger of two is the larger of the two in another order",
    (
        "AMSGrad",
        "class",
        "torch.maximum(exp_avg_sq, max_exp_avg_sq, out=max_exp_avg_sq)",
    ): "the larger of two is the larger of the two in another order",
    (
        "Adamax",
        "class",
        "torch.maximum(exp_inf.mul_(beta2), grad.abs().add_(group['eps']), out=exp_inf); "
        "exp_avg.lerp_(grad, 1 - beta1)",
    ): "the two lines do not meet",
    (
        "NAdam",
        "class",
        "param.addcdiv_(exp_avg, denom, value=-lr * mu_next / (1 - mu_product * mu_next)); "
        "param.addcdiv_(grad, denom, value=-lr * (1 - mu) / (1 - mu_product))",
    ): "the same sum in another order",
    (
        "RAdam",
        "class",
        "mean = lr / (1 - beta1 ** step) * exp_avg",
    ): "the same product in another order",
    ("Muon", "formula", r"X := a_1 X + (a_3 A + A A a_5) X"): ANYWHERE,
    (
        "Muon",
        "class",
        "update = update.div(update.norm().clamp(min=group['eps'])); "
        "if rows > columns: update = update.T",
    ): EITHER_WAY,
    (
        "Muon",
        "class",
        "if rows > columns: update = update.T; for _ in range(group['ns_steps']): "
        "gram = update @ update.T; "
        "update = update.addmm(gram.addmm(gram, gram, beta=a3, alpha=a5), update, beta=a1)",
    ): EITHER_WAY,
    ("Muon", "class", "update = grad.lerp(momentum_buffer, momentum)"): IN_MEMORY,
    ("Muon", "class", "update = grad.contiguous().lerp(momentum_buffer, momentum)"): IN_MEMORY,
}


class Mutant(NamedTuple):
    """One change: in what, of which kind, the line before and after, and the changed whole."""

    optimizer: str
    what: str
    kind: str
    before: str
    after: str
    changed: object


class Outcome(NamedTuple):
    """What came of a mutant: refused, raised, parted, equal or unnoticed; and the details."""

    mutant: Mutant
    result: str
    detail: str


# Formulas: edits are lists of (start, end, text) on the text of the section.


def nodes_of(node):
    """A parse tree's nodes, the outer ones first."""
    yield node
    for child in node.children:
        if hasattr(child, "data"):
            yield from nodes_of(child)


def formula_edits(tree, text, table):
    """Kinds and edits of one assignment.

    Args:
        tree: its parse tree.
        text: the piece of mathematics that it stands in.
        table: the symbols of the rule, by LaTeX.
    """
    right = tree.children[2]

    def source(node):
        start, end = extent(node)
        return text[start:end]

    def whole(node, new):
        return [(*extent(node), new)]

    symbols = [node for node in nodes_of(right) if node.data == "symbol"]
    letters = list(right.scan_values(lambda token: token.type == "LETTER_UP"))
    # Where a symbol stands, and what goes around another one in its place.
    places = [(*extent(node), source(node), "{}") for node in symbols]
    places += [
        (token.end_pos - len(token[1:].lstrip()), token.end_pos, token[1:].lstrip(), "{{{}}}")
        for token in letters
    ]
    for one, other in itertools.combinations(places, 2):
        if one[2] != other[2]:
            new = [(*one[:2], one[3].format(other[2])), (*other[:2], other[3].format(one[2]))]
            yield "exchange two symbols", new
    for start, end, latex, around in places:
        own = table[latex]
        for symbol in table.values():
            same = (symbol.kind, symbol.of) == (own.kind, own.of)
            if same and symbol is not own:
                yield "another symbol", [(start, end, around.format(symbol.latex))]
        if latex == "t":
            yield "t to t - 1", [(start, end, "{t - 1}" if around != "{}" else "(t - 1)")]
    for node in nodes_of(right):
        inner = [child for child in node.children if hasattr(child, "data")]
        if node.data == "root":
            yield "drop a root", whole(node, f"({source(inner[0])})")
        if node.data == "power":
            yield "drop a power", whole(node, source(inner[0]))
        if node.data in ("add", "subtract"):
            sign = node.children[1]
            yield "flip a sign", whole(sign, "-" if sign == "+" else "+")
            yield "drop a term", whole(node, source(inner[0]))
            if inner[0].data == "root":
                yield "ε into the root", whole(node, into_root(inner, source, "{} + {}"))
        if node.data == "negate":
            yield "flip a sign", whole(node, source(inner[0]))
        if node.data in ("quotient", "fraction"):
            yield "drop a divisor", whole(node, source(inner[0]))
        if node.data in ("juxtapose", "times"):
            yield "drop a factor", whole(node, source(inner[0]))
            yield "drop a factor", whole(node, source(inner[1]))
        if node.data in ("maximum", "minimum"):
            other = r"\min" if node.data == "maximum" else r"\max"
            yield "exchange max and min", whole(node.children[0], other)
            inner = [child for child in inner[0].children if hasattr(child, "data")]
            if inner[0].data == "root":
                yield "ε into the root", whole(node, into_root(inner, source, r"\max({}, {})"))
            for part in inner:
                yield "drop a bound", whole(node, source(part))
        if node.data == "clip":
            first, low, high = (one for one in inner[0].children if hasattr(one, "data"))
            new = rf"\operatorname{{clip}}({source(first)}, {source(high)}, {source(low)})"
            yield "exchange the bounds", whole(node, new)
            yield "drop a bound", whole(node, rf"\max({source(first)}, {source(low)})")
            yield "drop a bound", whole(node, rf"\min({source(first)}, {source(high)})")
            yield "drop the clipping", whole(node, source(first))
        if node.data == "number":
            yield "another number", whole(node, f"{float(source(node)) + 1:g}")


def into_root(parts, source, shape):
    r"""What \sqrt{x} + y is with y inside the root."""
    [inside] = [child for child in parts[0].children if hasattr(child, "data")]
    return rf"\sqrt{{{shape.format(source(inside), source(parts[1]))}}}"


def replaced(text, edits):
    """A text after edits."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def shifted(edits, by):
    """Edits of a text that begins elsewhere."""
    return [(start + by, end + by, new) for start, end, new in edits]


def formula_text(name):
    """The file of an optimizer and the text of its formula section."""
    path = Path(sys.modules[OPTIMIZERS[name].step.__module__].__file__)
    return path, section_of(path.read_text(encoding="utf-8"), path.name)[0]


def table_of(name):
    """The symbols that an optimizer's formula may use."""
    entry = OPTIMIZERS[name]
    return symbols_for([*entry.optimizer.state_names, *entry.step.__kwdefaults__])


@functools.cache
def formula_mutants(name):
    """The mutants of an optimizer's formula, as texts of its section."""
    return [one for one in formula_changes(name) if not same_meaning(one)]


@functools.cache
def formula_changes(name):
    """The same, with those that SymPy sees no difference in."""
    path, text = formula_text(name)
    original = read(text, symbols=table_of(name))
    statements, mutants = [], []
    for math in pieces_of_math(Source(text, path.name, 1)):
        for tree in parser().parse(math.latex).children:
            if getattr(tree, "data", None) == "assignment":
                start, end = extent(tree)
                statements.append((math.start + start, math.start + end))
                for kind, edits in formula_edits(tree, math.latex, original.symbols):
                    edits = [(math.start + a, math.start + b, new) for a, b, new in edits]
                    moved = [
                        (a - math.start - start, b - math.start - start, c) for a, b, c in edits
                    ]
                    before = math.latex[start:end]
                    after = replaced(before, moved)
                    changed = replaced(text, [(a, b, new) for a, b, new in edits])
                    mutants.append(Mutant(name, "formula", kind, before, after, changed))
    spans = dict(zip(original.statements, statements, strict=True))
    for variable, part in itertools.product(original.variables, ("initialize", "iteration")):
        lines = original.lines(variable, part)
        for one, other in itertools.pairwise(lines):
            if one.target in (*other.reads, other.target) or other.target in one.reads:
                edits = [(*spans[one], other.latex), (*spans[other], one.latex)]
                after = f"{other.latex}; {one.latex}"
                before = f"{one.latex}; {other.latex}"
                changed = replaced(text, edits)
                mutants.append(
                    Mutant(name, "formula", "exchange two lines", before, after, changed)
                )
        for line in lines:
            # A pair of dollar signs without a formula between them is no formula.
            changed = replaced(text, [(*spans[line], "t")])
            mutants.append(Mutant(name, "formula", "drop a line", line.latex, "", changed))
    return distinct(mutants)


def same_meaning(mutant):
    """Whether SymPy sees no difference: factors in another order, for one."""
    original = rule_of(mutant.optimizer).statements
    try:
        lines = read(mutant.changed, symbols=table_of(mutant.optimizer)).statements
    except FormulaError:
        return False
    return len(lines) == len(original) and all(
        (one.section, one.target) == (other.section, other.target)
        and (
            one.expression == other.expression
            or evaluated(one.expression) == evaluated(other.expression)
        )
        for one, other in zip(lines, original, strict=True)
    )


def evaluated(expression):
    """An expression as SymPy itself orders and simplifies it."""
    if not expression.args:
        return expression
    return expression.func(*map(evaluated, expression.args))


# Code: a changed syntax tree.


def code_edits(tree):
    """Kinds and changed copies of a function's syntax tree, with the changed statement."""
    nodes = list(ast.walk(tree))
    for index, node in enumerate(nodes):
        for kind, change in node_edits(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            replace(changed, target, change(target))
            yield kind, statement_of(tree, node), changed
        if isinstance(node, ast.stmt) and not isinstance(node, ast.If | ast.FunctionDef):
            found = variables(node)
            for one, other in itertools.combinations(range(len(found)), 2):
                if found[one].id != found[other].id:
                    changed = copy.deepcopy(tree)
                    target = list(ast.walk(changed))[index]
                    own = variables(target)
                    own[one].id, own[other].id = own[other].id, own[one].id
                    yield "exchange two symbols", node, changed
        for field in ("body", "orelse"):
            body = getattr(node, field, None)
            for position in range(len(body) if isinstance(body, list) else 0):
                if is_docstring(body[position]):
                    continue
                changed = copy.deepcopy(tree)
                target = getattr(list(ast.walk(changed))[index], field)
                gone = target.pop(position)
                if not target:
                    target.append(ast.Pass())
                if not isinstance(gone, ast.Return):
                    yield "drop a line", body[position], changed
                following = body[position + 1 : position + 2]
                if following and depend(body[position], following[0]):
                    changed = copy.deepcopy(tree)
                    target = getattr(list(ast.walk(changed))[index], field)
                    target[position], target[position + 1] = target[position + 1], target[position]
                    yield "exchange two lines", body[position], changed


TWINS = {"beta1": "beta2", "beta2": "beta1", "exp_avg": "exp_avg_sq", "exp_avg_sq": "exp_avg"}
OTHERS = {"maximum": "minimum", "minimum": "maximum", "zeros_like": "ones_like"}
FLIPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add}
OPPOSITE = {
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.Gt: ast.LtE, ast.Lt: ast.GtE},
}
DROPPED = {
    ast.Add: ["drop a term"],
    ast.Sub: ["drop a term"],
    ast.Mult: ["drop a factor"],
    ast.Div: ["drop a divisor"],
    ast.Pow: ["drop a power"],
}


def node_edits(node):
    """Kinds of changes to one node, and functions that make the new node of a copy."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in FLIPPED:
            flip = FLIPPED[type(node.op)]
            yield "flip a sign", lambda own: ast.BinOp(own.left, flip(), own.right)
        for kind in DROPPED.get(type(node.op), []):
            yield kind, lambda own: own.left
            if isinstance(node.op, ast.Mult):
                yield kind, lambda own: own.right
        if isinstance(node.op, ast.Add) and is_call(node.left, "sqrt"):
            yield "ε into the root", root_around(lambda own, x: ast.BinOp(x, ast.Add(), own.right))
    if isinstance(node, ast.UnaryOp):
        kind = "negate a condition" if isinstance(node.op, ast.Not) else "flip a sign"
        yield kind, lambda own: own.operand
    if isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.UnaryOp):
        yield "negate a condition", negated
    if isinstance(node, ast.Compare):
        opposite = OPPOSITE[type(node.ops[0])]
        yield (
            "negate a condition",
            lambda own: ast.Compare(own.left, [opposite()], own.comparators),
        )
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield "negate a condition", lambda own: ast.BoolOp(other(), own.values)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "another number", lambda own: ast.Constant(own.value + 1)
    if is_variable(node):
        if node.id in TWINS:
            yield "another symbol", lambda own: ast.Name(TWINS[own.id], own.ctx)
        if node.id == "step":
            yield "t to t - 1", lambda own: ast.BinOp(own, ast.Sub(), ast.Constant(1))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        module = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "torch")
        name = node.func.attr
        if name in OTHERS:
            yield "exchange max and min", lambda own: renamed(own, OTHERS[name])
        if module and name in ("maximum", "minimum") and is_call(node.args[0], "sqrt"):
            yield (
                "ε into the root",
                root_around(lambda own, x: ast.Call(own.func, [x, own.args[1]], []), first),
            )
        if name == "sqrt":
            yield "drop a root", lambda own: own.args[0] if module else own.func.value
        elif module and node.args:
            yield "drop a call", first
        elif not module:
            yield "drop a call", lambda own: own.func.value
            if is_method(node.func.value):
                yield "exchange two calls", exchanged_calls
        if name in ("clip", "clamp_") and len(node.args) >= 2:
            yield "exchange the bounds", exchanged_bounds
        if any(keyword.arg == "min" for keyword in node.keywords):
            yield "exchange max and min", min_to_max


def first(call):
    """A call's first argument."""
    return call.args[0]


def negated(node):
    """An if with the opposite condition."""
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def renamed(call, name):
    """A call of another function."""
    call.func.attr = name
    return call


def min_to_max(call):
    """A call with its keyword min as max."""
    for keyword in call.keywords:
        keyword.arg = "max" if keyword.arg == "min" else keyword.arg
    return call


def exchanged_bounds(call):
    """A call with its last two arguments exchanged."""
    call.args[-2:] = call.args[:-3:-1]
    return call


def exchanged_calls(call):
    """x.f().g() as x.g().f()."""
    inner = call.func.value
    call.func.attr, inner.func.attr = inner.func.attr, call.func.attr
    call.args, inner.args = inner.args, call.args
    call.keywords, inner.keywords = inner.keywords, call.keywords
    return call


def root_around(make, part=lambda own: own.left):
    """A change that moves the root of a part around the whole."""

    def change(own):
        root = part(own)
        return ast.Call(root.func, [make(own, root.args[0])], [])

    return change


# Modules, and the dicts that hold the rest: in another's place they only raise.
NOT_VARIABLES = ("np", "torch", "super", "self", "state", "group")


def is_variable(node):
    """Whether a node reads a variable."""
    reads = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    return reads and node.id not in NOT_VARIABLES


def variables(node):
    """The nodes in a statement that read a variable, functions that it calls left out."""
    called = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return [one for one in ast.walk(node) if is_variable(one) and one not in called]


def is_call(node, name):
    """Whether a node calls np.name."""
    return isinstance(node, ast.Call) and getattr(node.func, "attr", None) == name


def is_method(node):
    """Whether a node calls a method of a value."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def is_docstring(node):
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def depend(one, other):
    """Whether the order of two statements matters; those that leave a function are not moved."""
    if any(isinstance(node, ast.Return) for part in (one, other) for node in ast.walk(part)):
        return False
    return bool(writes(one) & names(other) or writes(other) & names(one))


def names(node):
    """The variables in a statement."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def writes(node):
    """The variables that a statement assigns to, or changes in place."""
    found = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            found.add(one.id)
        if is_method(one) and one.func.attr.endswith("_"):
            found |= names(one.func.value)
        if isinstance(one, ast.Call) and getattr(one.func, "id", "").endswith("_"):
            found |= names(one.args[0])
        if isinstance(one, ast.keyword) and one.arg == "out":
            found |= names(one.value)
    return found


def replace(tree, old, new):
    """Put a node in the place of another."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if one is old else one for one in value])


def statement_of(tree, node):
    """The innermost statement that a node stands in."""
    inside = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.stmt) and any(part is node for part in ast.walk(one))
    ]
    return inside[-1]


def ordered(node):
    """A text of a tree with factors and terms in one order, to see which changes change nothing."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
        return f"{type(node.op).__name__}{sorted(map(ordered, operands(node, type(node.op))))}"
    if isinstance(node, ast.AST):
        fields = [ordered(value) for _, value in ast.iter_fields(node)]
        return f"{type(node).__name__}({', '.join(fields)})"
    if isinstance(node, list):
        return f"[{', '.join(map(ordered, node))}]"
    return repr(node)


def operands(node, operation):
    """The factors of a product or the terms of a sum; the sign of a factor is one more factor."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, operation):
        return [*operands(node.left, operation), *operands(node.right, operation)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and operation is ast.Mult:
        return [ast.Constant(-1), *operands(node.operand, operation)]
    return [node]


def code_mutants(name, what):
    """The mutants of a NumPy step or of a class's methods, as changed syntax trees."""
    source = inspect.getsource(getattr(OPTIMIZERS[name], STEP_OR_CLASS[what]))
    [top] = ast.parse(textwrap.dedent(source)).body
    functions = [top]
    if what == "class":
        defined = [one for one in top.body if isinstance(one, ast.FunctionDef)]
        # What only checks its arguments is held by tests of its own.
        checks = ("__init__", "add_param_group", "_check_group")
        functions = [one for one in defined if one.name not in checks]
    mutants = []
    for function in functions:
        for kind, before, changed in code_edits(function):
            if ordered(changed) == ordered(function):
                continue
            if what == "class":
                owner = copy.copy(top)
                owner.body = [changed if one is function else one for one in top.body]
            module = ast.Module([changed if what == "step" else owner], [])
            after = difference(ast.unparse(function), ast.unparse(changed))
            line = ast.unparse(before).split("\n")[0]
            mutants.append(Mutant(name, what, kind, line, after, ast.fix_missing_locations(module)))
    return distinct(mutants)


def step_mutants(name):
    """The mutants of a NumPy step."""
    return code_mutants(name, "step")


def class_mutants(name):
    """The mutants of the methods of a PyTorch class."""
    return code_mutants(name, "class")


STEP_OR_CLASS = {"step": "step", "class": "optimizer"}


def difference(before, after):
    """The lines that differ, after the change."""
    old, new = before.split("\n"), after.split("\n")
    start = end = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    changed = [line.strip() for line in new[start : len(new) - end]]
    return "; ".join(changed).replace(":;", ":") or f"without {old[start].strip()}"


def distinct(mutants):
    """Each change once, whatever kinds lead to it."""
    seen = {}
    for one in mutants:
        text = one.changed if isinstance(one.changed, str) else ast.unparse(one.changed)
        seen.setdefault(text, one)
    return list(seen.values())


# The run


def programs(mutant):
    """What a mutant runs as: functions of a setting and gradients that give what the checks see."""
    name = mutant.optimizer
    if mutant.what == "formula":
        original = rule_of(name)
        rule = read(mutant.changed, symbols=table_of(name), defaults=original.defaults)
        for variable in original.variables:
            lines = [[(one.section, one.target, one.expression) for one in own.lines(variable)]
                     for own in (rule, original)]  # fmt: skip
            if lines[0] != lines[1]:

                def step(*args, variable=variable, **hyper):
                    return rule.step(*args, variable=variable, **hyper)

                yield functools.partial(agreement.run_step, step)
        return
    entry = OPTIMIZERS[name]
    namespace = dict(vars(sys.modules[entry.step.__module__]))
    exec(compile(mutant.changed, f"<{name} {mutant.what}>", "exec"), namespace)
    if mutant.what == "step":
        yield functools.partial(agreement.run_step, namespace[entry.step.__name__])
    else:
        cls = namespace[entry.optimizer.__name__]
        yield functools.partial(agreement.run_class, cls)


def outcome(mutant, expected):
    """Run a mutant until a look, which is a setting and gradients, shows a difference."""
    try:
        for program in programs(mutant):
            for look, wanted in expected:
                found = agreement.disagreement(program(*look), wanted)
                if found:
                    return Outcome(mutant, "parted", f"{look[0]}: {found}")
    except FormulaError as error:
        return Outcome(mutant, "refused", str(error).split("\n")[0])
    except Exception as error:
        return Outcome(mutant, "raised", f"{type(error).__name__}: {error}")
    reason = EQUAL.get((mutant.optimizer, mutant.what, mutant.after))
    return Outcome(mutant, "equal" if reason else "unnoticed", reason or "")


def run(only=None):
    """All outcomes, of one optimizer or of all."""
    outcomes = []
    for name in OPTIMIZERS:
        if only in (None, name):
            step = OPTIMIZERS[name].step
            expected = [(look, agreement.run_step(step, *look)) for look in agreement.looks(name)]
            mutants = [*formula_mutants(name), *step_mutants(name), *class_mutants(name)]
            outcomes += [outcome(mutant, expected) for mutant in mutants]
    return outcomes


def stale(outcomes, only=None):
    """Entries of `EQUAL` that no mutant of equal meaning needs."""
    used = {
        (one.mutant.optimizer, one.mutant.what, one.mutant.after)
        for one in outcomes
        if one.result == "equal"
    }
    return [key for key in EQUAL if key not in used and only in (None, key[0])]


RESULTS = ("refused", "raised", "parted", "equal", "unnoticed")


def table(outcomes, column, key):
    """A Markdown table that counts outcomes."""
    counts = Counter((key(one.mutant), one.result) for one in outcomes)
    lines = [
        f"| {column} | changes | {' | '.join(RESULTS)} |",
        "|:--" + "|--:" * (len(RESULTS) + 1) + "|",
    ]
    for row in dict.fromkeys(key(one.mutant) for one in outcomes):
        own = [counts[row, result] for result in RESULTS]
        lines.append(f"| {row} | {sum(own)} | {' | '.join(map(str, own))} |")
    return "\n".join(lines)


def markdown(outcomes):
    """The result as Markdown."""
    parts = [
        table(outcomes, "changed", lambda one: f"{one.optimizer}, {one.what}"),
        table(outcomes, "kind", lambda one: one.kind),
    ]
    equal = [one for one in outcomes if one.result == "equal"]
    if equal:
        rows = [
            f"| {one.mutant.optimizer}, {one.mutant.what} "
            f"| `{one.mutant.after.replace('|', chr(92) + '|')}` | {one.detail} |"
            for one in equal
        ]
        parts.append("\n".join(["| changed | to | equal, because |", "|:--|:--|:--|", *rows]))
    return "\n\n".join(parts) + "\n"


def fingerprint():
    """What changes when the package, or how it is checked, changes."""
    root = Path(__file__).parent.parent
    files = [*root.glob("optimizers/**/*.py"), *root.glob("optimizers/**/*.lark")]
    files += [root / "tests" / name for name in ("mutants.py", "agreement.py", "cases.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def main():
    """Run, write, and fail if a change went unnoticed or a reason is stale."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--only", choices=list(OPTIMIZERS), help="one optimizer")
    options.add_argument("path", nargs="?", type=Path, help="where to write, besides the screen")
    chosen = options.parse_args()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = run(chosen.only)
    print(markdown(outcomes))
    if chosen.path:
        text = f"<!-- {fingerprint()} -->\n\n{markdown(outcomes)}"
        chosen.path.write_text(text, encoding="utf-8")
    unnoticed = [one.mutant for one in outcomes if one.result == "unnoticed"]
    for one in unnoticed:
        print(f"unnoticed: {one[:5]}", file=sys.stderr)
    for key in stale(outcomes, chosen.only):
        print(f"stale: {key}", file=sys.stderr)
    return 1 if unnoticed or stale(outcomes, chosen.only) else 0


if __name__ == "__main__":
    sys.exit(main())
