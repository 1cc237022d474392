"""The exercises on pages and rings."""

import numpy as np

from attention_book.checking import Case, function_exercise, question
from attention_book.parallel.places import contiguous, striped

PLACE = (4, 3)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Where is token 37?",
    difficulty="easy",
    minutes=5,
    hints=[
        "Token 37 is in the block with the number ⌊37/16⌋ in the table, the first being number 0.",
        "Four blocks have 64 slots.",
        "100/16 is 6.25, and a quarter of a block is a block.",
        "The three full blocks are shared by all six. The fourth is copied by whoever writes, and "
        "the last to write is its only user.",
    ],
)
def slots():
    """Find tokens and blocks.

    Blocks have 16 slots. A sequence of 60 tokens has the table (9, 2, 30, 4). Answer with five
    numbers: the block and the slot of token 37, counted from 0; how many slots of its blocks are
    empty; how many blocks 100 tokens need; and how many blocks five sequences hold together that
    were forked from this one (six sequences in all), when each of the six has then read one token
    of its own.
    """
    return (30, 5, 4, 7, 9)


slots.mistake(
    "the number of the block in the table is taken for the block",
    "37 is in the third block of the table. Which block of the pool is that?",
    {0: 2},
)
slots.mistake(
    "blocks are counted from 1 here",
    "⌊37/16⌋ = 2 is the third entry of the table: 9 is number 0.",
    {0: 2, 1: 4},
    lambda answer: answer[0] == 2 and answer[1] != 5,
)
slots.mistake(
    "the slot is counted from 1",
    "Token 32 is in slot 0 of the block, so token 37 is in slot 5.",
    {1: 6},
)
slots.mistake(
    "the empty slots of one more block are counted",
    "60 tokens fill three blocks and 12 slots of the fourth.",
    {2: 12},
)
slots.mistake(
    "the last block is thought to be full",
    "100 is not a multiple of 16: the rest needs a block too.",
    {3: 6},
)
slots.mistake(
    "every sequence is thought to hold all its blocks alone",
    "Full blocks are never written into, and stay shared.",
    {4: 24},
)
slots.mistake(
    "the last to write is thought to copy, too",
    "When five have copied the block, the sixth is its only user and writes in place.",
    {4: 10},
)
slots.mistake(
    "only one copy is thought to be made",
    "Each of the six goes on with a token of its own, so each needs a last block of its own.",
    {4: 5},
)


# 2 ---------------------------------------------------------------------------------------------


def _pool_inputs(seed, block_table, length, N=7, B=4, d=3, dtype=np.float64):
    pool = np.random.default_rng(seed).standard_normal((N, B, d)).astype(dtype)
    return pool, np.array(block_table), length


def _gather_cases():
    return [
        Case("three blocks, the last not full", _pool_inputs(0, [5, 0, 3], 10)),
        Case("the last block is full", _pool_inputs(1, [2, 6], 8)),
        Case("one token", _pool_inputs(2, [4], 1)),
        Case("a table that is longer than needed", _pool_inputs(3, [1, 5, 2, 0], 6)),
        Case("blocks of one slot", _pool_inputs(4, [6, 2, 4, 1, 3], 5, B=1)),
        Case("one block of many slots", _pool_inputs(5, [1], 6, N=3, B=9)),
        Case("single precision", _pool_inputs(6, [5, 4, 1], 11, dtype=np.float32), rtol=1e-7),
    ]


@function_exercise(
    title="Through the table",
    difficulty="easy",
    minutes=10,
    cases=_gather_cases,
    hints=[
        "pool[block_table] are the blocks of the sequence in its order, (n, B, d).",
        "The first two axes are tokens: reshape(-1, d).",
        "What lies behind the last token belongs to nobody.",
    ],
)
def gather(pool, block_table, length):
    """Put the vectors of a sequence in order.

    Shapes: pool (N, B, d), block_table (n,) integers, length an integer of at most n B. The
    result is (length, d).
    """
    return pool[block_table].reshape(-1, pool.shape[2])[:length]


gather.mistake(
    "the last block is read to its end",
    "Behind token length − 1 stands what another sequence left there.",
    {"[:length]": "[: -(-length // pool.shape[1]) * pool.shape[1]]", ".reshape": ".reshape"},
)
gather.mistake(
    "all blocks of the table are read to their end",
    "The sequence has length tokens, not as many as its blocks have slots.",
    {"[:length]": ""},
)
gather.mistake(
    "the table is not used",
    "The first blocks of the pool belong to whoever came first.",
    {"pool[block_table]": "pool[: len(block_table)]"},
)
gather.mistake(
    "the blocks are read in the order of the pool",
    "The table says in which order they belong together.",
    {"pool[block_table]": "pool[np.sort(block_table)]"},
)
gather.mistake(
    "block and slot are exchanged",
    "Token j is in block j // B, slot j % B: first all slots of one block, then the next block.",
    {"pool[block_table]": "pool[block_table].swapaxes(0, 1)"},
)
gather.mistake(
    "the newest tokens are taken",
    "Slots are filled from the front: the tokens are the first ones.",
    {"[:length]": "[-length:]"},
)
gather.mistake(
    "the table is looked up from its end",
    "The first block of the table has the first tokens.",
    {"pool[block_table]": "pool[block_table[::-1]]"},
)


