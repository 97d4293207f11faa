"""Mutations: small changes of a module, each of which a test should notice.

Docstrings, annotations, decorators, assertions (they state types to mypy) and format specifications are left alone.
`ast.unparse` writes the changed module, so line numbers in a failing test's traceback are not those of the file.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
"""Operators and keywords, each with what is put in its place."""
SWAPPED_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
LEFT_ALONE = {"annotation", "returns", "decorator_list", "format_spec"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module.

    Attributes:
        key: its name, which stays the same when lines move: the function, the statement, and the changed statement.
        line: the line of that statement in the file.
        source: the whole module with the change.
    """

    key: str
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A field of a node, or an element of a field that is a list."""

    node: ast.AST
    field: str
    number: int | None

    def put(self, new: ast.AST) -> None:
        """Put a node here."""
        if self.number is None:
            setattr(self.node, self.field, new)
        else:
            getattr(self.node, self.field)[self.number] = new


@dataclass(frozen=True, slots=True)
class _Site:
    """A place in a syntax tree, what is there, and what a mutation puts there instead."""

    scope: str
    statement: ast.stmt
    place: _Place
    old: ast.AST
    new: ast.AST


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its source."""
    tree = ast.parse(source)
    met: Counter[str] = Counter()
    # The sites are listed first, because the loop changes the tree that they are found in: a single tree is changed for
    # each mutant and changed back after it.
    for site in list(_sites(tree, "module", None)):
        before = _first_line(site.statement)
        site.place.put(site.new)
        after = _first_line(site.new if site.old is site.statement else site.statement)
        key = f"{site.scope}: {before}  =>  {after}"
        met[key] += 1
        yield Mutant(f"{key} ({met[key]})" if met[key] > 1 else key, site.statement.lineno, ast.unparse(tree))
        site.place.put(site.old)


def _first_line(node: ast.AST) -> str:
    """Return a statement without its body."""
    return ast.unparse(node).splitlines()[0]


def _sites(node: ast.AST, scope: str, statement: ast.stmt | None) -> Iterator[_Site]:
    """Yield the sites below a node, from the outside in."""
    for place, child in _children(node):
        # An f-string is changed as a whole, once.
        if _is_left_alone(child) or (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            continue
        inner = child if isinstance(child, ast.stmt) else statement
        assert inner is not None
        inner_scope = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner_scope = f"{scope}.{child.name}".removeprefix("module.")
        for new in _replacements(child):
            yield _Site(inner_scope, inner, place, child, new)
        if isinstance(child, ast.expr) and _decides(child, node):
            yield _Site(inner_scope, inner, place, child, ast.UnaryOp(ast.Not(), child))
        yield from _sites(child, inner_scope, inner)


def _children(node: ast.AST) -> Iterator[tuple[_Place, ast.AST]]:
    """Yield each child with its place."""
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE:
            continue
        if isinstance(value, ast.AST):
            yield _Place(node, name, None), value
        elif isinstance(value, list):
            yield from (
                (_Place(node, name, number), one) for number, one in enumerate(value) if isinstance(one, ast.AST)
            )


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]):
            return True
    return False


def _decides(child: ast.expr, node: ast.AST) -> bool:
    """Return True if a node is its parent's condition and has no mutation of its own that negates it."""
    # `not x` loses its operator, and `a < b`, `a is b` get another: negating these would give a mutant twice.
    match child:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[_]):
            return False
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            return child is node.test
        case ast.match_case():
            return child is node.guard
        case ast.comprehension():
            return child in node.ifs
    return False


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        # Before the numbers, because a bool is an int.
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"XX{value}")
        case ast.JoinedStr(values=values):
            yield ast.JoinedStr([ast.Constant("XX"), *values])
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Name(id=name) if name in SWAPPED_NAMES:
            yield ast.Name(SWAPPED_NAMES[name])
        case ast.Expr() | ast.AugAssign():
            yield ast.Pass()
        case _ if type(node) in SWAPS:
            yield SWAPS[type(node)]()
