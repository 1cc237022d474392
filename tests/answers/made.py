"""Wrong answers that a program makes, in the same way for every exercise.

``mutants`` are the solution with one piece of it changed; ``changed_results`` return something
else than the solution does; ``writers`` write into an argument; ``wrong_values`` are the right
answer to a question with one part changed. ``EQUIVALENT`` lists the mutants that are right.
"""

import ast
import copy
import inspect

import numpy as np

# The solution with one piece changed -------------------------------------------------------------

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.BitAnd: ast.BitOr, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.Pow: ast.Mult,
}  # fmt: skip
NAMES = {
    "max": "min", "min": "max", "sum": "mean", "mean": "sum", "argmax": "argmin", "all": "any",
    "ceil": "floor", "sqrt": "cbrt", "exp": "exp2", "log": "log2", "tanh": "sin", "divmod": "fmod",
    "isneginf": "isposinf", "eye": "ones", "stack": "concatenate", "zeros_like": "ones_like",
}  # fmt: skip


def _changes(node, arguments):
    """Yield what may stand in the place of a node."""
    if isinstance(node, (ast.BinOp, ast.Compare)):
        operator = node.op if isinstance(node, ast.BinOp) else node.ops[0]
        left, right = node.left, getattr(node, "right", None) or node.comparators[0]
        if type(operator) in OPERATORS:
            other = OPERATORS[type(operator)]()
            yield (
                ast.BinOp(left, other, right)
                if isinstance(node, ast.BinOp)
                else ast.Compare(left, [other], [right])
            )
        yield from (left, right)
    elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
        value = node.value
        other = 2 * value if isinstance(value, float) else value + 1
        yield ast.Constant(not value if isinstance(value, bool) else other)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Attribute):
        if node.attr == "T":
            yield node.value
        if node.attr in NAMES:
            yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)
    elif isinstance(node, ast.Call):
        for number in range(len(node.keywords)):
            rest = node.keywords[:number] + node.keywords[number + 1 :]
            yield ast.Call(node.func, node.args, rest)
        if isinstance(node.func, ast.Attribute):
            is_method = getattr(node.func.value, "id", "") not in ("np", "math", "reference")
            yield node.func.value if is_method else node.args[0]
    elif isinstance(node, ast.Name) and node.id in arguments:
        place = arguments.index(node.id) + 1
        yield ast.Name(arguments[place % len(arguments)], node.ctx)
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        yield ast.Pass()


class _Exchange(ast.NodeTransformer):
    """Put another node in the place of the one with a number."""

    def __init__(self, number, other):
        self.number, self.other, self.seen = number, other, -1

    def visit(self, node):
        self.seen += 1
        return self.other if self.seen == self.number else self.generic_visit(node)


class _Numbered(ast.NodeVisitor):
    def __init__(self):
        self.nodes = []

    def visit(self, node):
        self.nodes.append(node)
        self.generic_visit(node)


def mutants(exercise):
    """Yield (what is changed, program) for each change of one piece of the solution."""
    tree = ast.parse(exercise.source)
    before = ast.unparse(tree).splitlines()
    (function,) = tree.body
    everything = function.args.args + function.args.kwonlyargs
    arguments = [argument.arg for argument in everything]
    numbered = _Numbered()
    numbered.visit(tree)
    made = set()
    for number, node in enumerate(numbered.nodes):
        if isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        for other in _changes(node, arguments):
            changed = _Exchange(number, copy.deepcopy(other)).visit(copy.deepcopy(tree))
            source = ast.unparse(ast.fix_missing_locations(changed))
            if source in made or source.splitlines() == before:
                continue
            made.add(source)
            names = {}
            exec(source, exercise.solve.__globals__, names)
            what = [line.strip() for line in source.splitlines() if line not in before]
            yield "; ".join(what) or f"without {ast.unparse(node)}", names[exercise.name]


