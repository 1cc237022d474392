"""FlashAttention as one kernel for a GPU, in Triton: forward, causal or not.

Triton is no requirement of the book. ``make kernel`` installs it beside the book and tries this
file without a GPU, in Triton's interpreter.
"""

import math

import torch
import triton
import triton.language as tl


@triton.jit
def _forward(
    q, k, v, output, logsumexp, L, S, scale, CAUSAL: tl.constexpr,
    D_K: tl.constexpr, D_V: tl.constexpr, WIDE_K: tl.constexpr, WIDE_V: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """One program for each row of tiles of each head; its state never leaves the chip."""
    head = tl.program_id(1).to(tl.int64)
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    a, e = tl.arange(0, WIDE_K), tl.arange(0, WIDE_V)  # features, up to a power of two
    of_q = (i[:, None] < L) & (a < D_K)
    queries = tl.load(q + (head * L + i[:, None]) * D_K + a, mask=of_q, other=0.0)
    peak = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    summed = tl.zeros([ROWS, WIDE_V], tl.float32)
    end = S
    if CAUSAL:  # aligned at the end; tiles after it are never read
        end = tl.minimum(S, (tl.program_id(0) + 1) * ROWS + S - L)
    for start in range(0, end, COLUMNS):
        j = start + tl.arange(0, COLUMNS)
        of_k, of_v = (j < S) & (a[:, None] < D_K), (j[:, None] < S) & (e < D_V)
        keys = tl.load(k + (head * S + j) * D_K + a[:, None], mask=of_k, other=0.0)
        values = tl.load(v + (head * S + j[:, None]) * D_V + e, mask=of_v, other=0.0)
        scores = tl.dot(queries, keys, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = j < S
        if CAUSAL:
            seen = seen & (j <= i[:, None] + S - L)
        scores = tl.where(seen, scores, -float("inf"))
        higher = tl.maximum(peak, tl.max(scores, 1))
        level = tl.where(higher == -float("inf"), 0.0, higher)  # nothing was seen yet
        exponentials = tl.exp2(scores - level[:, None])
        shrink = tl.exp2(peak - level)
        total = shrink * total + tl.sum(exponentials, 1)
        weighted = tl.dot(exponentials.to(values.dtype), values, input_precision="ieee")
        summed = shrink[:, None] * summed + weighted
        peak = higher
    divided = summed / tl.where(total == 0, 1.0, total)[:, None]
    to_output = output + (head * L + i[:, None]) * D_V + e
    tl.store(to_output, divided.to(output.dtype.element_ty), (i[:, None] < L) & (e < D_V))
    tl.store(logsumexp + head * L + i, (peak + tl.log2(total)) * 0.6931471805599453, i < L)


def attend(q, k, v, *, causal=False, rows=64, columns=64):
    """Return outputs and logsumexps, (..., L, d_v) and (..., L), of (..., L or S, d) tensors.

    All lie on one GPU, in float16, bfloat16 or float32, and have the same leading dimensions. The
    tiles are powers of two, at least 16. ``causal`` is aligned at the end; a query that sees
    nothing gets zeros and -inf. The logsumexps are in float32.

    Source:
        T. Dao, "FlashAttention-2", 2024, algorithm 1. Departures: exponentials of base 2, as in
        the authors' kernel, and an empty row gives zeros.
    """
    (*leading, L, d_k), (S, d_v) = q.shape, v.shape[-2:]
    q, k, v = (x.contiguous() for x in (q, k, v))
    output, heads = q.new_empty(*leading, L, d_v), math.prod(leading)
    logsumexp = q.new_empty(*leading, L, dtype=torch.float32)
    wide = (max(16, triton.next_power_of_2(d)) for d in (d_k, d_v))
    _forward[triton.cdiv(L, rows), heads](
        q, k, v, output, logsumexp, L, S, 1 / math.sqrt(d_k), causal, d_k, d_v, *wide, rows, columns
    )
    return output, logsumexp
