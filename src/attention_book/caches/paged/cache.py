"""A paged cache for decoding in PyTorch: a pool of keys and values, and its book-keeping."""

import torch

from attention_book.caches.kv_cache.model import through
from attention_book.caches.paged.blocks import Blocks, NoFreeBlock
from attention_book.caches.paged.module import attention


class PagedCache:
    """Keys and values of one layer for many sequences, in blocks of one pool.

    ``blocks`` (:class:`~attention_book.caches.paged.blocks.Blocks`) opens, forks and closes
    sequences; ``write`` puts keys and values where it says.

    Source:
        W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
        PagedAttention", 2023, section 4.
    """

    def __init__(self, number, size, heads, d_k, d_v=None, dtype=torch.float32):
        self.blocks = Blocks(number, size)
        self.keys = torch.zeros(number, heads, size, d_k, dtype=dtype)
        self.values = torch.zeros(number, heads, size, d_v or d_k, dtype=dtype)

    def write(self, sequence, tokens, k, v):
        """Append tokens with their keys (H, n, d_k) and values (H, n, d_v) to a sequence.

        Raises:
            KeyError: the sequence is not open.
            NoFreeBlock: there are not enough free blocks; nothing was written.
            ValueError: there are not as many keys and values as tokens.
        """
        if not len(tokens) == k.shape[1] == v.shape[1]:
            raise ValueError(
                f"k has {k.shape[1]} tokens and v {v.shape[1]}; they need {len(tokens)}"
            )
        slots, copies = self.blocks.extend(sequence, tokens)
        for old, new in copies:
            self.keys[new], self.values[new] = self.keys[old], self.values[old]
        if slots:
            block, place = torch.tensor(slots).T
            self.keys[block, :, place] = k.transpose(0, 1)
            self.values[block, :, place] = v.transpose(0, 1)

    def attention(self, sequence, q):
        """Answer the newest queries (H, L, d_k) of a sequence: (H, L, d_v)."""
        table = torch.tensor(self.blocks.tables[sequence])
        length = len(self.blocks.tokens[sequence])
        return attention(q, self.keys, self.values, table, length)


class PagedDecoder:
    """A language model that reads and writes with a paged cache in each layer.

    ``model`` is a :class:`~attention_book.transformer.language_model.module.LanguageModel`. All
    layers store the same tokens, so the tables of all caches are the same.
    """

    def __init__(self, model, number, size):
        self.model = model
        first = model.encoder.blocks[0].attend
        d, dtype = model.d_model // first.heads, model.embedding.dtype
        self.caches = [
            PagedCache(number, size, first.heads, d, dtype=dtype) for _ in model.encoder.blocks
        ]

    def begin(self, sequence, prompt):
        """Open a sequence, read its prompt; return the scores (V,) of what may follow it.

        Raises:
            NoFreeBlock: there are not enough free blocks; the sequence is not opened.
        """
        found = [cache.blocks.begin(sequence, prompt) for cache in self.caches]
        try:
            return self.read(sequence, prompt[found[0] :])
        except NoFreeBlock:
            self.end(sequence)
            raise

    @torch.no_grad()
    def read(self, sequence, tokens):
        """Append tokens to a sequence; return the scores (V,) of what may follow the last."""
        start = len(self.caches[0].blocks.tokens[sequence])

        def attend(number, q, k, v):
            self.caches[number].write(sequence, tokens, k, v)
            return self.caches[number].attention(sequence, q)

        return through(self.model, torch.tensor(tokens), start, attend)[-1]

    def write(self, sequence, prompt, steps):
        """Return the ``steps`` likeliest tokens after a prompt, one after the other, and close."""
        scores, written = self.begin(sequence, prompt), []
        for _ in range(steps):
            written.append(int(scores.argmax()))
            scores = self.read(sequence, written[-1:])
        self.end(sequence)
        return written

    def fork(self, sequence, new):
        """Open a sequence that shares all blocks of another."""
        for cache in self.caches:
            cache.blocks.fork(sequence, new)

    def end(self, sequence):
        """Close a sequence."""
        for cache in self.caches:
            cache.blocks.end(sequence)