# 3 ---------------------------------------------------------------------------------------------


def _known_cases():
    story = [3, 1, 4, 1, 5, 9, 2, 6]
    return [
        Case("a common beginning", ([3, 1, 4, 1, 8, 8], [story], 2)),
        Case("a common middle", ([8, 8, 4, 1, 5, 9], [story], 2)),
        Case("nothing in common", ([7, 7, 7, 7], [story], 2)),
        Case("the same prompt", (story, [story], 2)),
        Case("the same prompt, and one token more", ([*story, 5], [story], 2)),
        Case("the beginning of a longer one", (story[:5], [story], 2)),
        Case("a block of each of two", ([3, 1, 7, 7, 5], [[3, 1, 4, 1], [6, 6, 7, 7]], 2)),
        Case("the longer of two beginnings", (story, [story[:2], story[:6], [3]], 2)),
        Case("only the latest begins so", ([3, 1, 4, 1, 8, 8], [[7, 7, 7, 7], story], 2)),
        Case("blocks of three", ([3, 1, 4, 1, 5, 8, 8], [story], 3)),
        Case("a block that the other did not fill", ([3, 1, 4, 1, 5], [[3, 1, 4, 1]], 3)),
        Case("nobody came before", ([1, 2, 3], [], 2)),
        Case("shorter than a block", ([3, 1], [story], 4)),
        Case("the other ends in the middle of a block", ([3, 1, 4, 1], [[3, 1, 4]], 2)),
        Case("the same tokens in another order", ([1, 3, 4, 1, 5], [story], 2)),
        Case(
            "each block after the one before it",
            ([9, 9, 1, 1, 2, 2, 5], [[9, 9, 1, 1, 3, 3], [8, 8, 1, 1, 2, 2]], 2),
        ),
        Case("tokens of two digits", ([1, 12, 5, 5, 7], [[11, 2, 5, 5]], 2)),
        Case("a block that repeats", ([1, 1, 1, 1, 1, 1, 1], [[1, 1, 1, 1]], 2)),
    ]


@function_exercise(
    title="Erratum: a beginning that is none",
    difficulty="medium",
    minutes=15,
    cases=_known_cases,
    hints=[
        "In the program a block is known by its own tokens. By what should it be known?",
        "Compare whole beginnings: prompt[:end] with old[:end], for end a multiple of size.",
        "One token must be left to compute: end is at most len(prompt) − 1.",
        "Only full blocks count: old has to have at least end tokens.",
    ],
)
def known(prompt, earlier, size):
    """Count the tokens of a prompt that stand in full blocks which an earlier prompt has left.

    ``prompt`` is a list of tokens, ``earlier`` a list of such lists, ``size`` the tokens in a
    block. At least one token of the prompt is left to be computed. The result is an integer.
    """
    found = 0
    for end in range(size, len(prompt), size):
        if any(old[:end] == prompt[:end] for old in earlier):
            found = end
    return found


known.mistake(
    "a block is known by its own tokens",
    "Its keys and values depend on all tokens before it, too: the same words after another "
    "beginning are other vectors.",
    lambda prompt, earlier, size: _by_own_tokens(prompt, earlier, size, len(prompt) - 1),
)
known.mistake(
    "a block is known by its own tokens and those of the block before",
    "The block before that counts, too: a name has all tokens from the first one on.",
    lambda prompt, earlier, size: _by_two_blocks(prompt, earlier, size),
)
known.mistake(
    "all of the prompt is found, and nothing is left to compute",
    "The output of the last token says what comes next. Somebody has to compute it.",
    {"len(prompt), size": "len(prompt) + 1, size"},
)
known.mistake(
    "this is the program of the task",
    "It knows blocks by their own tokens, takes blocks that are not full, and leaves nothing to "
    "compute.",
    lambda prompt, earlier, size: _as_in_the_task(prompt, earlier, size),
)
known.mistake(
    "tokens are counted, not full blocks",
    "A block can be shared when it is full. The rest is computed again.",
    lambda prompt, earlier, size: min(_common(prompt, earlier), len(prompt) - 1),
)
known.mistake(
    "blocks are counted, not tokens",
    "The answer is a number of tokens: blocks times size.",
    {"return found": "return found // size"},
)
known.mistake(
    "only the latest prompt is looked at",
    "Any earlier prompt may have left a block.",
    {"for old in earlier)": "for old in earlier[-1:])"},
)
known.mistake(
    "all earlier prompts are thought to have to agree",
    "One that begins so is enough.",
    {"any(": "bool(earlier) and all("},
)
known.mistake(
    "only the first block is looked at",
    "Go on as long as the beginnings agree.",
    {"found = end": "return end"},
)


