"""What the outputs of a notebook depend on: its code, and the modules that this code can reach.

Nothing is imported here: sources are read. A notebook reaches the modules of ``src/`` that its
cells import, and those which they import, wherever the import stands. A module that is named only
while the code runs (``importlib``, ``exec``) is not seen by reading. So each function that loads
modules in this way is looked for, by its name, in all code that the notebook can reach; where it
is found, the notebook depends on every module that the call may mean, and on all when in doubt.
"""

import ast
import hashlib
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import resolve_name
from pathlib import Path

import nbformat

# What loads code that no import statement names, or runs a program that may: functions of Python
# itself, and names of modules, functions and methods wherever they stand.
BUILTINS = {"__import__", "compile", "eval", "exec", "get_ipython", "globals"}
LOADERS = {
    "EntryPoint", "Popen", "SourceFileLoader", "exec_module", "find_spec", "import_module",
    "load_module", "multiprocessing", "reload", "run_module", "run_path", "runpy",
    "spec_from_file_location", "subprocess", "system",
}  # fmt: skip
# Methods that Python or a notebook calls by itself.
CALLED_UNSEEN = re.compile(r"__\w+__|_repr_\w+_|_ipython_\w+_")
ALL = ("", "")
MAGIC = re.compile(r"^\s*[%!]|\?\s*$", re.MULTILINE)
HERE = Path(__file__).parent


@dataclass
class Code:
    """A piece of code: the names that it mentions, and what it may load without an import."""

    mentions: set = field(default_factory=set)
    loads: set = field(default_factory=set)  # how the names of modules begin and end

    def __ior__(self, other):
        self.mentions |= other.mentions
        self.loads |= other.loads
        return self


class Source(ast.NodeVisitor):
    """The imports of a module, its code outside of functions, and its functions by name."""

    def __init__(self, tree, package=""):
        self.package, self.imports, self.functions = package, set(), {}
        self.outside = self.now = Code()
        self.visit(tree)

    def visit_Import(self, node):
        for alias in node.names:
            self.imports.add(alias.name)
            self._renamed(alias)

    def visit_ImportFrom(self, node):
        base = "." * node.level + (node.module or "")
        base = resolve_name(base, self.package) if node.level else base
        for part in LOADERS.intersection(base.split(".")):
            self._mention(part)
        for alias in node.names:
            self.imports.add(f"{base}.{alias.name}")
            self._renamed(alias)

    def _renamed(self, alias):
        # a name that is imported is not yet used; but under another name it is not found again
        if alias.asname and alias.asname != alias.name:
            for part in alias.name.split("."):
                self._mention(part)

    def visit_FunctionDef(self, node):
        for part in (*node.decorator_list, node.args):  # run when the function is made
            self.visit(part)
        before = self.now
        code = self.now = Code()
        for part in node.body:
            self.visit(part)
        self.now = before
        if CALLED_UNSEEN.fullmatch(node.name):
            self.outside |= code
        else:
            self.functions.setdefault(node.name, Code()).__ior__(code)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Name(self, node):
        self._mention(node.id, BUILTINS | LOADERS)

    def visit_Attribute(self, node):
        self._mention(node.attr)
        self.visit(node.value)

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if name == "import_module":
            self.now.loads.add(self._named(node))
            for part in (*node.args, *node.keywords):
                self.visit(part)
            return
        if name == "exec" and getattr((*node.args, None, None)[1], "attr", None) == "__globals__":
            for part in (*node.args, *node.keywords):  # it sees what that function's module sees
                self.visit(part)
            return
        if name == "getattr":
            self.now.mentions |= {
                part.value for part in node.args[1:2] if isinstance(part, ast.Constant)
            }
        self.generic_visit(node)

    def _mention(self, name, loaders=LOADERS):
        self.now.mentions.add(name)
        if name in loaders:
            self.now.loads.add(ALL)

    def _named(self, call):
        """Return how the names begin and end of the modules that ``import_module(…)`` may mean."""
        first, anchor = (*call.args, None, None)[:2]
        parts = first.values if isinstance(first, ast.JoinedStr) else [first]
        texts = [getattr(part, "value", None) for part in parts]
        begin, end = (text if isinstance(text, str) else "" for text in (texts[0], texts[-1]))
        if not begin.startswith("."):
            return begin, end
        own = getattr(anchor, "id", None) in ("__name__", "__package__")
        return (self.package + begin, end) if own and not begin.startswith("..") else ALL


