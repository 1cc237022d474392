"""One rank of ring attention as a program: it computes its part and says how right it is.

On one machine, four processes:

    torchrun --standalone --nproc-per-node 4 -m attention_book.parallel.ring.worker

From Python: ``launch.run("attention_book.parallel.ring.worker", 4)``. Each rank prints a line of
JSON for each case: a number of ranks, an order of the tokens, a precision.
"""

import argparse
import contextlib
import json
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

from attention_book.parallel.launch import group
from attention_book.parallel.places import contiguous, striped
from attention_book.parallel.ring.module import ring_attention

ORDERS = {"all": contiguous, "contiguous": contiguous, "striped": striped}  # all: not causal


def compute(rank, ranks, order, dtype, options, among=None):
    """Return what one rank finds, sends and takes for one case, as a dictionary.

    An error is the length of the difference, as a share of the length of what is right.
    """
    whole = _whole(options, getattr(torch, dtype))
    places = torch.from_numpy(ORDERS[order](options.tokens, ranks))
    *mine, grad_output = (x[:, places[rank]] for x in whole)
    for x in mine:
        x.requires_grad_()

    with _counted_sends() as sent:
        start, written = time.perf_counter(), _written()
        output = ring_attention(*mine, places=None if order == "all" else places, group=among)
        forward = sent[0]
        output.backward(grad_output)
        seconds, kernel = time.perf_counter() - start, _written()
    found = [output.detach(), *(x.grad for x in mine)]
    exact = (x[:, places[rank]] for x in _in_one(whole, causal=order != "all"))
    pairs = zip(found, exact, strict=True)
    errors = [((a - b).norm() / b.norm()).item() for a, b in pairs]
    return {
        "rank": rank,
        "ranks": ranks,
        "order": order,
        "dtype": dtype,
        "errors": dict(zip(("output", "q", "k", "v"), errors, strict=True)),
        "sent forward": forward,
        "sent backward": sent[0] - forward,
        "written": None if written is None else kernel - written,
        "seconds": seconds,
    }


def cases(outputs):
    """Return what all ranks printed as a list of dictionaries, rank by rank."""
    return [json.loads(line) for output in outputs for line in output.splitlines()]


def _whole(options, dtype):
    """Return the same q, k, v and gradient of the output on every rank."""
    made = torch.Generator().manual_seed(options.seed)
    widths = (options.d_k, options.d_k, options.d_v, options.d_v)
    shapes = [(options.heads, options.tokens, width) for width in widths]
    return [torch.randn(shape, generator=made).to(dtype) for shape in shapes]


def _in_one(whole, causal):
    """Return the output and the gradients of all tokens, in double precision by PyTorch's own."""
    *inputs, grad_output = (x.double() for x in whole)
    for x in inputs:
        x.requires_grad_()
    output = F.scaled_dot_product_attention(*inputs, is_causal=causal)
    return output.detach(), *torch.autograd.grad(output, inputs, grad_output)


@contextlib.contextmanager
def _counted_sends():
    """Count the bytes of all tensors that are handed to ``dist.isend``."""
    send, sent = dist.isend, [0]

    def counted(tensor, *args, **options):
        sent[0] += tensor.numel() * tensor.element_size()
        return send(tensor, *args, **options)

    dist.isend = counted
    try:
        yield sent
    finally:
        dist.isend = send


def _written():
    """Return the bytes that the kernel has written for this process, or None where it won't say."""
    try:
        with open("/proc/self/io", encoding="ascii") as counts:
            return int(dict(line.split(": ") for line in counts)["wchar"])
    except OSError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=256, help="of the whole sequence")
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--d-k", type=int, default=16)
    parser.add_argument("--d-v", type=int, default=24)
    parser.add_argument("--dtypes", nargs="+", default=["float32"], choices=["float32", "float64"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--orders", nargs="+", default=list(ORDERS), choices=list(ORDERS))
    parser.add_argument("--ranks", nargs="+", type=int, help="take only so many of the processes")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--timeout", type=float, default=300, help="seconds that a message may take"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    with group(options.timeout) as (rank, processes):
        for ranks in options.ranks or [processes]:
            among = dist.new_group(range(ranks))
            cases = [(order, dtype) for dtype in options.dtypes for order in options.orders]
            for case in cases * options.repeat if rank < ranks else []:
                said = json.dumps(compute(rank, ranks, *case, options, among))
                print(f"{said}\n", end="", flush=True)  # at once: other ranks write there, too


if __name__ == "__main__":
    main()
