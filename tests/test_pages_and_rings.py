"""Pages and rings: blocks anywhere in memory, and one sequence in several processes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.bias import causal_lower_right

from attention_book import masks
from attention_book.caches.paged import module as torch_paged
from attention_book.caches.paged import reference as paged
from attention_book.caches.paged.blocks import Blocks, NoFreeBlock
from attention_book.caches.paged.cache import PagedCache, PagedDecoder
from attention_book.parallel.launch import STORE, Launch, RankFailed, run
from attention_book.parallel.places import contiguous, striped, work
from attention_book.parallel.ring import module as torch_ring
from attention_book.parallel.ring import reference as ring
from attention_book.parallel.ring import worker
from attention_book.scores.scaled_dot_product import reference as plain
from attention_book.transformer.language_model.module import LanguageModel

WORKER = worker.__name__


# Blocks ------------------------------------------------------------------------------------------


def consistent(blocks):
    """Every block is free or in tables, as often as it has users; no sequence lacks room."""
    held = [block for table in blocks.tables.values() for block in table]
    assert [held.count(block) for block in range(len(blocks.users))] == blocks.users
    assert set(blocks.free) == {block for block, users in enumerate(blocks.users) if not users}
    for sequence, table in blocks.tables.items():
        assert len(set(table)) == len(table) == -(-len(blocks.tokens[sequence]) // blocks.size)


def test_a_sequence_grows_block_by_block():
    blocks = Blocks(4, size=3)
    assert blocks.begin("a") == 0
    assert blocks.extend("a", [5, 6]) == ([(0, 0), (0, 1)], [])
    assert blocks.extend("a", [7, 8]) == ([(0, 2), (1, 0)], [])
    assert blocks.extend("a", []) == ([], [])
    assert blocks.tables == {"a": [0, 1]}
    assert blocks.tokens == {"a": [5, 6, 7, 8]}
    consistent(blocks)


def test_sequences_take_turns():
    blocks = Blocks(5, size=2)
    for sequence in "ab":
        blocks.begin(sequence)
    for _ in range(2):
        for sequence in "ab":
            blocks.extend(sequence, [1, 2])
    assert blocks.tables == {"a": [0, 2], "b": [1, 3]}


@pytest.mark.parametrize("more", [1, 4])
def test_what_does_not_fit_is_refused_and_changes_nothing(more):
    blocks = Blocks(3, size=2)
    blocks.begin("a")
    blocks.extend("a", range(4))
    blocks.begin("b")
    before = repr(vars(blocks))
    with pytest.raises(NoFreeBlock, match=r"^sequence 'b' needs 2 more blocks of 2.*; 1 of 3 are"):
        blocks.extend("b", range(4))
    assert repr(vars(blocks)) == before
    blocks.extend("b", [9])
    with pytest.raises(NoFreeBlock, match=r"0 of 3"):
        blocks.extend("a", range(more))
    blocks.end("b")
    blocks.extend("a", [9])
    consistent(blocks)


def test_a_shared_block_needs_room_for_its_copy():
    blocks = Blocks(1, size=4)
    blocks.begin("a")
    blocks.extend("a", [1])
    blocks.fork("a", "b")
    with pytest.raises(NoFreeBlock, match=r"needs 1 more"):
        blocks.extend("b", [2])
    blocks.end("a")
    assert blocks.extend("b", [2]) == ([(0, 1)], [])


def test_the_last_of_those_who_share_writes_without_a_copy():
    blocks = Blocks(6, size=4)
    blocks.begin("a")
    blocks.extend("a", range(6))
    blocks.fork("a", "b")
    blocks.fork("a", "c")
    assert blocks.users[:2] == [3, 3]
    assert blocks.extend("b", [9]) == ([(2, 2)], [(1, 2)])
    assert blocks.extend("c", [9]) == ([(3, 2)], [(1, 3)])
    assert blocks.extend("a", [9]) == ([(1, 2)], [])
    assert blocks.users == [3, 1, 1, 1, 0, 0]
    consistent(blocks)


def test_a_full_block_is_shared_without_a_copy():
    blocks = Blocks(6, size=3)
    blocks.begin("a")
    blocks.extend("a", range(3))
    blocks.fork("a", "b")
    assert blocks.extend("b", [9]) == ([(1, 0)], [])
    assert blocks.users == [2, 1, 0, 0, 0, 0]


def test_blocks_come_back_and_nobody_is_left():
    blocks = Blocks(4, size=2)
    blocks.begin("a")
    blocks.extend("a", range(5))
    blocks.fork("a", "b")
    blocks.end("a")
    assert len(blocks.free) == 1
    blocks.end("b")
    assert list(blocks.free) == [3, 2, 1, 0]  # the end of a text is given up before its beginning
    assert blocks.tables == blocks.tokens == {}


@pytest.mark.parametrize("call", [lambda b: b.begin("a"), lambda b: b.fork("a", "a")])
def test_a_name_is_used_once(call):
    blocks = Blocks(2, size=2)
    blocks.begin("a")
    with pytest.raises(ValueError, match=r"^sequence 'a' is open already"):
        call(blocks)


@pytest.mark.parametrize(
    "call", [lambda b: b.extend("x", [1]), lambda b: b.fork("x", "y"), lambda b: b.end("x")]
)
def test_who_is_not_open(call):
    with pytest.raises(KeyError, match="x"):
        call(Blocks(2, size=2))


@pytest.mark.parametrize(("number", "size"), [(0, 2), (2, 0)])
def test_no_blocks(number, size):
    with pytest.raises(ValueError, match=r"^(number|size) is 0"):
        Blocks(number, size)


# Prefixes ----------------------------------------------------------------------------------------


def opened(blocks, sequence, tokens):
    """Begin a sequence and store what is not known of its tokens; return how much was known."""
    found = blocks.begin(sequence, tokens)
    blocks.extend(sequence, tokens[found:])
    return found


def test_a_known_beginning_is_found_in_whole_blocks():
    blocks = Blocks(9, size=2)
    assert opened(blocks, "a", [1, 2, 3, 4, 5]) == 0
    assert opened(blocks, "b", [1, 2, 3, 4, 9, 9]) == 4
    assert blocks.tables["b"][:2] == blocks.tables["a"][:2]
    assert opened(blocks, "c", [1, 2, 9, 4, 5]) == 2
    assert opened(blocks, "d", [9, 2, 3, 4, 5]) == 0
    consistent(blocks)


def test_the_last_token_is_always_computed():
    blocks = Blocks(9, size=2)
    opened(blocks, "a", [1, 2, 3, 4])
    assert blocks.begin("b", [1, 2, 3, 4]) == 2
    assert blocks.begin("c", [1, 2, 3, 4, 5]) == 4
    assert blocks.begin("d", [1, 2]) == 0
    assert blocks.begin("e", []) == 0


def test_a_block_is_known_by_all_that_is_before_it():
    blocks = Blocks(9, size=2)
    opened(blocks, "a", [1, 2, 3, 4, 5])
    assert opened(blocks, "b", [3, 4, 3, 4, 5]) == 0
    assert opened(blocks, "c", [3, 4, 1, 2, 5]) == 2  # b's first block


def test_what_is_generated_is_known_as_well():
    blocks = Blocks(9, size=2)
    opened(blocks, "a", [1, 2])
    for token in (3, 4, 5):
        blocks.extend("a", [token])
    assert blocks.begin("b", [1, 2, 3, 4, 5]) == 4


def test_a_block_is_known_after_its_users_have_gone_until_it_is_handed_out():
    blocks = Blocks(3, size=2)
    opened(blocks, "a", [1, 2, 3, 4, 5])
    blocks.end("a")
    opened(blocks, "x", [8, 8])  # takes the block of the 5
    assert blocks.begin("b", [1, 2, 3, 4, 5]) == 4
    blocks.end("b")
    opened(blocks, "y", [9, 9])  # takes the block of 3 and 4
    assert blocks.begin("c", [1, 2, 3, 4, 5]) == 2
    blocks.end("c")
    opened(blocks, "z", [7, 7])
    assert blocks.begin("d", [1, 2, 3, 4, 5]) == 0
    consistent(blocks)


def test_two_who_compute_the_same_do_not_disturb_each_other():
    blocks = Blocks(4, size=2)
    for sequence in "ab":  # both began before either had stored anything
        blocks.begin(sequence, [1, 2, 3])
    for sequence in "ab":
        blocks.extend(sequence, [1, 2, 3])
    blocks.end("b")
    opened(blocks, "x", range(4))
    assert blocks.begin("c", [1, 2, 3]) == 2
    assert blocks.tables["c"] == blocks.tables["a"][:1]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_order_of_requests_gives_each_its_own_tokens(data):
    """A shadow keeps every sequence as a plain list, and every slot as the prefix written there."""
    blocks, shadow, slots, name = Blocks(6, size=2), {}, {}, 0
    token = st.integers(0, 1)
    for _ in range(data.draw(st.integers(1, 25))):
        kind = data.draw(st.sampled_from(["begin", "extend", "extend", "fork", "end"]))
        if kind == "begin":
            prompt = data.draw(st.lists(token, min_size=1, max_size=6))
            found, name = blocks.begin(name, prompt), name + 1
            shadow[name - 1], tokens = prompt[:found], prompt[found:]
            kind, sequence = "extend", name - 1
        elif shadow:
            sequence = data.draw(st.sampled_from(sorted(shadow)))
            tokens = data.draw(st.lists(token, max_size=3))
        if kind == "extend" and shadow:
            try:
                places, copies = blocks.extend(sequence, tokens)
            except NoFreeBlock:
                kind = "end"
            else:
                for old, new in copies:
                    slots |= {(new, i): slots.get((old, i)) for i in range(2)}
                for t, place in zip(tokens, places, strict=True):
                    shadow[sequence].append(t)
                    slots[place] = tuple(shadow[sequence])
        if kind == "fork" and shadow:
            blocks.fork(sequence, name)
            shadow[name], name = list(shadow[sequence]), name + 1
        if kind == "end" and shadow:
            blocks.end(sequence)
            del shadow[sequence]
        consistent(blocks)
        for sequence, tokens in shadow.items():
            table = blocks.tables[sequence]
            written = [slots[table[i // 2], i % 2] for i in range(len(tokens))]
            assert written == [tuple(tokens[: i + 1]) for i in range(len(tokens))]


# Paged attention ---------------------------------------------------------------------------------


def pool(seed=0, number=7, heads=2, size=3, d_k=4, d_v=5):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((number, heads, size, d_k)), rng.standard_normal(
        (number, heads, size, d_v)
    )


def looked_up(q, keys, values, table, length):
    """Each token by itself, in loops."""
    H, L, d_k = q.shape
    size = keys.shape[2]
    found = np.zeros((H, L, values.shape[-1]))
    for h in range(H):
        for i in range(L):
            at = [(table[j // size], j % size) for j in range(length - L + i + 1)]
            scores = [q[h, i] @ keys[b, h, place] / np.sqrt(d_k) for b, place in at]
            exponentials = np.exp(np.array(scores) - max(scores))
            for weight, (b, place) in zip(exponentials / exponentials.sum(), at, strict=True):
                found[h, i] += weight * values[b, h, place]
    return found


@pytest.mark.parametrize("length", [4, 7, 9, 10, 12])
def test_every_token_is_found_in_its_slot(length):
    q, (keys, values) = np.random.default_rng(1).standard_normal((2, 4, 4)), pool()
    table = [5, 0, 6, 2]
    expected = looked_up(q, keys, values, table, length)
    found = paged.attention(q, keys, values, table, length)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    tensors = [torch.from_numpy(x) for x in (q, keys, values, np.array(table))]
    found = torch_paged.attention(*tensors, length)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_paged_is_contiguous_by_pytorch():
    q, (keys, values) = np.random.default_rng(1).standard_normal((2, 4, 4)), pool()
    table, length = [5, 0, 6], 8
    k, v = (np.concatenate([x[b] for b in table], axis=1)[:, :length] for x in (keys, values))
    q, k, v = (torch.from_numpy(x) for x in (q, k, v))
    expected = F.scaled_dot_product_attention(
        q[None], k[None], v[None], attn_mask=causal_lower_right(4, length)
    )[0]
    found = paged.attention(q.numpy(), keys, values, table, length)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e300])
def test_what_nobody_wrote_is_never_read(garbage):
    q, (keys, values) = np.random.default_rng(1).standard_normal((2, 2, 4)), pool()
    table, length = [5, 0, 6], 7
    clean = paged.attention(q, keys, values, table, length)
    for x in (keys, values):
        x[6, :, 1:] = garbage
        x[[1, 2, 3, 4]] = garbage
    np.testing.assert_array_equal(paged.attention(q, keys, values, table, length), clean)
    tensors = [torch.from_numpy(x) for x in (q, keys, values, np.array(table))]
    found = torch_paged.attention(*tensors, length)
    np.testing.assert_allclose(found, clean, rtol=1e-12, atol=1e-14)


def test_a_batch_is_each_sequence_alone():
    rng, (keys, values) = np.random.default_rng(2), pool()
    q = rng.standard_normal((3, 2, 2, 4))
    tables, lengths = np.array([[5, 0, 6], [3, 0, 0], [0, 1, 2]]), np.array([8, 3, 9])
    tensors = [torch.from_numpy(x) for x in (q, keys, values, tables, lengths)]
    found = torch_paged.batch_attention(*tensors).numpy()
    for m in range(3):
        alone = paged.attention(q[m], keys, values, tables[m], int(lengths[m]))
        np.testing.assert_allclose(found[m], alone, rtol=1e-12, atol=1e-14)


def test_a_query_before_the_first_token_gets_zeros():
    rng, (keys, values) = np.random.default_rng(2), pool()
    q = rng.standard_normal((1, 2, 4, 4))
    tensors = [torch.from_numpy(x) for x in (q, keys, values, np.array([[5]]), np.array([2]))]
    found = torch_paged.batch_attention(*tensors).numpy()
    assert not found[:, :, :2].any()
    assert found[:, :, 2:].all()
    assert not paged.attention(q[0], keys, values, [5], 2)[:, :2].any()


@pytest.mark.parametrize(
    ("table", "length", "message"),
    [
        ([0, 7], 4, r"^block_table names blocks 0 to 7; there are 7"),
        ([-1, 0], 4, r"^block_table names blocks -1 to 0; there are 7"),
        ([0, 1], 7, r"^length.* is .*7.*; block_table has 2 blocks of 3"),
    ],
)
def test_a_table_that_cannot_be(table, length, message):
    q, (keys, values) = np.zeros((2, 1, 4)), pool()
    with pytest.raises(ValueError, match=message):
        paged.attention(q, keys, values, table, length)
    tensors = [torch.from_numpy(x) for x in (q, keys, values, np.array(table))]
    with pytest.raises(ValueError, match=message):
        torch_paged.attention(*tensors, length)


def test_tables_have_integers():
    q, (keys, values) = np.zeros((2, 1, 4)), pool()
    with pytest.raises(TypeError, match=r"^block_table has dtype float64; it needs integers"):
        paged.attention(q, keys, values, [0.0, 1.0], 4)
    tensors = [torch.from_numpy(x) for x in (q, keys, values, np.array([0.0, 1.0]))]
    with pytest.raises(TypeError, match=r"^block_table has dtype torch.float64; it needs integers"):
        torch_paged.attention(*tensors, 4)


def test_gradients_of_paged_attention():
    q, (keys, values) = np.random.default_rng(1).standard_normal((2, 2, 4)), pool(number=3)
    inputs = [torch.from_numpy(x).requires_grad_() for x in (q, keys, values)]
    table = torch.tensor([2, 0])
    assert torch.autograd.gradcheck(
        lambda *x: torch_paged.attention(*x, table, 5), inputs, fast_mode=True
    )


# The cache ---------------------------------------------------------------------------------------


def vectors(tokens, salt=0):
    """Keys and values (2, n, 4) and (2, n, 5) that depend on all tokens up to each."""
    rows = []
    for end in range(1, len(tokens) + 1):
        rng = np.random.default_rng([salt, *tokens[:end]])
        rows.append(rng.standard_normal((2, 9)))
    both = torch.from_numpy(np.stack(rows, axis=1))
    return both[..., :4], both[..., 4:]


def told(cache, sequence, tokens):
    """Begin a sequence, write what is not known, and return the answer to one query."""
    found = cache.blocks.begin(sequence, tokens)
    k, v = vectors(tokens)
    cache.write(sequence, tokens[found:], k[:, found:], v[:, found:])
    return answer(cache, sequence)


def answer(cache, sequence):
    q = torch.from_numpy(np.random.default_rng(99).standard_normal((2, 1, 4)))
    return cache.attention(sequence, q)


def expected(tokens):
    q = np.random.default_rng(99).standard_normal((2, 1, 4))
    return plain.attention(q, *(x.numpy() for x in vectors(tokens)))


def new_cache(number=6, size=2):
    return PagedCache(number, size, heads=2, d_k=4, d_v=5, dtype=torch.float64)


def test_the_same_prompt_has_the_same_answer_whatever_ran_before():
    """Random requests over few tokens, so that prefixes meet; each is compared with it alone."""
    rng = np.random.default_rng(0)
    cache, open_, found = new_cache(), [], 0
    for n in range(300):
        tokens = rng.integers(0, 2, rng.integers(1, 8)).tolist()
        if len(open_) == 2 or (open_ and rng.random() < 0.5):
            cache.blocks.end(open_.pop(rng.integers(len(open_))))
        try:
            np.testing.assert_allclose(told(cache, n, tokens), expected(tokens), rtol=1e-12)
            open_.append(n)
        except NoFreeBlock:
            cache.blocks.end(n)
        found += cache.blocks.begin("asked", tokens)
        cache.blocks.end("asked")
    assert found > 300


def test_who_shares_and_writes_changes_no_other():
    cache = new_cache()
    told(cache, "a", [1, 0, 1])
    cache.blocks.fork("a", "b")
    before = answer(cache, "a")
    k, v = vectors([1, 0, 1, 1])
    cache.write("b", [1], k[:, 3:], v[:, 3:])
    assert torch.equal(answer(cache, "a"), before)
    np.testing.assert_allclose(answer(cache, "b"), expected([1, 0, 1, 1]), rtol=1e-12)
    k, v = vectors([1, 0, 1, 0])
    cache.write("a", [0], k[:, 3:], v[:, 3:])
    np.testing.assert_allclose(answer(cache, "a"), expected([1, 0, 1, 0]), rtol=1e-12)
    np.testing.assert_allclose(answer(cache, "b"), expected([1, 0, 1, 1]), rtol=1e-12)


@pytest.mark.parametrize("sizes", [[1] * 7, [7], [2, 5], [3, 1, 3]])
def test_any_chunks_give_the_same_answer(sizes):
    tokens = [1, 0, 0, 1, 1, 0, 1]
    k, v = vectors(tokens)
    cache, start = new_cache(), 0
    cache.blocks.begin("a")
    for n in sizes:
        chunk = slice(start, start + n)
        cache.write("a", tokens[chunk], k[:, chunk], v[:, chunk])
        start += n
    np.testing.assert_allclose(answer(cache, "a"), expected(tokens), rtol=1e-12)


def test_as_many_keys_as_tokens():
    cache = new_cache()
    cache.blocks.begin("a")
    k, v = vectors([1, 0])
    with pytest.raises(ValueError, match=r"^k has 2 tokens and v 2; they need 1"):
        cache.write("a", [1], k, v)
    assert cache.blocks.tokens["a"] == []


# A model -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = LanguageModel(7, 12, 3, 10, num_layers=2).double()
    with torch.no_grad():
        for block in made.encoder.blocks:
            block.attend.W_q *= 3
            block.attend.W_o *= 4
    return made


def alone(model, prompt, steps):
    """The text of a prompt by the whole model, without any cache."""
    tokens = list(prompt)
    with torch.no_grad():
        for _ in range(steps):
            tokens.append(int(model(torch.tensor(tokens))[-1].argmax()))
    return tokens[len(prompt) :]


def test_a_paged_model_writes_what_the_model_writes_whatever_it_has_read(model):
    rng, decoder = np.random.default_rng(0), PagedDecoder(model, 20, 3)
    fresh = 0
    for n in range(25):
        prompt = rng.integers(0, 2, rng.integers(1, 9)).tolist()
        fresh += len(prompt)
        assert decoder.write(n, prompt, 6) == alone(model, prompt, 6)
        fresh -= decoder.caches[0].blocks.begin("asked", prompt)
        decoder.caches[0].blocks.end("asked")
    assert fresh < 80
    assert not decoder.caches[1].blocks.tables


def test_samples_of_one_prompt_go_their_own_ways(model):
    decoder = PagedDecoder(model, 20, 3)
    prompt = [1, 0, 1, 1]
    decoder.begin("a", prompt)
    for name in "bc":
        decoder.fork("a", name)
    for name, token in zip("abc", (2, 3, 4), strict=True):
        found = decoder.read(name, [token])
        with torch.no_grad():
            wanted = model(torch.tensor([*prompt, token]))[-1]
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    scores = {name: decoder.read(name, [5]) for name in "abc"}
    for name, token in zip("abc", (2, 3, 4), strict=True):
        with torch.no_grad():
            wanted = model(torch.tensor([*prompt, token, 5]))[-1]
        torch.testing.assert_close(scores[name], wanted, rtol=1e-10, atol=1e-12)


def test_a_prompt_that_does_not_fit_is_not_opened(model):
    decoder = PagedDecoder(model, 2, 3)
    with pytest.raises(NoFreeBlock):
        decoder.begin("a", [1] * 7)
    assert decoder.write("a", [1, 0], 3) == alone(model, [1, 0], 3)


# Places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [contiguous, striped])
def test_places_deal_every_token_once(places):
    dealt = places(12, 4)
    assert dealt.shape == (4, 3)
    assert sorted(dealt.ravel()) == list(range(12))
    assert (np.diff(dealt) > 0).all()
    with pytest.raises(ValueError, match=r"^n is 10; it needs a multiple of ranks, 4"):
        places(10, 4)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_work_is_counted_by_the_mask(ranks):
    for order in (contiguous, striped):
        places = order(12, ranks)
        found = work(places)
        for r in range(ranks):
            for t in range(ranks):
                mask = masks.causal(12)[places[r]][:, places[r - t]]
                assert found[r, t] == mask.sum()
        assert found.sum() == 12 * 13 / 2


# The ring in one program -------------------------------------------------------------------------


def qkv(seed=0, lead=(2,), L=5, S=7, d_k=4, d_v=3):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((*lead, *s)) for s in ((L, d_k), (S, d_k), (S, d_v), (L, d_v))]


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("mask", [None, masks.causal(5, 7), masks.window(5, 7, size=2)])
def test_the_ring_is_full_attention(ranks, mask):
    q, k, v, grad = qkv()
    tensors = [torch.from_numpy(x).requires_grad_() for x in (q, k, v)]
    given = None if mask is None else torch.from_numpy(mask)
    whole = F.scaled_dot_product_attention(*tensors, attn_mask=given)
    gradients = torch.autograd.grad(whole, tensors, torch.from_numpy(grad))
    found = ring.attention(q, k, v, ranks=ranks, mask=mask)
    np.testing.assert_allclose(found, whole.detach(), rtol=1e-12, atol=1e-14)
    backward = ring.backward(q, k, v, grad, ranks=ranks, mask=mask)
    for mine, theirs in zip(backward, gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("factor", [200, -1e4])
def test_large_scores_go_round(factor):
    q, k, v, _ = qkv()
    np.testing.assert_allclose(
        ring.attention(factor * q, k, v, ranks=3), plain.attention(factor * q, k, v), rtol=1e-9
    )


def test_a_row_that_sees_nothing_gets_zeros_and_no_gradient():
    q, k, v, grad = qkv()
    mask = masks.causal(5, 7)
    mask[1] = False
    assert not ring.attention(q, k, v, ranks=3, mask=mask)[:, 1].any()
    grad_q, *others = ring.backward(q, k, v, grad, ranks=3, mask=mask)
    assert not grad_q[:, 1].any()
    assert all(np.isfinite(x).all() for x in others)


def test_one_rank_in_pytorch():
    q, k, v, _ = (torch.from_numpy(x).requires_grad_() for x in qkv(L=7))
    places = torch.arange(7)[None]
    for places_ in (None, places):
        expected = F.scaled_dot_product_attention(q, k, v, is_causal=places_ is not None)
        found = torch_ring.ring_attention(q, k, v, places=places_)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
        assert torch.autograd.gradcheck(
            lambda *x, p=places_: torch_ring.ring_attention(*x, places=p), (q, k, v)
        )


def test_no_keys_give_zeros_and_no_gradient():
    q, k, v, _ = (torch.from_numpy(x).requires_grad_() for x in qkv(S=0))
    found = torch_ring.ring_attention(q, k, v)
    gradients = torch.autograd.grad(found.sum(), (q, k, v))
    assert all(not x.any() for x in (found, *gradients))


def test_places_that_do_not_fit():
    q, k, v, _ = (torch.from_numpy(x) for x in qkv(L=7))
    with pytest.raises(ValueError, match=r"^places has shape \(2, 7\); it needs \(1, 7\)"):
        torch_ring.ring_attention(q, k, v, places=torch.arange(14).view(2, 7))
    with pytest.raises(ValueError, match=r"^places has shape \(1, 7\); it needs \(1, 5\)"):
        torch_ring.ring_attention(q[:, :5], k, v, places=torch.arange(7)[None])
    with pytest.raises(TypeError, match=r"^places has dtype torch.float32; it needs integers"):
        torch_ring.ring_attention(q, k, v, places=torch.ones(1, 7))


# The ring in processes ---------------------------------------------------------------------------


def cases(outputs):
    """What every rank said of every case, by number of ranks, order and precision."""
    found = {}
    for case in worker.cases(outputs):
        found.setdefault((case["ranks"], case["order"], case["dtype"]), []).append(case)
    return found


def sent(ranks, backward, tokens=256, heads=2, width=16 + 24, bytes_=4):
    """The formula: a part of the keys and values, as often as it goes on."""
    hops = ranks - 1 + (ranks if backward and ranks > 1 else 0)
    sizes = 0 if backward or ranks == 1 else 64
    return sizes + hops * heads * tokens // ranks * width * bytes_


def check(found, ranks, limits):
    for order in ("all", "contiguous", "striped"):
        for dtype, limit in limits.items():
            said = found.pop((ranks, order, dtype))
            assert sorted(case["rank"] for case in said) == list(range(ranks))
            for case in said:
                assert max(case["errors"].values()) < limit, case
                size = 4 if dtype == "float32" else 8
                assert case["sent forward"] == sent(ranks, False, bytes_=size)
                assert case["sent backward"] == sent(ranks, True, bytes_=size)
                total = case["sent forward"] + case["sent backward"]
                if case["written"] is not None:  # the kernel counts a header for each message
                    assert total <= case["written"] <= 1.02 * total + 4096


LIMITS = {"float32": 1e-6, "float64": 1e-12}


def test_processes_agree_with_full_attention_forward_and_backward():
    """1, 2 and 4 ranks, causal and not, both orders and precisions; and what they send."""
    found = cases(run(WORKER, 4, "--ranks", 1, 2, 4, "--dtypes", *LIMITS))
    for ranks in (1, 2, 4):
        check(found, ranks, LIMITS)
    assert not found


def torchrun(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ended(*processes, timeout=900):
    """The outputs of processes; whatever happens, none of them is left."""
    try:
        outputs = [process.communicate(timeout=timeout) for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes), outputs
        return [out for out, _ in outputs]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_two_hosts_by_torchrun():
    """Two launchers of two processes each, as on two machines, that meet at one address."""
    meeting = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    patient = "is_host=0,read_timeout=600,keep_alive_max_attempt=60"  # on a busy machine
    node = [
        *("--nnodes", 2, "--nproc-per-node", 2, "--rdzv-id", "ring", "--rdzv-backend", "c10d"),
        *("--rdzv-endpoint", f"127.0.0.1:{meeting.port}", "--rdzv-conf", patient),
        *("--local-addr", "127.0.0.1", "-m", WORKER, "--orders", "striped"),
    ]
    found = cases(ended(torchrun(*node), torchrun(*node)))
    (case,) = found
    assert case == (4, "striped", "float32")
    assert sorted(said["rank"] for said in found[case]) == [0, 1, 2, 3]
    assert all(max(said["errors"].values()) < 1e-6 for said in found[case])


def test_a_killed_process_is_an_error_that_the_others_notice_and_leaves_no_orphan():
    """Nobody ends the others: a rank whose neighbour has gone says so, and exits."""
    with Launch(WORKER, 3, "--tokens", 96, "--repeat", 1_000_000) as started:
        started.speaking(timeout=600)
        pids = [process.pid for process in started.processes]
        os.kill(pids[1], signal.SIGKILL)
        for rank in (0, 2):  # far sooner than the 300 seconds that a message may take
            assert started.processes[rank].wait(timeout=200) == 1
            assert "RuntimeError" in started._file(rank, "err").read_text()
        with pytest.raises(RankFailed, match=r"^rank 1 was ended by SIGKILL"):
            started.wait(timeout=60)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_fails_says_how_and_the_rest_are_ended():
    program = "__import__('time').sleep(600 if __import__('os').environ['RANK'] != '1' else -1)"
    with Launch("timeit", 3, "-n", "1", "-r", "1", program) as started:
        with pytest.raises(
            RankFailed, match=r"^rank 1 ended with exit status 1: ValueError: sleep"
        ):
            started.wait(timeout=300)
        assert [process.returncode for process in started.processes] == [-9, 1, -9]


def test_processes_end_with_the_program_that_started_them(tmp_path):
    program = (
        "import sys, time\n"
        "from attention_book.parallel.launch import Launch\n"
        f"started = Launch({WORKER!r}, 1, '--tokens', 96, '--repeat', 1000000)\n"
        "started.speaking(600)\n"
        "print(*(p.pid for p in started.processes), flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"TMPDIR": str(tmp_path)},  # who is killed leaves its folder
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 1
    finally:
        starter.kill()
        starter.communicate()
    until = time.monotonic() + 300
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid):
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before, or between open and read
        return False


UNEQUAL = """
import torch
from attention_book.parallel.launch import group
from attention_book.parallel.ring.module import ring_attention
with group() as (rank, ranks):
    x = torch.ones(2, 5 + rank, 4)
    ring_attention(x, x, x)
"""


def test_parts_of_unequal_length_are_refused(tmp_path, monkeypatch):
    """Unchecked, one rank would be aborted, and another go on with numbers from nowhere."""
    (tmp_path / "unequal.py").write_text(UNEQUAL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    message = r"ValueError: k and v together have shape \(2, ., 8\) here, and \(2, ., 8\) at rank "
    with pytest.raises(RankFailed, match=message):
        run("unequal", 2)


def test_what_takes_too_long_is_ended():
    with Launch("timeit", 1, "-n", "1", "-r", "1", "__import__('time').sleep(600)") as started:
        with pytest.raises(TimeoutError, match=r"^the processes did not end within 0.2 seconds"):
            started.wait(timeout=0.2)
        assert started.processes[0].returncode is not None


def test_the_outputs_come_in_the_order_of_the_ranks():
    program = "print(__import__('os').environ['RANK'])"
    assert run("timeit", 2, "-n", "1", "-r", "1", program)[1].startswith("1\n")
    assert STORE not in os.environ