def _by_own_tokens(prompt, earlier, size, most):
    blocks = {
        tuple(old[i : i + size]) for old in earlier for i in range(0, len(old) - size + 1, size)
    }
    found = 0
    while found + size <= most and tuple(prompt[found : found + size]) in blocks:
        found += size
    return found


def _by_two_blocks(prompt, earlier, size):
    pairs = {
        (tuple(old[max(0, i - size) : i + size]))
        for old in earlier
        for i in range(0, len(old) - size + 1, size)
    }
    found = 0
    while (
        found + size < len(prompt) and tuple(prompt[max(0, found - size) : found + size]) in pairs
    ):
        found += size
    return found


def _as_in_the_task(prompt, earlier, size):
    blocks = {tuple(old[i : i + size]) for old in earlier for i in range(0, len(old), size)}
    found = 0
    while tuple(prompt[found : found + size]) in blocks:
        found += size
    return found


def _common(prompt, earlier):
    return max((sum(_agrees(prompt, old)) for old in earlier), default=0)


def _agrees(prompt, old):
    for a, b in zip(prompt, old, strict=False):
        if a != b:
            return
        yield 1


# 4 ---------------------------------------------------------------------------------------------


def _timetable_cases():
    return [Case(f"{P} ranks" if P > 1 else "one rank", (P,)) for P in (4, 5, 3, 2, 1, 8)]


@function_exercise(
    title="The timetable of a ring",
    difficulty="medium",
    minutes=10,
    cases=_timetable_cases,
    hints=[
        "At step 0 each rank holds its own part.",
        "At step 1 rank r holds what rank r + 1 held at step 0. Whom does the last rank follow?",
        "Unroll it: what rank r holds at step t began at rank r + t.",
        "The ranks form a ring, so the sum is taken modulo P.",
    ],
)
def timetable(P):
    """Return which part each rank holds at each step, when rank r receives from rank r + 1.

    Shapes: P an integer; the result is a (P, P) array of integers, row r for rank r, column t for
    step t.
    """
    ranks = np.arange(P)
    return (ranks[:, None] + ranks) % P


timetable.mistake(
    "it turns as the ring of the chapter",
    "Here rank r receives from rank r + 1, so the parts move to smaller ranks.",
    {"ranks[:, None] + ranks": "ranks[:, None] - ranks"},
)
timetable.mistake(
    "the ring is not closed",
    "After the last rank comes rank 0: take the sum modulo P.",
    {" % P": ""},
)
timetable.mistake(
    "the last rank keeps the last part",
    "It receives from rank 0, and so goes on to part 0.",
    lambda P: np.minimum(np.arange(P)[:, None] + np.arange(P), P - 1),
)
timetable.mistake(
    "at step 0 the ranks hold those of their neighbours",
    "Nobody has received anything at step 0.",
    {"+ ranks)": "+ ranks + 1)"},
)
timetable.mistake(
    "the parts stay where they are",
    "Every rank has to meet every part.",
    lambda P: np.tile(np.arange(P)[:, None], (1, P)),
)
timetable.mistake(
    "all ranks hold the same part at a step",
    "Each part is in one place at a time.",
    lambda P: np.tile(np.arange(P), (P, 1)),
)
timetable.mistake(
    "a part moves by its own number",
    "The part of rank r moves one rank a step, whatever r is.",
    {"ranks[:, None] + ranks": "ranks[:, None] * ranks"},
)


# 5 ---------------------------------------------------------------------------------------------


@question(
    title="What a ring sends",
    difficulty="medium",
    minutes=10,
    rtol=0.001,
    hints=[
        "A rank holds 65 536 / 8 tokens.",
        "A token has 16 · (64 + 64) numbers of 2 bytes: 4096 bytes.",
        "On the way there a part moves P − 1 times.",
        "On the way back keys and values move P − 1 times, and their gradients P times.",
    ],
)
def traffic():
    """Count what each of eight ranks sends.

    The sequence has 65 536 tokens. There are 16 heads with 64 features of keys and 64 of values,
    and a number has 2 bytes. Answer with four numbers: how many tokens a rank holds; how many MiB
    (2²⁰ bytes) it sends in one move; how many there, for the output; and how many there and back
    together.
    """
    return (8192, 32, 224, 704)


