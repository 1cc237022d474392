"""FlashAttention in PyTorch: tiles forward and backward, no (L, S) tensor in either direction."""

import math

import torch
from torch.autograd.function import once_differentiable

from attention_book.shapes import count, shapes

ROWS, COLUMNS = 256, 512  # of a tile: half a megabyte of scores in float32


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v",
    rows=count(1, "queries in a tile"),
    columns=count(1, "keys in a tile"),
)
def attention(q, k, v, *, mask=None, causal=False, rows=ROWS, columns=COLUMNS):
    """Answer each query with the average of the values, weighted by how its key matches.

    Time is that of plain attention; memory beyond the output is one number for each query and one
    tile, two on the way back and where something is hidden, and a copy of what broadcasts over
    heads. ``causal`` hides later keys, aligned at the end, and needs no mask; with a mask both must
    allow a key. Tiles in which nothing may be seen are skipped. A query that may attend to nothing
    gets zeros, and so do the gradients through it.

    Source:
        T. Dao et al., "FlashAttention: Fast and Memory-Efficient Exact Attention with
        IO-Awareness", 2022, algorithms 1 and 4; T. Dao, "FlashAttention-2", 2024, algorithm 1,
        for the order of the loops forward. Departures: the tiles are tensors of PyTorch and no
        part of a kernel, each is divided by its own sum and merged by its logsumexp, an empty row
        gives zeros, half precision is computed in single, and there is no dropout.
    """
    return _attend(q, k, v, mask, causal, rows, columns)[0]


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v, ... L",
    rows=count(1, "queries in a tile"),
    columns=count(1, "keys in a tile"),
)
def attend(q, k, v, *, mask=None, causal=False, rows=ROWS, columns=COLUMNS):
    """Return the partial result for these keys: their output, and the logsumexp of their scores.

    As :func:`attention`; a query that may attend to none of the keys gets zeros and -inf. Both
    are differentiable, so partial results may be merged and trained through.

    Source:
        As :func:`attention`.
    """
    return _attend(q, k, v, mask, causal, rows, columns)


def _attend(q, k, v, mask, causal, rows, columns):
    leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (x.expand(*leading, *x.shape[-2:]) for x in (q, k, v))
    tiles = _Tiles(leading, q.shape[-2], k.shape[-2], q.device, mask, causal, rows, columns)
    heads = (x.reshape(tiles.heads, *x.shape[-2:]) for x in (q, k, v))
    output, logsumexp = _Flash.apply(*heads, tiles)
    return output.view(*leading, *output.shape[1:]), logsumexp.view(*leading, q.shape[-2])


class _Flash(torch.autograd.Function):
    """All heads lie in one dimension. What has one for queries and one for keys is a tile."""

    @staticmethod
    def forward(ctx, q, k, v, tiles):
        scale = 1 / math.sqrt(q.shape[-1])
        output = q.new_zeros(*q.shape[:-1], v.shape[-1])
        logsumexp = q.new_full((*q.shape[:-1], 1), -torch.inf)
        for heads, rows in tiles.rows():
            scaled = q[heads, rows] * scale
            merged, so_far = output[heads, rows], logsumexp[heads, rows]
            for columns, seen in tiles.columns(heads, rows):
                weights, of_tile = _weights(scaled, k[heads, columns], seen)
                together = torch.logaddexp(so_far, of_tile)
                nothing = together == -torch.inf  # was seen yet
                level = together.masked_fill(nothing, 0)
                share = (of_tile - level).exp()
                merged.mul_((so_far - level).exp())
                merged.addcmul_(weights @ v[heads, columns], share)
                so_far.copy_(together)
                del weights  # before the next tile is made
        ctx.save_for_backward(q, k, v, output, logsumexp)
        ctx.tiles = tiles
        return output, logsumexp[..., 0]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output, grad_logsumexp):
        q, k, v, output, logsumexp = ctx.saved_tensors
        grad_q, grad_k, grad_v = (torch.zeros_like(x) for x in (q, k, v))
        nothing = logsumexp == -torch.inf  # was seen
        level = logsumexp.masked_fill(nothing, 0)
        pull = (grad_output * output).sum(dim=-1, keepdim=True)
        pull -= grad_logsumexp[..., None]
        scale = 1 / math.sqrt(q.shape[-1])
        for heads, rows in ctx.tiles.rows():
            scaled = q[heads, rows] * scale
            pushed = grad_output[heads, rows]
            for columns, seen in ctx.tiles.columns(heads, rows):
                weights, of_tile = _weights(scaled, k[heads, columns], seen)
                weights.mul_((of_tile - level[heads, rows]).exp())
                grad_v[heads, columns].baddbmm_(weights.mT, pushed)
                grad_weights = pushed @ v[heads, columns].mT
                grad_scores = grad_weights.sub_(pull[heads, rows]).mul_(weights)
                grad_q[heads, rows].baddbmm_(grad_scores, k[heads, columns])
                grad_k[heads, columns].baddbmm_(grad_scores.mT, scaled)
                del weights, grad_weights, grad_scores
        return grad_q.mul_(scale), grad_k, grad_v, None


