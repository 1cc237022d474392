"""What multi-head attention costs, beside a layer that is written by hand for its one case.

Run alone, on one thread. The layer by hand has one product for queries, keys and values, views of
it for the heads, PyTorch's kernel and one product more; it can do nothing else.
"""

import torch
import torch.nn.functional as F
from scaled_dot_product import compared, with_gradient, without_gradient

from attention_book import masks
from attention_book.layers.multi_head.module import MultiHeadAttention

BATCH, HEADS, FEATURES = 4, 8, 512


class ByHand(torch.nn.Module):
    """Self-attention with one matrix for queries, keys and values, and the kernel's own masks."""

    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(FEATURES, 3 * FEATURES, bias=False)
        self.out = torch.nn.Linear(FEATURES, FEATURES, bias=False)

    def forward(self, x, **of_kernel):
        """Let every token of x ask all of them."""
        batch, length, _ = x.shape
        shape = batch, length, 3, HEADS, FEATURES // HEADS
        q, k, v = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v, **of_kernel)
        return self.out(heads.transpose(1, 2).reshape(x.shape))


def main():
    """Print one line for each length and mask."""
    torch.set_num_threads(1)
    print(
        f"module / layer by hand, {BATCH} sequences, {HEADS} heads, {FEATURES} features:\n"
        "median (least to most) of the ratios"
    )
    print("     L  mask      forward              forward and backward")
    for L in (16, 128, 512, 1024):
        for name, mask, of_kernel in ways(L):
            x = torch.randn(BATCH, L, FEATURES)
            attend, by_hand = MultiHeadAttention(FEATURES, HEADS), ByHand()

            def ours(attend=attend, x=x, mask=mask):
                return attend(x, x, mask=mask)

            def theirs(by_hand=by_hand, x=x, of_kernel=of_kernel):
                return by_hand(x, **of_kernel)

            ratios = [
                compared(run(ours), run(theirs), pairs=9)
                for run in (without_gradient, with_gradient)
            ]
            columns = "  ".join(f"{m:5.2f} ({low:.2f} to {high:.2f})" for m, low, high in ratios)
            print(f"{L:6d}  {name:8s}{columns}")


def ways(L):
    """Yield a name, a mask for the module, and the kernel's own arguments for the same."""
    padding = masks.as_tensor(masks.padding([L, L // 2, L // 3, L - 1], L))
    yield "none", None, {}
    yield "padding", padding, {"attn_mask": padding[:, None]}
    yield "causal", masks.as_tensor(masks.causal(L)), {"is_causal": True}


if __name__ == "__main__":
    main()