EQUIVALENT = {
    "kernel_attention.kernel_average": [
        "scores = np.where(np.eye(len(x)), -np.inf, scores)",
        "peak = scores.max(axis=1, keepdims=True)",
        "total = weights.sum(axis=1, keepdims=True)",
        # rows that see nobody: any number stands for their peak and their sum
        "weights = np.exp(scores - np.where(np.isneginf(peak), 1, peak))",
        "weights = (weights / np.where(total == 0, 2, total)).astype(x.dtype)",
        # γ is a Python number here, and leaves single precision as it is
        "weights = weights / np.where(total == 0, 1, total)",
    ],
    "kernel_attention.leave_one_out_error": ["others = ~np.eye(len(values), dtype=bool)"],
    "scaled_dot_product.attention": [
        "scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(k.shape[-1])",
    ],
    "scaled_dot_product.masked_attention": [
        "scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(k.shape[-1])",
        "weights = np.exp(scores - np.where(np.isneginf(peak), 1, peak))",
        "return weights / np.where(total == 0, 2, total) @ v",
    ],
    "scaled_dot_product.attention_backward": ["scale = 1 / math.sqrt(k.shape[-1])"],
    "attention_pooling.pool": [
        "scores = x @ w - b",  # the softmax cancels the bias
        "scores = x @ w",
        "exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))",
        "weights = exponentials / exponentials.sum(axis=1, keepdims=True)",
    ],
    "alignment.general": [
        # rows that see nothing: any number stands for their maximum and their sum
        "exponentials = np.exp(scores - np.where(np.isfinite(top), top, 1))",
        "return exponentials / np.where(total, total, 1)",
        "return exponentials / np.where(total > 1, total, 1)",  # a sum of 1 or more otherwise
        "return exponentials / np.where(total > 0, total, 2)",
    ],
    "alignment.local_weights": [
        "distance = np.arange(scores.shape[1], dtype=centre.dtype) - centre[:, None]",
        "exponentials = np.exp(seen - np.where(np.isfinite(top), top, 1))",
        "return exponentials / np.where(total, total, 1) * bell",
        "return exponentials / np.where(total > 1, total, 1) * bell",
        "return exponentials / np.where(total > 0, total, 2) * bell",
    ],
    "visual_attention.pointing_game": [
        "cell = heat.reshape(len(corner), -1).argmax(axis=1)",
        "cell = heat.reshape(len(heat), -2).argmax(axis=1)",  # NumPy takes any negative number
    ],
    "visual_attention.gumbel_max": ["noise = -np.log(-np.log2(uniforms))"],  # one constant more
    "trained_attention.numerical_gradient": ["step, gradient = (2e-05, np.empty(x.shape))"],
    "trained_attention.deep": ["gradient = np.ones_like(layers)"],  # each layer is written to
    "pointing_and_memory.mixture": [
        "result = np.zeros((len(generated), V), weights.dtype)",
        "result = np.zeros((len(weights), V), generated.dtype)",
    ],
    "pointing_and_memory.features": [
        "around = np.stack([padded[m:m + S] for m in range(W)], axis=1)",
        "padded = np.pad(previous, (W // 2, W))",  # more zeros than are looked at
    ],
    "multi_head.layer": [
        # NumPy takes any negative number for -1, and one head is as long as another
        "return (weights @ v).swapaxes(0, 1).reshape(len(x), -2) @ W_o",
        "q = (x @ W_q).reshape(len(x), heads, -2).swapaxes(0, 1)",
        "k = (source @ W_k).reshape(len(source), heads, -2).swapaxes(0, 1)",
        "v = (source @ W_v).reshape(len(source), heads, -2).swapaxes(0, 1)",
    ],
    "decoding.step": [  # as many new keys as queries, as many values as keys
        "mask = np.tri(len(k), len(keys), len(keys) - len(q), dtype=bool)",
        "mask = np.tri(len(q), len(values), len(keys) - len(q), dtype=bool)",
        "mask = np.tri(len(q), len(keys), len(values) - len(q), dtype=bool)",
        "mask = np.tri(len(q), len(keys), len(keys) - len(k), dtype=bool)",
        "scores = q @ keys.T / math.sqrt(k.shape[1])",
    ],
    "decoding.grouped_attention": [  # as many values as keys; NumPy repeats 3.0 times
        "members, L, S = (len(q) / len(k), q.shape[1], k.shape[1])",
        "members, L, S = (len(q) // len(v), q.shape[1], k.shape[1])",
        "members, L, S = (len(q) // len(k), q.shape[1], v.shape[1])",
        "scores = q @ k.swapaxes(1, 2) / math.sqrt(k.shape[2])",
    ],
    "multi_head.shares": ["parts = weights @ v @ W_o.reshape(heads, d_v, -2)"],
    "what_heads_learn.induction_scores": [
        "i = np.arange(period, weights.shape[2])",  # as many queries as keys
    ],
    "what_heads_learn.written": ["vectors = v @ W_o.reshape(heads, d_v, -2)"],
    "encoders_at_work.text_vectors": [
        # the mean over all positions, of which the padded ones are 0, has the same direction
        "total = np.where(real[:, :, None], x, 0).mean(axis=1)"
    ],
    "pointing_and_memory.step": ["for j in range(1, previous.shape[1]):"],
    "transformer.block": [
        # keys are as wide as queries
        "scores = y @ W_q @ (y @ W_k).T / math.sqrt(W_k.shape[1])",
    ],
    "transformer.leaks": ["later = np.tri(len(after), k=-1, dtype=bool)"],
    "tiles.merge": [
        # rows that have seen nothing: any number stands for their peak and their sum
        "peak = np.where(np.isneginf(peak), 1, peak)",
        "safe = np.where(total == 0, 2, total)",
    ],
    "tiles.one_pass": [
        "peak = np.full((L, 1), -np.inf, v.dtype)",
        "level = np.where(np.isneginf(higher), 1, higher)",
        "return output / np.where(total == 0, 2, total)",
    ],
    "tiles.backward_of_q": [
        "scale = 1 / math.sqrt(k.shape[1])",
        "for start in range(0, len(v), tile):",
    ],
    "pages_and_rings.gather": ["return pool[block_table].reshape(-2, pool.shape[2])[:length]"],
}