@cache
def _source(path, name, package, stamp):
    """Return the :class:`Source` of a file; None if it can't be read."""
    try:
        return Source(ast.parse(path.read_text("utf-8")), package)
    except (SyntaxError, ValueError):
        return None


def modules(root):
    """Return the path of each module of the book's package by its full name."""
    found = {}
    for path in sorted(Path(root, "src").rglob("*.py")):
        parts = path.relative_to(Path(root, "src")).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def reached(sources, known):
    """Return the names of the modules that the code of a notebook's cells can reach.

    ``known`` has the path of each module of the package by its name.
    """
    try:
        start = Source(ast.parse("\n".join(sources)))
    except SyntaxError:
        return set(known)
    if any(MAGIC.search(source) for source in sources):
        return set(known)
    for code in start.functions.values():
        start.outside |= code
    read, mentions, followed = {"": start}, set(), set()
    waiting = set(start.imports)
    while True:
        for name in _with_packages(waiting, known) - read.keys():
            path = known[name]
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            read[name] = _source(path, name, package, path.stat().st_mtime_ns)
            if read[name] is None:
                return set(known)
        waiting = {name for source in read.values() for name in source.imports}
        # what the code outside of functions says, and every function that is mentioned
        pieces = [source.outside for source in read.values()]
        loads = set()
        while pieces:
            new = set().union(*(piece.mentions for piece in pieces)) - mentions
            mentions |= new
            loads |= set().union(*(piece.loads for piece in pieces))
            pieces = [
                code
                for name, source in read.items()
                for function, code in source.functions.items()
                if function in mentions and (name, function) not in followed
            ]
            followed |= {
                (name, function)
                for name, source in read.items()
                for function in source.functions.keys() & mentions
            }
        waiting |= {
            name
            for name in known
            for begin, end in loads
            if name.startswith(begin) and name.endswith(end)
        }
        waiting = _with_packages(waiting, known) - read.keys()
        if not waiting:
            return read.keys() - {""}


def _with_packages(names, known):
    """Return the modules among these names, with the packages in which they lie."""
    found = set()
    for name in names:
        if name.endswith(".*"):
            found |= {other for other in known if other.startswith(name[:-1])}
        while name:
            found |= {name} & known.keys()
            name = name.rpartition(".")[0]
    return found


def key(path, root):
    """Return a digest of everything that the outputs of a notebook depend on."""
    path, root = Path(path), Path(root)
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    sources = [cell.source for cell in cells]
    known = modules(root)
    files = {known[name] for name in reached(sources, known)}
    files |= {HERE / "execution.py", *_data(root), *_named_files(sources, path.parent)}
    digest = hashlib.sha256(repr((sys.version, _requirements(root))).encode())
    for cell in cells:
        digest.update(repr((cell.source, cell.metadata.get("tags"))).encode())
    for file in sorted(files):
        name = file.relative_to(root) if file.is_relative_to(root) else file.name
        digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _data(root):
    """Return the files of the package that are not code: any module may read them."""
    return {
        path
        for path in Path(root, "src").rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and not any(part.endswith(".egg-info") for part in path.parts)
    }


def _named_files(sources, folder):
    """Return the files that a string in the code names."""
    try:
        nodes = list(ast.walk(ast.parse("\n".join(sources))))
    except SyntaxError:
        return set()
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    named = {t for t in texts if isinstance(t, str) and re.fullmatch(r"[\w./-]{1,200}", t)}
    return {(folder / text).resolve() for text in named if (folder / text).is_file()}


@cache
def _requirements(root):
    """Return what is asked for, and which of it is installed."""
    texts = [
        (root / name).read_text("utf-8")
        for name in ("requirements.txt", "pyproject.toml")
        if (root / name).exists()
    ]
    names = re.findall(r"(?m)^([A-Za-z][\w.-]*)\s*[=<>~]", texts[0]) if texts else []
    return texts, [(name, _version(name)) for name in sorted(names)]


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