def _weights(q, k, seen):
    """Return the softmax within a tile, and the logsumexp of its scores.

    The largest weight of a row is exp(0) / sum, so the sum needs no second pass of exponentials.
    """
    scores = q @ k.mT
    if seen is not None:
        scores = torch.where(seen, scores, -torch.inf)  # faster than to fill what is hidden
    peak = scores.amax(dim=-1, keepdim=True)
    weights = torch.softmax(scores, dim=-1, out=scores)  # in the place of the scores
    logsumexp = peak - weights.amax(dim=-1, keepdim=True).log()
    nothing = peak == -torch.inf  # was seen in this tile
    if seen is not None and nothing.any():
        weights.masked_fill_(nothing, 0)  # and not NaN
    return weights, logsumexp.masked_fill_(nothing, -torch.inf)


class _Tiles:
    """Which tiles there are, and what is hidden in each: those that see nothing are left out."""

    def __init__(self, leading, L, S, device, mask, causal, rows, columns):
        self.heads, self.L, self.S, self.causal = math.prod(leading), L, S, causal
        self.device = device
        self.height, self.width = min(rows, max(L, 1)), min(columns, max(S, 1))
        self.at_once = max(1, rows * columns // (self.height * self.width))  # many small heads
        self.mask = mask
        if mask is not None:
            mask = mask.expand(*torch.broadcast_shapes(mask.shape, (L, S)))
            masks = torch.arange(math.prod(mask.shape[:-2]), device=device)
            self.mask_of = masks.view(mask.shape[:-2]).expand(leading).flatten()
            self.mask = mask.reshape(len(masks), L, S)

    def rows(self):
        """Yield slices of heads and of queries: one row of tiles after the other."""
        for heads in _cut(self.heads, self.at_once):
            for rows in _cut(self.L, self.height):
                yield heads, rows

    def columns(self, heads, rows):
        """Yield slices of keys, with what is seen in the tile, or None if all is."""
        past = self.S - self.L  # query i sees the keys up to i + past
        end = min(self.S, rows.stop + past) if self.causal else self.S
        for columns in _cut(end, self.width):
            seen = None
            of_first = rows.start + past - columns.start  # the last key that the first query sees
            if self.mask is not None:
                seen = self.mask[:, rows, columns][self.mask_of[heads]]
                if self.causal:
                    seen.tril_(of_first)
                if not seen.any():
                    continue
                seen = None if seen.all() else seen
            elif self.causal and columns.stop - columns.start > of_first + 1:
                size = rows.stop - rows.start, columns.stop - columns.start
                seen = torch.ones(size, dtype=torch.bool, device=self.device).tril_(of_first)
            yield columns, seen


def _cut(size, length):
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]
