"""The kernel for GPUs against PyTorch: in Triton's interpreter, and on a GPU where there is one.

Triton is no requirement: 290 MB to load, 1 GB on the disk. ``make kernel`` puts it into _build,
beside the environment, and runs this file; a plain ``make test`` skips it. Each kernel runs in a
process of its own, since Triton is told to interpret before it is imported.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TRITON = Path(__file__).parents[1] / "_build" / "triton"
PROGRAM = """
import itertools, math, torch
from attention_book.tiles.flash import kernel
import torch.nn.functional as F

torch.manual_seed(0)
device = "{device}"
sizes = [(37, 53, 20, 24), (53, 37, 16, 8), (1, 40, 5, 6), (40, 1, 8, 16), (32, 32, 32, 32)]
tried = 0
for (L, S, d_k, d_v), dtype, causal, tiles, size in itertools.product(
    sizes, ({dtypes}), (False, True), ((16, 32), (32, 16)), (1.0, 30.0)
):
    leading = (2, 3)
    q, k, v = (
        torch.randn(*leading, n, d).to(dtype).to(device) for n, d in ((L, d_k), (S, d_k), (S, d_v))
    )
    q, before = q * size, (q * size, k.clone(), v.clone())
    output, logsumexp = kernel.attend(q, k, v, causal=causal, rows=tiles[0], columns=tiles[1])
    assert all(torch.equal(a, b) for a, b in zip((q, k, v), before, strict=True))
    assert output.dtype == dtype and output.shape == (2, 3, L, d_v)
    mask = torch.ones(L, S, dtype=bool, device=device).tril(S - L if causal else S)
    q, k, v = q.double(), k.double(), v.double()
    scores = (q @ k.mT / math.sqrt(d_k)).masked_fill(~mask, -torch.inf)
    exact = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    budget = {{torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}}[dtype]
    torch.testing.assert_close(output.double(), exact, rtol=budget * size, atol=budget * size)
    torch.testing.assert_close(
        logsumexp.double(), torch.logsumexp(scores, dim=-1), rtol=1e-6, atol=2e-6 * size
    )
    assert logsumexp.dtype == torch.float32
    tried += 1
q, k, v = (torch.randn(2, n, 16, device=device) for n in (3, 5, 5))
turned = k.mT.contiguous().mT  # not contiguous
for a, b in zip(kernel.attend(q, turned, v), kernel.attend(q, k, v), strict=True):
    assert torch.equal(a, b)
for bad in ((q, k[:1], v), (q, k[:, :4], v), (q, k[..., :8], v), (q.double(), k, v)):
    try:  # it would read beyond the end
        kernel.attend(*bad)
    except (TypeError, ValueError):
        continue
    raise AssertionError("wrong shapes or dtypes were taken")
print(tried)
"""
LIBRARIES = os.pathsep.join([str(TRITON), *filter(None, [os.environ.get("PYTHONPATH")])])
HAS_TRITON = (
    subprocess.run(
        [sys.executable, "-c", "import triton"],
        env=os.environ | {"PYTHONPATH": LIBRARIES},
        capture_output=True,
    ).returncode
    == 0
)
needs_triton = pytest.mark.skipif(
    not HAS_TRITON, reason="Triton is not installed: make kernel puts it into _build and runs this"
)


def run(device, dtypes, **env):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(device=device, dtypes=dtypes)],
        env=os.environ | {"PYTHONPATH": LIBRARIES} | env,
        capture_output=True,
        text=True,
        timeout=500,
    )


@needs_triton
def test_the_kernel_in_the_interpreter():
    """Without products of bfloat16, which the interpreter does not know."""
    done = run("cpu", "torch.float32, torch.float16", TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) == 5 * 2 * 2 * 2 * 2


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")
def test_the_kernel_on_a_gpu():
    done = run("cuda", "torch.float32, torch.float16, torch.bfloat16")
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) == 5 * 3 * 2 * 2 * 2
