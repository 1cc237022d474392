"""What only this chapter shows."""

import ast
import warnings
from pathlib import Path

from torch.nn.attention.flex_attention import flex_attention

import attention_book
from attention_book.source import Source


def kernel():
    """Return the source of the kernel for GPUs; Triton need not be there."""
    path = Path(attention_book.__path__[0]) / "tiles" / "flash" / "kernel.py"
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    forward = next(node for node in functions if node.name == "_forward")
    lines = text.splitlines()[forward.decorator_list[0].lineno - 1 : forward.end_lineno]
    return Source("\n".join(lines))


def uncompiled(q, k, v, **options):
    """Call FlexAttention as it is, without its warning that this stores the matrix of scores."""
    with warnings.catch_warnings(action="ignore"):
        return flex_attention(q, k, v, **options)