traffic.mistake(
    "only the keys are counted, or a number with one byte",
    "Values travel as well: d_k + d_v numbers a head and token, of 2 bytes each.",
    {1: 16, 2: 112, 3: 352},
    lambda answer: answer[1] == 16,
)
traffic.mistake(
    "bytes are given in place of MiB",
    "A MiB has 2²⁰ = 1 048 576 bytes.",
    {1: 32 * 2**20, 2: 224 * 2**20, 3: 704 * 2**20},
    lambda answer: answer[1] > 1_000_000,
)
traffic.mistake(
    "one head is counted",
    "All 16 heads of a part travel.",
    {1: 2, 2: 14, 3: 44},
    lambda answer: answer[1] == 2,
)
traffic.mistake(
    "the whole sequence is thought to move at once",
    "A rank sends one part, an eighth of it.",
    {0: 65_536, 1: 256, 2: 1792, 3: 5632},
    lambda answer: answer[0] == 65_536 or answer[1] == 256,
)
traffic.mistake(
    "on the way there a part is thought to move P times",
    "After P − 1 moves every rank has met it.",
    {2: 256},
    lambda answer: answer[1] == 32 and answer[2] == 256,
)
traffic.mistake(
    "the gradients are thought to stop a move before their home",
    "They move P times: after P − 1 they are at the neighbour of their owner.",
    {3: 672},
)
traffic.mistake(
    "the way back is thought to be as long as the way there",
    "Keys and values go round again, and their gradients with them.",
    {3: 448},
)
traffic.mistake(
    "the way back is counted alone, or its keys and values are left out",
    "Asked is both ways together. On the way back each rank needs the keys and values again, to "
    "compute the weights anew.",
    {3: 480},
)


# 6 ---------------------------------------------------------------------------------------------


def _shuffled(n, ranks, seed):
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order.reshape(ranks, -1), axis=1)


def _duration_cases():
    return [
        Case("contiguous, four ranks", (contiguous(24, 4),)),
        Case("stripes, four ranks", (striped(24, 4),)),
        Case("one rank", (contiguous(6, 1),)),
        Case("two ranks", (contiguous(10, 2),)),
        Case("one token each", (contiguous(5, 5),)),
        Case("dealt at random", (_shuffled(20, 4, 0),)),
        Case("dealt at random to five", (_shuffled(30, 5, 1),)),
        Case("dealt from the last token on", (striped(24, 4)[:, ::-1].copy(),)),
        Case("the order of the ranks turned round", (contiguous(12, 3)[::-1].copy(),)),
    ]


@function_exercise(
    title="How long the ring takes",
    difficulty="hard",
    minutes=20,
    cases=_duration_cases,
    hints=[
        "places[r][:, None] >= places[s] is True where a query of rank r sees a key of rank s.",
        "At step t the keys are those of rank r − t; a negative index counts from the end, as "
        "the ring does.",
        "For each step the largest count of all ranks, then the sum over the steps.",
    ],
)
def duration(places):
    """Count the pairs that the ring waits for: the slowest rank of each step, over all steps.

    Shapes: places (P, n), the positions that each rank holds. At step t rank r scores its queries
    with those keys of rank r − t that are not ahead of them. The result is an integer.
    """
    P, total = len(places), 0
    for t in range(P):
        counts = [(places[r][:, None] >= places[r - t]).sum() for r in range(P)]
        total += max(counts)
    return int(total)


duration.mistake(
    "the work is added up, though the ranks work at the same time",
    "A step takes as long as its slowest rank.",
    {"max(counts)": "sum(counts)"},
)
duration.mistake(
    "a step is thought to take the mean of the ranks",
    "Nobody goes on before the slowest is done.",
    {"max(counts)": "sum(counts) / P"},
)
duration.mistake(
    "that is the work of the busiest rank, as if it never had to wait",
    "At each step another rank may be the slowest. Take the maximum step by step.",
    lambda places: max(
        sum(int((mine[:, None] >= theirs).sum()) for theirs in places) for mine in places
    ),
)
duration.mistake(
    "a query does not see its own position",
    "Keys that are not ahead: its own is one of them.",
    {">=": ">"},
)
duration.mistake(
    "hidden pairs are counted, too",
    "Under a causal mask a kernel leaves out what lies ahead of a query.",
    {"(places[r][:, None] >= places[r - t]).sum()": "places[r].size * places[r - t].size"},
)
duration.mistake(
    "the last step is missing",
    "There are as many steps as ranks, the first with a rank's own part.",
    {"for t in range(P):": "for t in range(P - 1):"},
)
duration.mistake(
    "a rank's own part is left out",
    "Step 0 is a step: each rank begins with its own keys.",
    {"for t in range(P):": "for t in range(1, P):"},
)
duration.mistake(
    "the ring is thought to take as long as its slowest step",
    "The steps come one after the other: add them up.",
    {"total += max(counts)": "total = max(total, max(counts))"},
)
