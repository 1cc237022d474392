r"""Ring attention in PyTorch: each rank is a process with a part of the sequence."""

import torch
import torch.distributed as dist
from torch.autograd.function import once_differentiable

from attention_book.shapes import anything, shapes
from attention_book.tiles.flash.module import attend
from attention_book.tiles.online_softmax.module import merge


@shapes(
    torch,
    "q: * L d_k, k: * S d_k, v: * S d_v -> * L d_v",
    places=anything("P S", "the positions that each of the P ranks holds"),
)
def ring_attention(q, k, v, *, places=None, group=None):
    """Answer the queries of this rank from the keys and values of all ranks.

    Every process of the group makes this call at once, with its own part of one sequence; the
    parts are equally long. A query sees all keys, or, with ``places``, those up to its own
    position. Keys and values go round once for the output and once for the gradients, and there
    the gradients of keys and values travel with them. Each step computes in tiles, forward and
    backward, so no rank ever holds the scores of a part; with ``places`` it holds, for the part
    of the step, which pairs are seen, a byte each. Without a group of processes there is one rank,
    and nothing is sent.

    Raises:
        RuntimeError: another process of the group has gone, or sent nothing for as long as the
            group allows.
        TypeError: ``places`` has no integers.
        ValueError: ``places`` has not one row for each rank, or not as many positions as q; or
            the parts of two ranks have different sizes.

    Source:
        H. Liu, M. Zaharia, P. Abbeel, "Ring Attention with Blockwise Transformers for
        Near-Infinite Context", 2023; the causal mask by positions as W. Brandon et al., "Striped
        Attention", 2023. Departures: half precision travels as single precision, and the backward
        pass computes the output of each part again.
    """
    if places is not None:
        _, ranks = _this_rank(group)
        if places.is_floating_point() or places.is_complex():
            raise TypeError(f"places has dtype {places.dtype}; it needs integers")
        if places.shape != (ranks, q.shape[-2]):
            raise ValueError(
                f"places has shape {tuple(places.shape)}; it needs {(ranks, q.shape[-2])}: a row "
                "for each rank, a position for each token of q"
            )
    return _Ring.apply(q, k, v, places, group)


class _Ring(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, places, group):
        rank, ranks = _this_rank(group)
        widths, travelling = (k.shape[-1], v.shape[-1]), torch.cat([k, v], dim=-1)
        _must_be_equally_large(travelling, group)
        found = None
        for t in range(ranks):
            source = (rank - t) % ranks
            arriving = _passed_on(travelling, group) if t + 1 < ranks else None
            if not _all_hidden(places, rank, source):
                part = attend(q, *travelling.split(widths, -1), mask=_seen(places, rank, source))
                found = part if found is None else merge(*found, *part)
            travelling = arriving and arriving()
        ctx.save_for_backward(q, k, v, *found)
        ctx.places, ctx.group = places, group
        return found[0]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        q, k, v, output, logsumexp = ctx.saved_tensors
        places, group = ctx.places, ctx.group
        rank, ranks = _this_rank(group)
        widths, travelling = (k.shape[-1], v.shape[-1]), torch.cat([k, v], dim=-1)
        grad_q, gradients = torch.zeros_like(q), torch.zeros_like(travelling)
        for t in range(ranks):
            source = (rank - t) % ranks
            arriving = _passed_on(travelling, group) if t + 1 < ranks else None
            if not _all_hidden(places, rank, source):
                inputs = [x.detach().requires_grad_() for x in (q, *travelling.split(widths, -1))]
                with torch.enable_grad():
                    part, of_part = attend(*inputs, mask=_seen(places, rank, source))
                    share = (of_part - logsumexp).exp()[..., None]
                    gain = (grad_output * share * (part - output)).sum()
                grad_of_q, *grads = torch.autograd.grad(gain, inputs)
                grad_q += grad_of_q
                gradients += torch.cat(grads, dim=-1)
            if ranks > 1:
                gradients = _passed_on(gradients, group)()
            travelling = arriving and arriving()
        return grad_q, *gradients.split(widths, -1), None, None


def _this_rank(group):
    """Return the number of this process in the group, and how many there are."""
    if not dist.is_initialized():
        return 0, 1
    return dist.get_rank(group), dist.get_world_size(group)


def _passed_on(part, group):
    """Begin to send a part to the next rank; return a function that waits for the one before."""
    rank, ranks = _this_rank(group)
    names = dist.get_process_group_ranks(group or dist.group.WORLD)
    part = part.contiguous()
    arriving = torch.empty_like(part)
    sent = dist.isend(part, names[(rank + 1) % ranks], group=group)
    received = dist.irecv(arriving, names[(rank - 1) % ranks], group=group)

    def wait():
        received.wait()
        sent.wait()
        return arriving

    return wait


def _must_be_equally_large(part, group):
    """Compare sizes with the rank before, as a message of another size would not be refused."""
    rank, ranks = _this_rank(group)
    if ranks == 1:
        return
    sizes = torch.tensor([0] * (8 - part.ndim) + list(part.shape))
    theirs = _passed_on(sizes, group)()
    if not torch.equal(sizes, theirs):
        other = tuple(theirs[8 - part.ndim :].tolist())
        raise ValueError(
            f"k and v together have shape {tuple(part.shape)} here, and {other} at rank "
            f"{(rank - 1) % ranks}; every rank needs a part of the same size"
        )


def _seen(places, rank, source):
    return None if places is None else places[rank][:, None] >= places[source]


def _all_hidden(places, rank, source):
    """Return whether all keys of a rank stand after all queries of another."""
    return places is not None and bool((places[rank].max() < places[source].min()).item())
