"""Which blocks of a paged cache hold which tokens of which sequence: the book-keeping alone.

No keys and no values are here. ``extend`` says into which slots they have to be written, and
``tables`` where they are.

>>> blocks = Blocks(4, size=2)
>>> blocks.begin("a")
0
>>> blocks.extend("a", [7, 8, 9])
([(0, 0), (0, 1), (1, 0)], [])
>>> blocks.fork("a", "b")
>>> blocks.extend("b", [5])
([(2, 1)], [(1, 2)])
>>> blocks.tables
{'a': [0, 1], 'b': [0, 2]}
"""

from attention_book.shapes import check_count


class NoFreeBlock(RuntimeError):
    """A sequence needs more blocks than are free; nothing was changed."""


class Blocks:
    """A number of blocks with ``size`` slots each, handed out to sequences as these grow.

    ``tables`` has the blocks of each sequence in their order, ``tokens`` its tokens, ``users``
    how many sequences use a block, and ``free`` the blocks that nobody uses, in the order in
    which they will be handed out. A full block is known by *all* tokens up to its end, since its
    keys and values depend on all of them; it stays known after its last user has gone, until it
    is handed out again.

    Raises:
        TypeError: ``number`` or ``size`` is not an integer.
        ValueError: ``number`` or ``size`` is below 1.

    Source:
        W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
        PagedAttention", 2023, sections 4.2 to 4.4. Departures: full blocks are found by their
        tokens, without a hash, and what does not fit is refused instead of swapped out.
    """

    def __init__(self, number, size):
        self.size = check_count(size, "size", least=1)
        self.users = [0] * check_count(number, "number", least=1)
        self.free = dict.fromkeys(range(number))
        self.tables, self.tokens = {}, {}
        self._known, self._key = {}, {}

    def begin(self, sequence, prompt=()):
        """Open a sequence with the blocks of its prompt that are known; return their tokens.

        At least one token is left to be computed, since its output says what comes next.

        Raises:
            ValueError: the sequence is open already.
        """
        self._must_be_new(sequence)
        table = []
        for end in range(self.size, len(prompt), self.size):
            block = self._known.get(self._name(prompt[:end]))
            if block is None:
                break
            self._use(block)
            table.append(block)
        self.tables[sequence] = table
        self.tokens[sequence] = list(prompt[: len(table) * self.size])
        return len(self.tokens[sequence])

    def extend(self, sequence, tokens):
        """Make room for tokens; return their slots, and the blocks that must be copied first.

        A slot is a pair of block and place. A pair of blocks is to be copied from the first to
        the second: what others use is not written into.

        Raises:
            KeyError: the sequence is not open.
            NoFreeBlock: there are not enough free blocks.
        """
        table, known = self.tables[sequence], self.tokens[sequence]
        tokens = list(tokens)
        start = len(known)
        shared = bool(tokens) and start % self.size > 0 and self.users[table[-1]] > 1
        more = -(-(start + len(tokens)) // self.size) - len(table)
        if shared + more > len(self.free):
            raise NoFreeBlock(
                f"sequence {sequence!r} needs {shared + more} more blocks of {self.size} tokens; "
                f"{len(self.free)} of {len(self.users)} are free"
            )
        copies = []
        if shared:
            old, table[-1] = table[-1], self._take()
            self.users[old] -= 1
            copies.append((old, table[-1]))
        table += [self._take() for _ in range(more)]
        known += tokens
        for i in range(start // self.size, len(known) // self.size):
            self._know(table[i], self._name(known[: (i + 1) * self.size]))
        places = range(start, len(known))
        return [(table[i // self.size], i % self.size) for i in places], copies

    def fork(self, sequence, new):
        """Open a sequence that begins with all tokens of another, in the same blocks.

        Raises:
            KeyError: the sequence is not open.
            ValueError: ``new`` is open already.
        """
        self._must_be_new(new)
        self.tables[new] = list(self.tables[sequence])
        self.tokens[new] = list(self.tokens[sequence])
        for block in self.tables[new]:
            self._use(block)

    def end(self, sequence):
        """Close a sequence. A block without users is free; the last block is handed out first.

        Raises:
            KeyError: the sequence is not open.
        """
        for block in reversed(self.tables.pop(sequence)):
            self.users[block] -= 1
            if not self.users[block]:
                self.free[block] = None
        del self.tokens[sequence]

    def _use(self, block):
        self.free.pop(block, None)
        self.users[block] += 1

    def _take(self):
        """Return a free block, which from now on is known by nothing."""
        block = next(iter(self.free))
        self._use(block)
        self._known.pop(self._key.pop(block, None), None)
        return block

    def _name(self, tokens):
        """Return what a full block is known by, of all tokens up to its end."""
        return tuple(tokens)

    def _know(self, block, name):
        if name not in self._known:
            self._known[name], self._key[block] = block, name

    def _must_be_new(self, sequence):
        if sequence in self.tables:
            raise ValueError(f"sequence {sequence!r} is open already")
