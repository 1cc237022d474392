"""FlashAttention as one kernel for a GPU, in Triton: forward, causal or not.

Triton is no requirement of the book. ``make kernel`` installs it beside the book and tries this
file without a GPU, in Triton's interpreter.
"""

import math

import torch
import triton
import triton.language as tl

from attention_book.shapes import shapes


@triton.jit
def _forward(
    q, k, v, output, logsumexp, L, S, scale,
    CAUSAL: tl.constexpr, D_K: tl.constexpr, D_V: tl.constexpr,
    WIDE_K: tl.constexpr, WIDE_V: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1).to(tl.int64)
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    # features, up to a power of two
    a, e = tl.arange(0, WIDE_K), tl.arange(0, WIDE_V)
    at_q = (head * L + i[:, None]) * D_K + a
    of_q = (i[:, None] < L) & (a < D_K)
    queries = tl.load(q + at_q, mask=of_q, other=0.0)
    peak = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    summed = tl.zeros([ROWS, WIDE_V], tl.float32)
    end = S
    if CAUSAL:  # aligned at the end; tiles after it are never read
        end = tl.minimum(S, (tl.program_id(0) + 1) * ROWS + S - L)
    for start in range(0, end, COLUMNS):
        j = start + tl.arange(0, COLUMNS)
        at_k = (head * S + j) * D_K + a[:, None]
        of_k = (j < S) & (a[:, None] < D_K)
        keys = tl.load(k + at_k, mask=of_k, other=0.0)
        at_v = (head * S + j[:, None]) * D_V + e
        of_v = (j[:, None] < S) & (e < D_V)
        values = tl.load(v + at_v, mask=of_v, other=0.0)
        scores = tl.dot(queries, keys, input_precision="ieee")
        scores *= scale * 1.4426950408889634  # log2(e)
        seen = j < S
        if CAUSAL:
            seen = seen & (j <= i[:, None] + S - L)
        scores = tl.where(seen, scores, -float("inf"))
        higher = tl.maximum(peak, tl.max(scores, 1))
        nothing = higher == -float("inf")  # was seen yet
        level = tl.where(nothing, 0.0, higher)
        exponentials = tl.exp2(scores - level[:, None])
        shrink = tl.exp2(peak - level)
        total = shrink * total + tl.sum(exponentials, 1)
        exponentials = exponentials.to(values.dtype)
        weighted = tl.dot(exponentials, values, input_precision="ieee")
        summed = shrink[:, None] * summed + weighted
        peak = higher
    divided = summed / tl.where(total == 0, 1.0, total)[:, None]
    divided = divided.to(output.dtype.element_ty)
    at_output = (head * L + i[:, None]) * D_V + e
    tl.store(output + at_output, divided, (i[:, None] < L) & (e < D_V))
    in_e = (peak + tl.log2(total)) * 0.6931471805599453  # ln(2)
    tl.store(logsumexp + head * L + i, in_e, i < L)


@shapes(torch, "q: * L d_k, k: * S d_k, v: * S d_v -> * L d_v, * L", widens=False, narrows=False)
def attend(q, k, v, *, causal=False, rows=64, columns=64):
    """Return the partial result for these keys: their output, and the logsumexp of their scores.

    All lie on one GPU, in float16, bfloat16 or float32. The tiles are powers of two, at least 16.
    ``causal`` is aligned at the end; a query that sees nothing gets zeros and -inf. The logsumexps
    are in float32.

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
