"""Changes of a NumPy step or of a PyTorch class: changed copies of its syntax tree."""

import ast
import copy
import inspect
import itertools
import textwrap

from optimizers import OPTIMIZERS

from .mutant import Mutant, distinct


def code_edits(tree):
    """Yield the kind of each change of a function, the statement, and the changed syntax tree."""
    nodes = list(ast.walk(tree))
    for index, node in enumerate(nodes):
        for kind, change in node_edits(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            replace(changed, target, change(target))
            yield kind, statement_of(tree, node), changed
        if isinstance(node, ast.stmt) and not isinstance(node, ast.If | ast.FunctionDef):
            found = variables(node)
            for i, j in itertools.combinations(range(len(found)), 2):
                if found[i].id != found[j].id:
                    changed = copy.deepcopy(tree)
                    target = list(ast.walk(changed))[index]
                    own = variables(target)
                    own[i].id, own[j].id = own[j].id, own[i].id
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
    """Yield kinds of changes of a node, and functions that make the new node from a copy."""
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
    """Return a call's first argument."""
    return call.args[0]


def negated(node):
    """Return an if with the opposite condition."""
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def renamed(call, name):
    """Return a call of another function."""
    call.func.attr = name
    return call


def min_to_max(call):
    """Return a call with its keyword min as max."""
    for keyword in call.keywords:
        keyword.arg = "max" if keyword.arg == "min" else keyword.arg
    return call


def exchanged_bounds(call):
    """Return a call with its last two arguments exchanged."""
    call.args[-2:] = call.args[:-3:-1]
    return call


def exchanged_calls(call):
    """Return x.f().g() as x.g().f()."""
    inner = call.func.value
    call.func.attr, inner.func.attr = inner.func.attr, call.func.attr
    call.args, inner.args = inner.args, call.args
    call.keywords, inner.keywords = inner.keywords, call.keywords
    return call


def root_around(make, part=lambda own: own.left):
    """Return a change that moves the root of a part around the whole."""

    def change(own):
        root = part(own)
        return ast.Call(root.func, [make(own, root.args[0])], [])

    return change


# Modules, and the dicts that hold the rest: in another's place they only raise.
NOT_VARIABLES = ("np", "torch", "super", "self", "state", "group")


def is_variable(node):
    """Say whether a node reads a variable."""
    reads = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    return reads and node.id not in NOT_VARIABLES


def variables(node):
    """Return the nodes in a statement that read a variable, without the functions that it calls."""
    called = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
    return [part for part in ast.walk(node) if is_variable(part) and part not in called]


def is_call(node, name):
    """Say whether a node calls np.name."""
    return isinstance(node, ast.Call) and getattr(node.func, "attr", None) == name


def is_method(node):
    """Say whether a node calls a method of a value."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def is_docstring(node):
    """Say whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def depend(first, second):
    """Say whether the order of two statements matters; those that leave a function stay."""
    if any(isinstance(node, ast.Return) for part in (first, second) for node in ast.walk(part)):
        return False
    return bool(writes(first) & names(second) or writes(second) & names(first))


def names(node):
    """Return the variables in a statement."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def writes(node):
    """Return the variables that a statement assigns to, or changes in place."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        if is_method(part) and part.func.attr.endswith("_"):
            found |= names(part.func.value)
        if isinstance(part, ast.Call) and getattr(part.func, "id", "").endswith("_"):
            found |= names(part.args[0])
        if isinstance(part, ast.keyword) and part.arg == "out":
            found |= names(part.value)
    return found


def replace(tree, old, new):
    """Put a node in the place of another."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if item is old else item for item in value])


def statement_of(tree, node):
    """Return the innermost statement that a node stands in."""
    inside = [
        statement
        for statement in ast.walk(tree)
        if isinstance(statement, ast.stmt) and any(part is node for part in ast.walk(statement))
    ]
    return inside[-1]


def ordered(node):
    """Return a tree as text with factors and terms sorted, to see which changes change nothing."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
        return f"{type(node.op).__name__}{sorted(map(ordered, operands(node, type(node.op))))}"
    if isinstance(node, ast.AST):
        fields = [ordered(value) for _, value in ast.iter_fields(node)]
        return f"{type(node).__name__}({', '.join(fields)})"
    if isinstance(node, list):
        return f"[{', '.join(map(ordered, node))}]"
    return repr(node)


def operands(node, operation):
    """Return the factors of a product or the terms of a sum; a factor's sign is a factor, too."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, operation):
        return [*operands(node.left, operation), *operands(node.right, operation)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and operation is ast.Mult:
        return [ast.Constant(-1), *operands(node.operand, operation)]
    return [node]


def code_mutants(name, part):
    """Return the mutants of a NumPy step or of a class's methods, as changed syntax trees."""
    source = inspect.getsource(getattr(OPTIMIZERS[name], FIELDS[part]))
    [top] = ast.parse(textwrap.dedent(source)).body
    functions = [top]
    if part == "class":
        defined = [method for method in top.body if isinstance(method, ast.FunctionDef)]
        # Methods that only check, or that join several parameters, have tests of their own.
        checks = ("__init__", "add_param_group", "_check_group", "_check_saved", "_step_plainly")
        functions = [method for method in defined if method.name not in checks]
    mutants = []
    for function in functions:
        for kind, before, changed in code_edits(function):
            if ordered(changed) == ordered(function):
                continue
            if part == "class":
                owner = copy.copy(top)
                owner.body = [changed if method is function else method for method in top.body]
            module = ast.Module([changed if part == "step" else owner], [])
            after = difference(ast.unparse(function), ast.unparse(changed))
            line = ast.unparse(before).split("\n")[0]
            mutants.append(Mutant(name, part, kind, line, after, ast.fix_missing_locations(module)))
    return distinct(mutants)


def step_mutants(name):
    """Return the mutants of a NumPy step."""
    return code_mutants(name, "step")


def class_mutants(name):
    """Return the mutants of the methods of a PyTorch class."""
    return code_mutants(name, "class")


# The field of an entry of OPTIMIZERS that holds each part.
FIELDS = {"step": "step", "class": "optimizer"}


def difference(before, after):
    """Return the lines that differ, after the change."""
    old, new = before.split("\n"), after.split("\n")
    start = end = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    changed = [line.strip() for line in new[start : len(new) - end]]
    return "; ".join(changed).replace(":;", ":") or f"without {old[start].strip()}"
