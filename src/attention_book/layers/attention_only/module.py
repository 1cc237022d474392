r"""An attention-only Transformer in PyTorch: tokens in, a score for each next token out."""

import math

import torch

from attention_book import masks
from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import anything, count, shapes


class AttentionOnly(torch.nn.Module):
    """A causal Transformer with neither feed-forward layers nor layer normalisation.

    It learns a vector for each of V tokens and for each of ``length`` positions, the matrices of
    its layers, and a matrix that reads the scores of the next token from the last state.

    Source:
        N. Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021, "Transformer
        Overview". Positions are learned and added to the tokens, which is this book's choice.
    """

    @shapes(
        torch,
        V=count(1),
        length=count(1),
        d_model=count(1),
        layers=count(0),
        heads=count(1),
        d_k=count(1),
    )
    def __init__(self, V, length, d_model, layers, heads, *, d_k=None):
        super().__init__()
        self.V, self.length, self.d_model, self.layers = V, length, d_model, layers
        self.tokens = torch.nn.Parameter(torch.randn(V, d_model))
        self.positions = torch.nn.Parameter(torch.randn(length, d_model))
        self.attentions = torch.nn.ModuleList(
            MultiHeadAttention(d_model, heads, d_k=d_k) for _ in range(layers)
        )
        self.readout = torch.nn.Parameter(torch.randn(d_model, V) / math.sqrt(d_model))

    @shapes(torch, "-> ... n d_model", tokens=anything("... n"))
    def start(self, tokens):
        """Return the state before the first layer: token plus position.

        Raises:
            ValueError: a token is not one of the V, or there are more than ``length``.
        """
        n = tokens.shape[-1]
        if n > self.length:
            raise ValueError(f"tokens has {n} positions; the model has {self.length}")
        wrong = (tokens != tokens.long()) | (tokens < 0) | (tokens >= self.V)
        if wrong.any():
            at = tokens[wrong][0].item()
            raise ValueError(f"tokens has {at:g}; the model has tokens 0 to {self.V - 1}")
        return torch.nn.functional.embedding(tokens.long(), self.tokens) + self.positions[:n]

    @shapes(torch, "-> ... n V", tokens=anything("... n"))
    def forward(self, tokens):
        """Return a score for each token that may come next, after every position."""
        x = self.start(tokens)
        mask = self._causal(x)
        for attend in self.attentions:
            x = x + attend(x, x, mask=mask)
        return x @ self.readout

    @shapes(torch, "-> ... layers H n n", tokens=anything("... n"))
    def all_weights(self, tokens):
        """Return the weights of all heads of all layers."""
        x, found = self.start(tokens), []
        mask = self._causal(x)
        for attend in self.attentions:
            found.append(attend.weights(x, x, mask=mask))
            x = x + attend(x, x, mask=mask)
        return torch.stack(found, dim=-4)

    @shapes(
        torch,
        "asking: ... n d_model, keys: ... n d_model, values: ... n d_model -> ... H n d_model",
        layer=count(0),
        widens=False,
    )
    def parts(self, layer, asking, keys, values):
        """Return what each head of a layer adds, from three states that may differ."""
        W = self.attentions[layer].matrices()
        q = asking.unsqueeze(-3) @ W["W_q"]
        k, v = keys.unsqueeze(-3) @ W["W_k"], values.unsqueeze(-3) @ W["W_v"]
        return scaled_dot_product.attention(q, k, v, mask=self._causal(asking)) @ W["W_o"]

    def _causal(self, x):
        return masks.as_tensor(masks.causal(x.shape[-2]), x.device)