# Other results of the solution -------------------------------------------------------------------

RESULTS = {
    "negated": lambda a: ~a if a.dtype == bool else -a,
    "doubled": lambda a: a + a,
    "zeros": lambda a: a * 0,
    "one more": lambda a: a + 1,
    "right to one part in ten thousand": lambda a: (a * (1 + 1e-4)).astype(a.dtype),
    "rounded": lambda a: a if a.dtype == bool else a.round(3),
    "NaN": lambda a: a * np.nan,
    "transposed": lambda a: a.T.copy(),
    "upside down": lambda a: a[::-1].copy(),
    "flat": lambda a: a.ravel(),
    "an axis more": lambda a: a[None],
    "its sum": lambda a: a.sum(),
    "a list": lambda a: a.tolist(),
    "a text": str,
    "a matrix": lambda a: np.asmatrix(a if a.ndim < 3 else a.reshape(len(a), -1)),
    "a masked array": np.ma.masked_array,
    "objects": lambda a: a.astype(object),
    "complex": lambda a: a + 0j,
    "single": lambda a: a.astype(np.float32),
    "double": lambda a: a.astype(np.float64),
    "half and back": lambda a: a.astype(np.float16).astype(a.dtype),
}


# a number may be of any type
OTHER_TYPES = {"a list", "a masked array", "objects", "single", "double", "half and back"}


def _is_plain(value):
    return type(value) is np.ndarray or isinstance(value, np.generic)


def _same(one, other):
    """Return whether a change changed nothing at all."""
    if not (_is_plain(one) and np.shape(one) == np.shape(other) and one.dtype == other.dtype):
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def changed_results(exercise):
    """Yield (what is returned, program); what changes nothing in any case is left out."""

    def made(change, part):
        def answer(*args, **kwargs):
            value = exercise.solve(*args, **kwargs)
            with np.errstate(all="ignore"):
                if part is None:
                    return change(np.asarray(value))
                return tuple(change(np.asarray(a)) if n == part else a for n, a in enumerate(value))

        return answer

    values = [exercise.solve(*copy.deepcopy(case.args), **case.kwargs) for case in exercise.cases]
    several = isinstance(values[0], tuple)
    for part in range(len(values[0])) if several else [None]:
        arrays = [np.asarray(value[part] if several else value) for value in values]
        for what, change in RESULTS.items():
            if not arrays[0].ndim and (what in OTHER_TYPES or what == "upside down"):
                continue
            with np.errstate(all="ignore"):
                if all(_same(change(array), array) for array in arrays):
                    continue
            yield what if part is None else f"{what}: value {part}", made(change, part)
    if several:
        yield "one value less", lambda *a, **k: exercise.solve(*a, **k)[:-1]
        yield "one value more", lambda *a, **k: (*exercise.solve(*a, **k), 0.0)
        yield "values by name", lambda *a, **k: dict(enumerate(exercise.solve(*a, **k)))
        yield "the last first", lambda *a, **k: exercise.solve(*a, **k)[::-1]


def writers(exercise):
    """Yield (name, program) for each argument that is an array: right, but it is written to."""
    case = exercise.cases[0]
    names = list(inspect.signature(exercise.solve).parameters)
    for place, value in enumerate([*case.args, *case.kwargs.values()]):
        if isinstance(value, np.ndarray):

            def writes(*args, place=place, **kwargs):
                result = copy.deepcopy(exercise.solve(*args, **kwargs))
                written = [*args, *kwargs.values()][place]
                written[...] = ~written if written.dtype == bool else written + 1
                return result

            yield names[place], writes


# The answer to a question with one part changed --------------------------------------------------


def _others(part):
    """Yield other things of the same form, never the same thing."""
    if isinstance(part, str):
        yield part[::-1] if part[::-1] != part else chr(ord(part[0]) + 1) + part[1:]
    elif isinstance(part, (tuple, list)):
        yield from (type(part)([other, *part[1:]]) for other in _others(part[0]))
    else:
        yield from (3 * part + 5, -part - 1, np.nan)


def wrong_values(exercise, has_many_answers):
    """Yield wrong answers to a question; where it has many right ones, only of a wrong form."""
    right = exercise.solve()
    yield from ("?", 5, {}, {"answer": right}, 1j, np.zeros((0, 3)))
    if has_many_answers:
        return
    if isinstance(right, str):
        yield from (*_others(right), right[1:], 2 * right)
        yield from (right.replace(letter, "") for letter in right)
        yield from (right.replace(letter, right[-1]) for letter in right[:-1])
        return
    for place, part in enumerate(right):
        yield from ([*right[:place], other, *right[place + 1 :]] for other in _others(part))
        yield [*right[:place], [part, part], *right[place + 1 :]]
        yield [*right[:place], *right[place + 1 :]]
    yield from ([*right, right[0]], [*right, *right])
    if list(right[::-1]) != list(right):
        yield right[::-1]
