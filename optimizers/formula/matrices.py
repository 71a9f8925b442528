r"""Matrices in formulas: which symbols are matrices, what fits together, and what is refused.

Everything else is computed element by element, whatever its shape. A symbol of the kind `matrix`
has rows and columns: $X Y$ is the product of matrices, $X^\top$ the transpose and
$\lVert X \rVert_F$ the Frobenius norm. A shape is NUMBER, ARRAY or (rows, columns).
"""

import sympy

NUMBER, ARRAY = "a number", "an array"
# Sizes are known by name only. None is an unknown size, such as in a formula by itself.
PARAMETER, UNKNOWN = ("rows", "columns"), (None, None)


class matmul(sympy.Function):
    """The product of two matrices."""


class transpose(sympy.Function):
    """A matrix with its rows as columns."""


class norm(sympy.Function):
    """The Euclidean norm of a whole array."""


class frobenius(norm):
    """The Euclidean norm of all entries of a matrix."""


class Mismatch(Exception):
    """Operands that do not fit: the message, and what would be accepted."""


def is_matrix(shape):
    """Whether a shape is that of a matrix."""
    return isinstance(shape, tuple)


def shape_of(expression, table, shapes):
    """The shape of an expression that was built.

    Args:
        expression: the SymPy expression.
        table: the known symbols, by LaTeX.
        shapes: the shapes of the matrices that have been assigned to, by LaTeX.

    Returns:
        NUMBER, ARRAY or (rows, columns).

    Example:
        >>> from .symbols import symbols_for
        >>> table = {symbol.latex: symbol for symbol in symbols_for()}
        >>> x, lr = sympy.symbols(r"X \\alpha")
        >>> shape_of(lr * matmul(transpose(x), x), table, {"X": PARAMETER})
        ('columns', 'columns')
    """
    if expression.is_Symbol:
        symbol = table[expression.name]
        if symbol.kind == "matrix":
            return shapes.get(expression.name, UNKNOWN)
        return ARRAY if symbol.of else NUMBER
    if isinstance(expression, norm):
        return NUMBER
    parts = [shape_of(part, table, shapes) for part in expression.args]
    if isinstance(expression, matmul):
        return parts[0][0], parts[1][1]
    if isinstance(expression, transpose):
        return parts[0][::-1]
    # The result of an operation on elements has the shape of its largest part.
    return next(filter(is_matrix, parts), ARRAY if ARRAY in parts else NUMBER)


def fits(left, right):
    """Whether two shapes are the same, so far as they are known; an array has the parameter's."""
    left, right = (PARAMETER if shape == ARRAY else shape for shape in (left, right))
    if not (is_matrix(left) and is_matrix(right)):
        return left == right
    return all(a == b or None in (a, b) for a, b in zip(left, right, strict=True))


def in_words(shape):
    """A shape in words."""
    shape = PARAMETER if shape == ARRAY else shape
    return " × ".join(size or "?" for size in shape) if is_matrix(shape) else shape


def check(operation, shapes, sign=""):
    """Refuse an operation that matrices do not have, or whose operands do not fit.

    Args:
        operation: the name of the grammar's rule.
        shapes: the shapes of its operands, at least one of them a matrix.
        sign: the sign between the factors of a product; empty if they stand side by side.

    Raises:
        Mismatch: matrices do not have the operation, or the operands do not fit.
    """
    if operation in ("group", "negate"):
        return
    if operation in ("add", "subtract"):
        if NUMBER in shapes:
            message = "a number and a matrix: to every entry, or on the diagonal?"
            raise Mismatch(message, "operands of the same shape")
        if not fits(*shapes):
            message = f"a sum of {in_words(shapes[0])} and {in_words(shapes[1])}"
            raise Mismatch(message, "operands of the same shape")
    elif operation in ("juxtapose", "times"):
        if NUMBER in shapes:
            return
        if ARRAY in shapes:
            message = "a product of a matrix and of what is multiplied element by element"
            raise Mismatch(message, "two matrices; $X = dW$ makes a matrix of dW")
        if sign:
            message = "between matrices, which product?"
            raise Mismatch(message, "the matrices side by side: the product of matrices")
        if not fits((shapes[0][1],) * 2, (shapes[1][0],) * 2):
            message = f"a product of {in_words(shapes[0])} and {in_words(shapes[1])}"
            raise Mismatch(message, r"as many columns as rows below them, such as $X X^\top$")
    elif operation not in ("quotient", "fraction") or shapes[1] != NUMBER:
        message = f"{operation} of a matrix: of each entry, or of the whole?"
        raise Mismatch(
            message, r"sums, $X Y$, $X^\top$, $\lVert X \rVert_F$, products with numbers"
        )


def check_assignment(latex, target, value):
    """Refuse a value that does not fit the symbol that it is assigned to.

    Args:
        latex: the target's symbol.
        target: its shape; UNKNOWN for a matrix that has none yet.
        value: the shape of the value.

    Raises:
        Mismatch: it does not fit.
    """
    if (is_matrix(target) or is_matrix(value)) and not fits(target, value):
        message = f"`{latex}` is {in_words(target)}, and this is {in_words(value)}"
        raise Mismatch(message, f"a value of the shape {in_words(target)}")
