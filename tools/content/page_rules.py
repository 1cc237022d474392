"""A rule of an exercise, written in Python, as a tree that a page evaluates in JavaScript.

A rule is a function of the answer, such as ``lambda winners: len(set(winners)) == 1``. Its syntax
tree, and those of the functions that it calls, become nested lists; ``_extra/study/rules.js``
evaluates them, and knows by name the few functions of Python and NumPy that are listed here. A
rule that needs more raises an error when the book is built.
"""

import ast
import builtins
import functools
import types

import numpy as np

from attention_book.checking import letters

# What rules.js calls by the same name.
KNOWN = {
    getattr(builtins, name): name
    for name in (
        *("abs", "all", "any", "bool", "dict", "float", "isinstance", "len", "list", "map", "max"),
        *("min", "range", "set", "sorted", "str", "sum", "tuple", "zip"),
    )
} | {letters: "letters"}
KNOWN |= {
    getattr(np, name): f"np.{name}"
    for name in (
        *("abs", "allclose", "array_equal", "asarray", "diag", "diagonal", "exp", "isfinite"),
        *("isinf", "max", "ptp", "shape", "subtract"),
    )
}
METHODS = {"all", "any", "join", "max", "min", "sum", "upper", "values"}
ATTRIBUTES = {"T", "ndim", "shape", "size"}
OPERATORS = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="},
    **{ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not"},
    **{ast.Not: "not", ast.USub: "negative", ast.And: "and", ast.Or: "or"},
}


class NotForAPage(ValueError):
    """A rule uses something that a page cannot evaluate; the message says what, and where."""


class Functions:
    """Rules and all that they call, each once, known by its number."""

    def __init__(self):
        self._numbers, self.trees = {}, []

    def number(self, function):
        """Write a function, unless it is there already, and return its number."""
        if function not in self._numbers:
            self._numbers[function] = len(self.trees)
            self.trees.append(None)  # it may call itself
            self.trees[self._numbers[function]] = _Writer(function, self).written()
        return self._numbers[function]


@functools.cache
def _module(path):
    with open(path, encoding="utf-8") as file:
        return [
            n
            for n in ast.walk(ast.parse(file.read()))
            if isinstance(n, ast.Lambda | ast.FunctionDef)
        ]


def _syntax(code):
    """Return the syntax of a function."""
    arguments = code.co_varnames[: code.co_argcount]
    found = [
        node
        for node in _module(code.co_filename)
        if code.co_firstlineno
        in (node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ())))
        and tuple(argument.arg for argument in node.args.args) == arguments
    ]
    if len(found) != 1:
        raise NotForAPage(f"{code.co_filename}:{code.co_firstlineno}: one function a line, please")
    return found[0]


class _Writer:
    """Writes one function; ``names`` are those that it does not bind itself."""

    def __init__(self, function, functions):
        self.code, self.functions = function.__code__, functions
        self.defaults = function.__defaults__ or ()
        free = (cell.cell_contents for cell in function.__closure__ or ())
        self.names = function.__globals__ | dict(zip(self.code.co_freevars, free, strict=True))

    def written(self):
        node = _syntax(self.code)
        arguments = [argument.arg for argument in node.args.args]
        if node.args.vararg or node.args.kwonlyargs or node.args.kwarg:
            raise self.error(node)
        self.bound = {*arguments}
        self.bound |= {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        body = (
            [["return", self(node.body)]] if isinstance(node, ast.Lambda) else self.all(node.body)
        )
        return [arguments, list(map(self.value, self.defaults)), body]

    def error(self, node):
        return NotForAPage(
            f"{self.code.co_filename}:{node.lineno}: a page cannot evaluate {ast.unparse(node)!r}"
        )

    def all(self, nodes):
        return [written for node in nodes if (written := self(node)) is not None]

    def __call__(self, node):
        return getattr(self, type(node).__name__, self.other)(node)

    def other(self, node):
        raise self.error(node)

    def value(self, value, node=None):
        """Write a value that is known when the book is built."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return ["literal", value]
        if isinstance(value, list | tuple):
            return ["list", *map(self.value, value)]
        if isinstance(value, np.ndarray):
            return ["apply", ["known", "np.asarray"], [self.value(value.tolist())], {}]
        if isinstance(value, type) and value in (bool, float, int, list, str, tuple):
            return ["known", value.__name__]
        if value in KNOWN:
            return ["known", KNOWN[value]]
        if isinstance(value, types.FunctionType):
            return ["function", self.functions.number(value)]
        raise self.error(node)

    # Expressions

    def Constant(self, node):
        return self.value(node.value, node)

    def Name(self, node):
        if node.id in self.bound:
            return ["name", node.id]
        return self.value(self.names.get(node.id, getattr(builtins, node.id, None)), node)

    def known(self, node):
        """Return what a dotted name such as np.exp stands for; None if it is none of the module."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.names and root.id not in self.bound:
            return eval(ast.unparse(node), self.names)

    def Attribute(self, node):
        thing = self.known(node)
        if thing is not None:
            return self.value(thing, node)
        if node.attr not in ATTRIBUTES:
            raise self.error(node)
        return ["attribute", self(node.value), node.attr]

    def Call(self, node):
        options = {keyword.arg: self(keyword.value) for keyword in node.keywords}
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and self.known(node.func) is None
        ):
            return ["method", self(node.func.value), node.func.attr, self.all(node.args), options]
        return ["apply", self(node.func), self.all(node.args), options]

    def Starred(self, node):
        return ["star", self(node.value)]

    def List(self, node):
        return ["list", *self.all(node.elts)]

    Tuple = List

    def Set(self, node):
        return ["apply", ["known", "set"], [self.List(node)], {}]

    def Subscript(self, node):
        if not isinstance(node.slice, ast.Slice):
            return ["item", self(node.value), self(node.slice)]
        ends = (node.slice.lower, node.slice.upper, node.slice.step)
        return [
            "slice",
            self(node.value),
            *(self(end) if end else ["literal", None] for end in ends),
        ]

    def UnaryOp(self, node):
        return [OPERATORS.get(type(node.op)) or self.other(node), self(node.operand)]

    def BinOp(self, node):
        operator = OPERATORS.get(type(node.op)) or self.other(node)
        return ["operator", operator, self(node.left), self(node.right)]

    def BoolOp(self, node):
        return [OPERATORS[type(node.op)], *self.all(node.values)]

    def Compare(self, node):
        operators = [OPERATORS[type(operator)] for operator in node.ops]
        return ["compare", self(node.left), operators, self.all(node.comparators)]

    def IfExp(self, node):
        return ["choose", self(node.test), self(node.body), self(node.orelse)]

    def ListComp(self, node):
        loops = [[self(g.target), self(g.iter), self.all(g.ifs)] for g in node.generators]
        return ["each", self(node.elt), loops]

    GeneratorExp = ListComp

    # Statements

    def Return(self, node):
        return ["return", self(node.value)]

    def Assign(self, node):
        return ["assign", self(node.targets[0]), self(node.value)]

    def If(self, node):
        return ["if", self(node.test), self.all(node.body), self.all(node.orelse)]

    def Raise(self, node):
        return ["raise"]

    def Try(self, node):
        (handler,) = node.handlers
        return ["try", self.all(node.body), self.all(handler.body)]

    def Expr(self, node):
        if not isinstance(node.value, ast.Constant):  # a docstring
            raise self.error(node)
