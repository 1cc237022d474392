"""Oracles: unfold and scikit-learn for patches, PyTorch's kernel for maps, its distributions and
its Gumbel-softmax for glimpses, plain loops, and the sum over all draws."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.image import extract_patches_2d
from witnesses import average_by_loop, beside, close, dot, some_mask, tensors

from attention_book.figures import visual_attention as figures
from attention_book.hard.glimpse import module as torch_glimpse
from attention_book.hard.glimpse import reference as glimpse
from attention_book.hard.reinforce import module as torch_reinforce
from attention_book.hard.reinforce import reference as reinforce
from attention_book.images.map_attention import module as torch_map_attention
from attention_book.images.map_attention import reference as map_attention
from attention_book.images.map_pooling import module as torch_map_pooling
from attention_book.images.map_pooling import reference as map_pooling
from attention_book.images.patches import module as torch_patches
from attention_book.images.patches import reference as patches
from attention_book.softmax import softmax

reference = SimpleNamespace(
    patchify=patches.patchify,
    unpatchify=patches.unpatchify,
    pool=beside(map_pooling.pool, map_pooling.weights),
    self_attention=beside(map_attention.self_attention, map_attention.weights),
    glimpse=glimpse.glimpse,
    score_function_gradient=reinforce.score_function_gradient,
    expected_gradient=reinforce.expected_gradient,
)
module = SimpleNamespace(
    patchify=torch_patches.patchify,
    unpatchify=torch_patches.unpatchify,
    pool=beside(torch_map_pooling.pool, torch_map_pooling.weights),
    self_attention=beside(torch_map_attention.self_attention, torch_map_attention.weights),
    glimpse=torch_glimpse.glimpse,
    reinforce_loss=torch_reinforce.reinforce_loss,
)

H, W, D, D_K, D_V, S = 3, 5, 4, 6, 7, 8
few = settings(deadline=None, max_examples=40)


def in_torch(function):
    """The function of ``module``, called with arrays and answering with arrays."""

    def call(*arrays, **options):
        options = {
            name: torch.from_numpy(value) if name in ("reward", "baseline") else value
            for name, value in options.items()
        }
        given = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arrays]
        result = function(*given, **options)
        several = isinstance(result, tuple)
        return tuple(map(torch.Tensor.numpy, result)) if several else result.numpy()

    return call


def both(name):
    functions = getattr(reference, name), in_torch(getattr(module, name))
    return pytest.mark.parametrize("function", functions, ids=["reference", "module"])


def feature_map(*lead, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((*lead, H, W, D)).astype(dtype)


def query(seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(D).astype(dtype)


def matrices(seed=2, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((D, d)).astype(dtype) for d in (D_K, D_K, D_V)]


def cell_mask(*lead, seed=3):
    mask = np.random.default_rng(seed).random((*lead, H, W)) < 0.6
    mask[..., 0, 1] = True
    return mask


def draws(*lead, seed=4, S=S, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*lead, S)).astype(dtype), rng.random((*lead, S))


# Patches -----------------------------------------------------------------------------------------


def cut_by_loops(image, size):
    """Patches and mask of one image, pixel by pixel."""
    height, width, channels = len(image), len(image[0]), len(image[0][0])
    patches, mask = [], []
    for top in range(0, height, size):
        for left in range(0, width, size):
            patch, inside = [], []
            for r in range(top, top + size):
                for c in range(left, left + size):
                    there = r < height and c < width
                    patch += image[r][c] if there else [0] * channels
                    inside += [there] * channels
            patches.append(patch)
            mask.append(inside)
    return np.array(patches), np.array(mask)


@both("patchify")
@few
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    channels=st.integers(1, 3),
    size=st.integers(1, 8),
)
def test_patchify_against_loops(function, height, width, channels, size):
    image = np.arange(1, 1 + height * width * channels).reshape(height, width, channels)
    patches, mask = function(image, size)
    expected, inside = cut_by_loops(image.tolist(), size)
    close(patches, expected)
    close(mask, inside)


@both("patchify")
def test_every_pixel_is_in_exactly_one_patch(function):
    image = np.arange(1, 1 + 5 * 7 * 2).reshape(5, 7, 2)
    patches, mask = function(image, 3)
    assert sorted(patches[mask].tolist()) == sorted(image.ravel().tolist())
    assert not patches[~mask].any()


@both("patchify")
def test_patchify_against_unfold(function):
    image = np.random.default_rng(0).standard_normal((2, 6, 9, 4))
    unfolded = F.unfold(torch.from_numpy(image).movedim(-1, 1), 3, stride=3)  # channel first
    expected = unfolded.mT.reshape(2, 6, 4, 9).mT.reshape(2, 6, 36)
    patches, mask = function(image, 3)
    close(patches, expected, 0)
    assert mask.all()


@both("patchify")
def test_patchify_against_scikit_learn(function):
    image = np.random.default_rng(0).standard_normal((6, 9, 3))
    windows = extract_patches_2d(image, (3, 3)).reshape(4, 7, 27)  # at every offset
    close(function(image, 3)[0], windows[::3, ::3].reshape(-1, 27), 0)


@both("unpatchify")
@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    channels=st.integers(1, 3),
    size=st.integers(1, 8),
)
def test_unpatchify_is_the_way_back(function, lead, height, width, channels, size):
    shape = (*lead, height, width, channels)
    image = np.arange(math.prod(shape)).reshape(shape)
    patches, _ = reference.patchify(image, size)
    close(patches, in_torch(module.patchify)(image, size)[0])
    close(function(patches, size, height, width), image)


@both("patchify")
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64, bool])
def test_patches_keep_the_dtype_and_leave_the_image_alone(function, dtype):
    image = (np.arange(20).reshape(4, 5, 1) % 2).astype(dtype)
    before = image.copy()
    patches, mask = function(image, 2)
    assert patches.dtype == dtype
    assert mask.dtype == bool
    assert (image == before).all()
    patches[...] = 1
    assert (image == before).all()


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_sizes_may_be_integers_of_numpy(kind):
    """16 times 16 is beyond uint8, and so is minus 250."""
    image = np.arange(20 * 40).reshape(20, 40, 1)
    for room in ((reference.patchify, reference.unpatchify),
                 (in_torch(module.patchify), in_torch(module.unpatchify))):  # fmt: skip
        patches, _ = room[0](image, kind(16))
        close(patches, reference.patchify(image, 16)[0], 0)
        close(room[1](patches, kind(16), kind(20), kind(40)), image, 0)
        wide = room[1](np.zeros((3 * 13, 400)), kind(20), kind(50), kind(250))
        assert wide.shape == (50, 250, 1)


@pytest.mark.parametrize("shape", [(0, 2, 3, D), (2, 0, 3, D), (2, 3, 0, D)])
def test_no_image_and_no_cell_are_allowed(shape):
    for room in (reference.self_attention, in_torch(module.self_attention)):
        output, weights = room(np.zeros(shape), *matrices(), return_weights=True)
        assert output.shape == (*shape[:-1], D_V)
        assert weights.shape == (*shape[:-1], *shape[1:-1])
    for room in (reference.pool, in_torch(module.pool)):
        assert room(np.zeros(shape), query()).shape == (shape[0], D)
    for room in (reference.unpatchify, in_torch(module.unpatchify)):
        assert room(np.zeros((0, 4, 4)), 2, 4, 4).shape == (0, 4, 4, 1)


@both("unpatchify")
def test_the_image_is_no_view_of_the_patches(function):
    patches = np.zeros((6, 4), np.float32)
    image = function(patches, 2, 4, 6)
    image[...] = 1
    assert image.dtype == np.float32
    assert not patches.any()


def test_one_patch_is_no_view_either():
    for one, room in ((np.zeros((1, 4)), reference), (torch.zeros(1, 4), module)):
        room.unpatchify(one, 2, 2, 2)[...] = 1
        assert not one.any()


@both("patchify")
def test_limit_case_one_patch_is_the_image(function):
    image = np.random.default_rng(0).standard_normal((4, 4, 3))
    patches, mask = function(image, 4)
    close(patches, image.reshape(1, -1), 0)
    assert mask.all()


def test_patches_of_the_text():
    """The numbers of the chapter: 2 × 2 blocks of nine pixels, pooled."""
    image = np.arange(1.0, 10.0).reshape(3, 3, 1)
    blocks, mask = reference.patchify(image, 2)
    assert blocks.tolist() == [[1, 2, 4, 5], [3, 0, 6, 0], [7, 8, 0, 0], [9, 0, 0, 0]]
    pooled = (softmax(blocks, mask=mask) * blocks).sum(1)
    close(pooled.round(6), np.array([4.588781, 5.857722, 7.731059, 9]))
    close((softmax(0 * blocks, mask=mask) * blocks).sum(1), np.array([3, 4.5, 7.5, 9]))
    close((softmax(0 * blocks) * blocks).sum(1), np.array([3, 2.25, 3.75, 2.25]))


# One query ---------------------------------------------------------------------------------------


def pool_by_loop(x, w, mask=None):
    """One map, as a list of cells in reading order."""
    cells = x.reshape(-1, x.shape[-1]).tolist()
    rows = None if mask is None else [mask.ravel().tolist()]
    output, weights = average_by_loop(
        [w.tolist()], cells, cells, lambda q, cell: math.exp(dot(q, cell)), rows
    )
    return output[0], weights[0].reshape(x.shape[:2])


@both("pool")
@pytest.mark.parametrize("masked", [False, True])
def test_pool_against_a_loop(function, masked):
    x, w = feature_map(2), query()
    mask = cell_mask(2) if masked else None
    output, heat = function(x, w, mask=mask, return_weights=True)
    for b in range(2):
        expected, weights = pool_by_loop(x[b], w, None if mask is None else mask[b])
        close(output[b], expected)
        close(heat[b], weights)
    close(function(x, w, mask=mask), output)
    close(heat.sum((1, 2)), np.ones(2))


@both("pool")
def test_pool_against_the_kernel(function):
    x, w = feature_map(2, 3), query()
    t_x, t_w = tensors(x.reshape(2, 3, -1, D), w)
    expected = F.scaled_dot_product_attention(t_w.expand(2, 3, 1, D), t_x, t_x, scale=1.0)
    close(function(x, w), expected[:, :, 0])


@both("pool")
def test_a_map_by_hand(function):
    # Scores ln 3, 0, 0, 0: the weights are 1/2 and three times 1/6.
    x = np.array([[[math.log(3), 6], [0, 0]], [[0, 3], [0, 9]]])
    output, heat = function(x, np.array([1.0, 0.0]), return_weights=True)
    close(heat, np.array([[1 / 2, 1 / 6], [1 / 6, 1 / 6]]), 1e-15)
    close(output, np.array([math.log(3) / 2, 5]), 1e-14)


@both("pool")
def test_limit_case_w_0_is_the_global_average(function):
    x, w = feature_map(2), query()
    output, heat = function(x, 0 * w, return_weights=True)
    close(output, x.mean((1, 2)))
    close(heat, np.full((2, H, W), 1 / (H * W)))


@both("pool")
def test_limit_case_a_large_w_is_the_best_cell(function):
    x, w = feature_map(2), query()
    best = (x @ w).reshape(2, -1).argmax(1)
    close(function(x, 1e6 * w), x.reshape(2, -1, D)[[0, 1], best])


@both("pool")
def test_moving_the_cells_moves_the_heat_and_not_the_vector(function):
    x, w = feature_map(2), query()
    output, heat = function(x, w, return_weights=True)
    moved, moved_heat = function(np.roll(x, (1, 2), (1, 2)), w, return_weights=True)
    close(moved, output)
    close(moved_heat, np.roll(heat, (1, 2), (1, 2)))


# Many queries ------------------------------------------------------------------------------------


@both("self_attention")
@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_against_the_kernel(function, masked):
    x, (W_q, W_k, W_v) = feature_map(2), matrices()
    mask = cell_mask(2) if masked else None
    t_x, t_q, t_k, t_v = tensors(x.reshape(2, -1, D), W_q, W_k, W_v)
    seen = None if mask is None else torch.from_numpy(mask).reshape(2, 1, -1)
    expected = F.scaled_dot_product_attention(t_x @ t_q, t_x @ t_k, t_x @ t_v, attn_mask=seen)
    output, weights = function(x, W_q, W_k, W_v, mask=mask, return_weights=True)
    close(output, expected.reshape(2, H, W, D_V))
    close(function(x, W_q, W_k, W_v, mask=mask), output)
    assert weights.shape == (2, H, W, H, W)
    close(weights.sum((-1, -2)), np.ones((2, H, W)))
    flat = weights.reshape(2, H * W, H * W) @ (x.reshape(2, -1, D) @ W_v)
    close(flat.reshape(output.shape), output)
    if masked:
        assert not weights[~np.broadcast_to(mask[:, None, None], weights.shape)].any()


def test_the_witness_of_the_chapter_does_not_call_the_kernel(monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("the kernel was called")

    monkeypatch.setattr(F, "scaled_dot_product_attention", refuse)
    x, W = torch.ones(2, 3, 4), torch.eye(4)
    torch.nn.MultiheadAttention(4, 1, batch_first=True)(x, x, x, need_weights=True)
    with pytest.raises(RuntimeError, match="the kernel was called"):
        module.self_attention(x[None], W, W, W)


@both("self_attention")
def test_limit_case_zero_queries_give_each_cell_the_mean(function):
    x, (W_q, W_k, W_v) = feature_map(2), matrices()
    mean = (x @ W_v).mean((1, 2), keepdims=True)
    close(function(x, 0 * W_q, W_k, W_v), np.broadcast_to(mean, (2, H, W, D_V)))


@both("self_attention")
def test_moving_the_cells_moves_the_map(function):
    x, Ws = feature_map(), matrices()
    close(function(x[::-1, ::-1].copy(), *Ws), function(x, *Ws)[::-1, ::-1])


@both("self_attention")
def test_every_cell_reaches_every_other(function):
    x, Ws = feature_map(), matrices()
    changed = x.copy()
    changed[0, 0] += 1
    assert (function(changed, *Ws) != function(x, *Ws)).all()


# Masks, dtypes, large scores ---------------------------------------------------------------------


@pytest.mark.parametrize("mask_shape", [(H, W), (H, 1), (W,), (2, 1, 1), (1, H, W), ()])
def test_masks_broadcast_over_the_map(mask_shape):
    x, w, Ws = feature_map(2), query(), matrices()
    mask = np.random.default_rng(1).random(mask_shape) < 0.7
    full = np.broadcast_to(mask, (2, H, W)).copy()
    for part, more in (("pool", [w]), ("self_attention", Ws)):
        for function in (getattr(reference, part), in_torch(getattr(module, part))):
            for found, wanted in zip(
                function(x, *more, mask=np.asarray(mask), return_weights=True),
                function(x, *more, mask=full, return_weights=True),
                strict=True,
            ):
                close(found, wanted)


def test_hiding_cells_is_leaving_them_out():
    x, w, Ws = feature_map(), query(), matrices()
    mask = np.zeros((H, W), bool)
    mask[:, 1:4] = True
    kept = x[:, 1:4].copy()
    for pool, attend in (
        (reference.pool, reference.self_attention),
        (in_torch(module.pool), in_torch(module.self_attention)),
    ):
        close(pool(x, w, mask=mask), pool(kept, w))
        close(attend(x, *Ws, mask=mask)[:, 1:4], attend(kept, *Ws))


def test_where_nothing_may_be_seen_all_is_zero():
    x, w, Ws = feature_map(2), query(), matrices()
    mask = np.array([True, False])[:, None, None]
    for part, more in (("pool", [w]), ("self_attention", Ws)):
        for function in (getattr(reference, part), in_torch(getattr(module, part))):
            for result in function(x, *more, mask=mask, return_weights=True):
                assert not result[1].any()
                assert result[0].any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_maps_keep_the_dtype_compute_half_in_single_and_stay_finite(dtype):
    x, w, Ws = feature_map(2, dtype=dtype), query(dtype=dtype), matrices(dtype=dtype)
    mine = [a.copy() for a in (x, w, *Ws)]
    computing = np.promote_types(dtype, np.float32)
    for part, more in (("pool", [w]), ("self_attention", Ws)):
        for function in (getattr(reference, part), in_torch(getattr(module, part))):
            results = function(x, *more, return_weights=True)
            wide = function(*(a.astype(computing) for a in (x, *more)), return_weights=True)
            for found, expected in zip(results, wide, strict=True):
                close(found, expected.astype(dtype), 0)
            assert function(x, *more).dtype == dtype
            for result in function(60 * x, *(60 * m for m in more), return_weights=True):
                assert result.dtype == dtype
                assert part == "self_attention" or np.isfinite(result).all()
    for array, before in zip((x, w, *Ws), mine, strict=True):
        np.testing.assert_array_equal(array, before)


def test_large_scores_of_self_attention_stay_finite():
    x, (W_q, W_k, W_v) = feature_map(2, dtype=np.float16), matrices(dtype=np.float16)
    for function in (reference.self_attention, in_torch(module.self_attention)):
        for result in function(30 * x, 60 * W_q, 60 * W_k, W_v / 8, return_weights=True):
            assert np.isfinite(result).all()


def test_module_in_bfloat16():
    x, w = torch.randn(2, H, W, D).bfloat16(), torch.randn(D).bfloat16()
    results = [*module.pool(x, w, return_weights=True)]
    results += module.self_attention(x, *[torch.eye(D).bfloat16()] * 3, return_weights=True)
    results += [module.glimpse(w, torch.rand(D)), module.self_attention(x, *[w[:, None]] * 3)]
    assert {result.dtype for result in results} == {torch.bfloat16}


# Glimpses ----------------------------------------------------------------------------------------


def glimpse_by_loop(scores, uniforms, mask):
    rows = []
    for s, u, m in zip(scores, uniforms, mask, strict=True):
        noisy = [
            a - math.log(-math.log(b)) if c else -math.inf for a, b, c in zip(s, u, m, strict=True)
        ]
        rows.append([float(c and n == noisy.index(max(noisy))) for n, c in enumerate(m)])
    return np.array(rows)


@both("glimpse")
@pytest.mark.parametrize("masked", [False, True])
def test_glimpse_against_a_loop(function, masked):
    scores, uniforms = draws(50)
    mask = some_mask(50, S) if masked else np.ones((50, S), bool)
    expected = glimpse_by_loop(scores.tolist(), uniforms.tolist(), mask.tolist())
    found = function(scores, uniforms, mask=mask if masked else None)
    close(found, expected)
    assert found[1].any() != masked
    assert (found.sum(-1) == mask.any(-1)).all()


@both("glimpse")
def test_glimpse_draws_with_the_softmax(function):
    scores, _ = draws()
    uniforms = np.random.default_rng(0).random((40000, S))
    rate = function(np.tile(scores, (40000, 1)), uniforms).mean(0)
    weights = softmax(scores)
    assert (np.abs(rate - weights) < 4 * np.sqrt(weights / 40000)).all()


def test_glimpse_against_gumbel_softmax():
    """PyTorch's own function, from the same exponential noise."""
    scores = torch.randn(200, S)
    for temperature in (0.5, 1.0, 3.0):
        torch.manual_seed(0)
        logits = scores.clone().requires_grad_()
        theirs = F.gumbel_softmax(logits, tau=temperature, hard=True)
        torch.manual_seed(0)
        uniforms = torch.exp(-torch.empty_like(scores).exponential_().double())
        mine = scores.clone().requires_grad_()
        ours = module.glimpse(mine, uniforms, temperature=temperature)
        assert torch.equal(ours, theirs.round())
        toward = torch.randn(200, S)
        grads = [
            torch.autograd.grad((y * toward).sum(), x)[0]
            for y, x in ((ours, mine), (theirs, logits))
        ]
        close(*grads, 1e-5)


def test_the_value_of_a_glimpse_is_exactly_one_hot_and_its_gradient_is_soft():
    scores, uniforms = tensors(*draws(30), grad=True)
    uniforms = uniforms.detach()
    chosen = module.glimpse(scores, uniforms, temperature=0.7)
    assert set(chosen.unique().tolist()) == {0.0, 1.0}
    toward = torch.randn(30, S).double()
    found = torch.autograd.grad((chosen * toward).sum(), scores)[0]
    soft = torch.softmax((scores - torch.log(-torch.log(uniforms))) / 0.7, dim=-1)
    close(found, torch.autograd.grad((soft * toward).sum(), scores)[0])


def test_no_gradient_reaches_what_is_masked():
    scores, uniforms = tensors(*draws(20), grad=True)
    mask = some_mask(20, S)
    chosen = module.glimpse(scores, uniforms.detach(), mask=mask)
    gradient = torch.autograd.grad((chosen * torch.randn(20, S)).sum(), scores)[0]
    assert gradient.isfinite().all()
    assert not gradient[torch.from_numpy(~mask)].any()


@both("glimpse")
def test_the_edges_of_the_dice(function):
    scores = np.array([0.0, 2.0, 1.0])
    last = np.nextafter(1.0, 0.0)
    for uniforms, chosen in (
        ([0.0, 0.0, 0.0], 1),  # all equally unlucky: the best score
        ([0.5, 0.0, 0.0], 0),  # ln 0 is −∞ in exact arithmetic
        ([last, 0.5, 0.5], 0),
        ([last, last, last], 1),
    ):
        found = function(scores, np.array(uniforms))
        close(found, np.eye(3)[chosen])
    close(function(scores, np.zeros(3), mask=np.array([True, False, False])), np.eye(3)[0])
    rare = np.array([1e-12, math.exp(-1)])  # noise −3.32 and 0
    close(function(np.array([0.0, -3.2]), rare), np.eye(2)[1])
    close(function(np.array([0.0, -3.4]), rare), np.eye(2)[0])
    single = function(
        scores, np.array([np.nextafter(np.float32(1), np.float32(0)), 0.5, 0.5], np.float32)
    )
    close(single, np.eye(3)[0])


@both("glimpse")
def test_the_noise_is_computed_in_double_precision(function):
    scores, uniforms = draws(5000)
    half = uniforms.astype(np.float16).clip(0, 0.9995)
    close(function(scores, half), function(scores, half.astype(np.float64)), 0)


@both("glimpse")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_glimpse_keeps_the_dtype_and_its_arguments(function, dtype):
    scores, uniforms = draws(9, dtype=dtype)
    mine = scores.copy(), uniforms.copy()
    assert function(scores, uniforms).dtype == dtype
    assert function(scores, uniforms, mask=some_mask(9, S)).dtype == dtype
    assert (function(1000 * scores, uniforms).argmax(-1) == scores.argmax(-1)).all()
    np.testing.assert_array_equal(scores, mine[0])
    np.testing.assert_array_equal(uniforms, mine[1])


@both("glimpse")
def test_limit_case_the_mean_over_the_draws_is_soft_attention(function):
    """Each one-hot row comes with its probability: the sum over the rows is the soft average."""
    scores, _ = draws()
    values = np.random.default_rng(0).standard_normal((S, D))
    weights = softmax(scores)
    expected = sum(weights[p] * (np.eye(S)[p] @ values) for p in range(S))
    close(expected, weights @ values)
    uniforms = np.random.default_rng(1).random((60000, S))
    mean = (function(np.tile(scores, (60000, 1)), uniforms) @ values).mean(0)
    assert np.abs(mean - expected).max() < 4 * np.abs(values).max() / np.sqrt(60000)


@both("glimpse")
def test_limit_case_a_certain_weight_is_always_drawn(function):
    scores = np.tile([0.0, 800.0, 0.0], (100, 1))
    uniforms = np.random.default_rng(0).random((100, 3))
    close(function(scores, uniforms), softmax(scores), 0)


@both("glimpse")
def test_large_scores_do_not_swallow_the_noise(function):
    scores = np.full((3000, 3), 1e17)
    uniforms = np.random.default_rng(0).random((3000, 3))
    close(function(scores, uniforms), function(0 * scores, uniforms), 0)
    scores[:, 2] = 1e18  # hidden: no peak
    found = function(scores, uniforms, mask=SEEN)
    close(found, function(0 * scores, uniforms, mask=SEEN), 0)
    assert not found[:, 2].any()


@both("glimpse")
def test_any_boolean_mask_will_do(function):
    scores, uniforms = draws(5)
    plain = function(scores, uniforms)
    for mask in (np.True_, np.array(True), torch.tensor(True), torch.ones(5, 1, dtype=bool)):
        close(function(scores, uniforms, mask=mask), plain, 0)
    assert not function(scores, uniforms, mask=np.False_).any()


@pytest.mark.parametrize("temperature", [1e-30, 1e-308, 1e30, np.float32(0.5), torch.tensor(2.0)])
def test_any_temperature_leaves_the_gradient_finite(temperature):
    scores, uniforms = tensors(*draws(20), grad=True)
    chosen = module.glimpse(scores, uniforms.detach(), temperature=temperature)
    gradient = torch.autograd.grad((chosen * torch.randn(20, S)).sum(), scores)[0]
    assert gradient.isfinite().all()
    assert (chosen.sum(-1) == 1).all()


# The gradient of a choice ------------------------------------------------------------------------


def test_two_positions_by_hand():
    scores, rewards = np.array([math.log(3), 0.0]), np.array([5.0, 1.0])
    close(reference.expected_gradient(scores, rewards), np.array([0.75, -0.75]), 1e-15)
    for b, (first, second) in {0: (1.25, -0.75), 2: (0.75, 0.75), 4: (0.25, 2.25)}.items():
        for chosen, R, said in zip(np.eye(2), rewards, (first, second), strict=True):
            found = reference.score_function_gradient(scores, chosen, R, baseline=b)
            close(found, np.array([said, -said]), 1e-14)


@few
@given(seed=st.integers(0, 999), S=st.integers(1, 9), baseline=st.floats(-50, 50))
def test_the_mean_estimate_is_exact_for_every_baseline(seed, S, baseline):
    scores, _ = draws(seed=seed, S=S)
    rewards = np.random.default_rng(seed + 1).standard_normal(S)
    estimates = reference.score_function_gradient(
        np.tile(scores, (S, 1)), np.eye(S), rewards, baseline=baseline
    )
    exact = reference.expected_gradient(scores, rewards)
    close(softmax(scores) @ estimates, exact, 1e-11)


def test_the_exact_gradient_is_that_of_the_soft_average_of_the_rewards():
    scores, _ = draws(3)
    rewards = np.random.default_rng(0).standard_normal((3, S))
    s, R = tensors(scores, rewards, grad=True)
    soft = (torch.softmax(s, dim=-1) * R).sum()
    close(reference.expected_gradient(scores, rewards), torch.autograd.grad(soft, s)[0])
    step = 1e-6 * np.random.default_rng(1).standard_normal((3, S))
    gain = sum(sign * (softmax(scores + sign * step) * rewards).sum() for sign in (1, -1)) / 2
    close(
        np.array(gain), np.array((reference.expected_gradient(scores, rewards) * step).sum()), 1e-12
    )


def test_the_loss_against_the_categorical_distribution():
    scores, uniforms = draws(6)
    chosen = reference.glimpse(scores, uniforms)
    reward = np.random.default_rng(0).standard_normal(6)
    baseline = np.linspace(-1, 2, 6)
    s, R, b = tensors(scores, reward, baseline, grad=True)
    categorical = torch.distributions.Categorical(logits=s)
    log_prob = categorical.log_prob(torch.from_numpy(chosen.argmax(-1)))
    expected = torch.autograd.grad(-((R - b).detach() * log_prob).mean(), s)[0]
    loss = module.reinforce_loss(s, torch.from_numpy(chosen), R, baseline=b)
    grad_s, *rest = torch.autograd.grad(loss, (s, R, b), allow_unused=True)
    close(grad_s, expected)
    assert rest == [None, None]
    estimates = reference.score_function_gradient(scores, chosen, reward, baseline=baseline)
    close(grad_s, -estimates / 6)


def test_the_loss_differentiates_neither_the_draw_nor_the_reward():
    scores, uniforms = tensors(*draws(6), grad=True)
    chosen = module.glimpse(scores, uniforms.detach())
    attached = module.reinforce_loss(scores, chosen, chosen[:, 0], baseline=chosen.mean())
    detached = module.reinforce_loss(scores, chosen.detach(), chosen[:, 0].detach(), baseline=1 / S)
    close(
        *(torch.autograd.grad(loss, scores, retain_graph=True)[0] for loss in (attached, detached))
    )


def test_a_baseline_lowers_the_variance():
    scores, _ = draws(S=25)
    rewards = np.random.default_rng(0).standard_normal(25) - 5
    weights, found = softmax(scores), []
    for b in (0.0, weights @ rewards):
        estimates = reference.score_function_gradient(
            np.tile(scores, (25, 1)), np.eye(25), rewards, baseline=b
        )
        exact = reference.expected_gradient(scores, rewards)
        found.append(weights @ ((estimates - exact) ** 2).sum(1))
    assert 10 * found[1] < found[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_keep_the_dtype_and_stay_finite(dtype):
    scores, uniforms = draws(3, dtype=dtype)
    chosen, reward = reference.glimpse(scores, uniforms), np.ones(3, dtype)
    computing = np.promote_types(dtype, np.float32)
    mine = scores.copy()
    for size in (1, 1000):
        found = reference.score_function_gradient(size * scores, chosen, reward, baseline=3)
        assert found.dtype == dtype
        assert np.isfinite(found).all()
    far = dtype(60000)  # the difference to its negative is beyond float16
    equal, first = np.zeros((3, 2), dtype), np.eye(2, dtype=dtype)[[0, 1, 0]]
    found = reference.score_function_gradient(equal, first, far * reward, baseline=-far)
    assert (np.abs(found) > 1e4).all()
    assert np.isfinite(found).all()
    wide = scores.astype(computing)
    close(
        reference.score_function_gradient(scores, chosen, reward, baseline=3),
        reference.score_function_gradient(wide, chosen, reward, baseline=3).astype(dtype),
        0,
    )
    found = reference.expected_gradient(scores, chosen)
    close(found, reference.expected_gradient(wide, chosen).astype(dtype), 0)
    np.testing.assert_array_equal(scores, mine)


SEEN = np.array([True, True, False])


def test_limit_case_a_hidden_position_is_left_out_of_the_gradient():
    scores, rewards = np.arange(3.0), np.array([1.0, 2.0, 5.0])
    exact = reference.expected_gradient(scores, rewards, mask=SEEN)
    close(exact[:2], reference.expected_gradient(scores[:2], rewards[:2]), 1e-15)
    close(exact.round(3), np.array([-0.197, 0.197, 0.0]))
    chosen, R = np.eye(3)[:2], rewards[:2]
    estimates = reference.score_function_gradient(
        np.tile(scores, (2, 1)), chosen, R, baseline=3.0, mask=SEEN
    )
    close(softmax(scores, mask=SEEN)[:2] @ estimates, exact, 1e-14)
    (s,) = tensors(np.tile(scores, (2, 1)), grad=True)
    loss = module.reinforce_loss(s, torch.from_numpy(chosen), R, baseline=3.0, mask=SEEN)
    close(torch.autograd.grad(loss, s)[0], -estimates / 2, 1e-14)


def gradients_of_a_draw(scores, chosen, reward, **options):
    """The same estimate from both rooms, of one draw a row."""
    ours = reference.score_function_gradient(scores, chosen, reward, **options)
    s, c = tensors(scores, chosen)
    loss = module.reinforce_loss(s.requires_grad_(), c, reward, **options)
    return ours, -len(scores) * torch.autograd.grad(loss, s)[0].numpy()


def test_an_empty_row_has_no_gradient():
    scores = np.array([[0.0, 1.0, 2.0], [np.nan, 0.0, np.inf]])[:, [1, 2, 0]]
    mask = np.array([[True, True, True], [False, False, False]])
    chosen = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    for found in gradients_of_a_draw(scores, chosen, 5.0, mask=mask):
        assert found[0].any()
        assert not found[1].any()
    for found in gradients_of_a_draw(0 * chosen, 0 * chosen, 5.0):  # nor has one without a draw
        assert not found.any()
    assert not reference.expected_gradient(scores, chosen, mask=mask)[1].any()
    uniforms = torch.full((2, 3), 0.5)
    with torch.autograd.set_detect_anomaly(True):
        (s,) = tensors(scores, grad=True)
        looked = module.glimpse(s, uniforms, mask=mask)
        gradient = torch.autograd.grad((looked * torch.arange(3.0)).sum(), s)[0]
    assert gradient.isfinite().all()
    assert gradient[0].any()
    assert not gradient[1].any()
    assert not looked[1].any()


def test_a_score_of_minus_infinity_is_never_drawn_and_has_no_gradient():
    scores = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf]])
    uniforms, open_ = np.full((2, 3), 0.5), np.isfinite(scores)
    for function in (reference.glimpse, in_torch(module.glimpse)):
        close(function(scores, uniforms), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    chosen = reference.glimpse(scores, uniforms)
    hidden = np.where(open_, scores, 7.0)
    expected, _ = gradients_of_a_draw(hidden, chosen, 2.0, mask=open_)
    for found in gradients_of_a_draw(scores, chosen, 2.0):
        close(found, expected, 1e-14)
    (s,) = tensors(scores, grad=True)
    looked = module.glimpse(s, torch.from_numpy(uniforms), temperature=0.5)
    gradient = torch.autograd.grad((looked * torch.randn(3)).sum(), s)[0]
    assert gradient.isfinite().all()


def test_a_hidden_position_that_was_chosen_is_refused():
    for call in (reference.score_function_gradient, in_torch(module.reinforce_loss)):
        with pytest.raises(ValueError, match="chosen has a position that may not be drawn"):
            call(np.zeros((2, 3)), np.eye(3)[[0, 2]], 1.0, mask=SEEN)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_loss_has_the_dtype_of_the_scores(dtype):
    scores = torch.zeros(2, 3, dtype=dtype, requires_grad=True)
    chosen = torch.eye(3, dtype=dtype)[:2]
    wide = torch.promote_types(dtype, torch.float32)
    for reward in (torch.ones(2).double(), torch.tensor([True, True]), np.ones(2), True, 1):
        loss = module.reinforce_loss(scores, chosen, reward, baseline=np.float64(0.5))
        assert loss.dtype == wide
        assert math.isclose(loss.item(), math.log(3) / 2, rel_tol=1e-6)
    huge = torch.full((2,), 1e5, dtype=torch.float64)  # beyond float16
    assert module.reinforce_loss(scores, chosen, huge).isfinite()


def test_gradcheck():
    x, w, *Ws = tensors(feature_map(2), query(), *matrices(), grad=True)
    mask = cell_mask(2)
    mask[1] = False
    for options in ({}, {"mask": mask}, {"mask": mask, "return_weights": True}):
        assert torch.autograd.gradcheck(lambda x, w, o=options: module.pool(x, w, **o), (x, w))
        assert torch.autograd.gradcheck(
            lambda x, *Ws, o=options: module.self_attention(x, *Ws, **o), (x, *Ws)
        )


# Bad input ---------------------------------------------------------------------------------------

IMAGE, ROW = np.ones((4, 5, 3)), np.ones(S)


def refused(name, error, message, *arguments, **options):
    """Both rooms refuse the call with an error that says so."""
    for function in (getattr(reference, name, None), in_torch(getattr(module, name, None))):
        with pytest.raises(error, match=message):
            function(*arguments, **options)


@pytest.mark.parametrize(
    ("patches", "given", "error", "message"),
    [
        (
            np.ones((6, 4)),
            (2, 4, 4),
            ValueError,
            r"patches has shape \(6, 4\); it needs \(..., 4, a multiple of 4",
        ),
        (
            np.ones((4, 6)),
            (2, 4, 4),
            ValueError,
            r"patches has shape \(4, 6\); it needs \(..., 4, a multiple of 4",
        ),
        (np.ones(4), (2, 2, 2), ValueError, r"patches has shape \(4,\); it needs \(..., N, F"),
        (np.ones((4, 0)), (2, 4, 4), ValueError, r"patches has shape \(4, 0\); it needs"),
        (np.ones(()), (2, 4, 4), ValueError, r"patches has shape \(\); it needs"),
        (np.ones((4, 4)), (2, 4, 0), ValueError, "width is 0; it must be at least 1"),
        (np.ones((4, 4)), (2, -1, 4), ValueError, "height is -1; it must be at least 1"),
        (np.ones((4, 4)), (0, 4, 4), ValueError, "size is 0; it must be at least 1"),
        (np.ones((4, 4)), (2, 4.0, 4), TypeError, "height is 4.0; it needs an integer"),
    ],
)
def test_bad_patches_are_named(patches, given, error, message):
    refused("unpatchify", error, message, patches, *given)


@pytest.mark.parametrize("part", ["pool", "self_attention"])
def test_a_bad_mask_is_named(part):
    x, more = np.ones((2, H, W, D)), [np.ones(D)] if part == "pool" else matrices()
    for mask, error, message in (
        (np.ones((H, W)), TypeError, "mask has dtype .*float64; it needs bool"),
        (np.ones((W, H), bool), ValueError, r"mask has shape \(5, 3\); .* \(2, 3, 5\)"),
        (np.ones((4, 2, H, W), bool), ValueError, r"mask has shape \(4, 2, 3, 5\); .* \(2, 3, 5\)"),
    ):
        refused(part, error, message, x, *more, mask=mask)


def test_bad_scores_and_dice_are_named():
    for scores, uniforms, error, message in (
        (ROW, np.ones(S + 1), ValueError, r"uniforms has shape \(9,\); it needs .*S = 8 in scores"),
        (ROW, ROW, ValueError, r"uniforms has a number outside \[0, 1\)"),
        (ROW, -0.1 * ROW, ValueError, r"uniforms has a number outside \[0, 1\)"),
        (ROW, np.nan * ROW, ValueError, r"uniforms has a number outside \[0, 1\)"),
        (
            np.ones(()),
            np.ones(()),
            ValueError,
            r"scores has shape \(\); it needs \(..., S\)",
        ),
        (np.ones((2, 0)), np.ones((2, 0)), ValueError, r"scores has shape \(2, 0\); it needs"),
        (np.ones(S, int), 0 * ROW, TypeError, r"scores .*int64; it needs a floating"),
        (ROW, np.zeros(S, int), TypeError, r"uniforms .*int64; it needs a floating"),
    ):
        refused("glimpse", error, message, scores, uniforms)
    bad = np.ones(S + 1, bool)
    refused("glimpse", ValueError, r"mask has shape \(9,\); .* \(8,\)", ROW, 0 * ROW, mask=bad)
    refused("glimpse", TypeError, "mask has dtype .*; it needs bool", ROW, 0 * ROW, mask=ROW)
    for temperature in (0, -1.0):
        with pytest.raises(ValueError, match=r"temperature is .*; it must be above 0"):
            module.glimpse(torch.ones(3), torch.zeros(3), temperature=temperature)
    for temperature in (None, "1"):
        with pytest.raises(TypeError, match=r"temperature is a .*; it needs .*numbers"):
            module.glimpse(torch.ones(3), torch.zeros(3), temperature=temperature)
    with pytest.raises(ValueError, match=r"temperature has shape \(3,\); it must broadcast"):
        module.glimpse(torch.ones(3), torch.zeros(3), temperature=torch.ones(3))
    for name in ("temperature is nan", "temperature is inf"):
        value = float(name.rpartition(" ")[2])
        with pytest.raises(ValueError, match=name):
            module.glimpse(torch.ones(3), torch.zeros(3), temperature=value)


def test_a_bad_draw_is_named():
    estimate, loss = reference.score_function_gradient, in_torch(module.reinforce_loss)
    for function in (estimate, loss):
        for chosen, reward, more, error, message in (
            (ROW[:-1], 1.0, {}, ValueError, r"chosen has shape \(7,\); it needs .*S = 8 in scores"),
            (np.ones(S, int), 1.0, {}, TypeError, r"chosen .*int64; it needs a floating"),
            (
                ROW,
                ROW,
                {},
                ValueError,
                r"reward has shape \(8,\); it must broadcast to \(\)",
            ),
            (
                ROW,
                1.0,
                {"baseline": ROW},
                ValueError,
                r"baseline has shape \(8,\); it must",
            ),
            (ROW, None, {}, TypeError, "reward .*; it needs .*numbers"),
            (ROW, "1", {}, TypeError, "reward .*; it needs numbers"),
            (ROW, 1.0, {"mask": ROW}, TypeError, "mask has dtype .*; it needs bool"),
            (ROW, 1.0, {"mask": ROW[1:] > 0}, ValueError, r"mask has shape \(7,\); .* \(8,\)"),
        ):
            with pytest.raises(error, match=message):
                function(ROW, chosen, reward, **more)
    with pytest.raises(ValueError, match=r"rewards has shape \(7,\); it needs .*S = 8 in scores"):
        reference.expected_gradient(ROW, ROW[:-1])


def test_reference_takes_lists_of_floats():
    patches, _ = reference.patchify([[[1], [2]], [[3], [4]]], 2)
    assert patches.tolist() == [[1, 2, 3, 4]]
    close(reference.pool([[[1.0, 4.0]]], [0.5, 0.5]), np.array([1.0, 4.0]))
    close(reference.glimpse([0.0, 9.0], [0.5, 0.5]), np.array([0.0, 1.0]))


def test_options_are_keyword_only():
    x, w = np.ones((2, H, W, D)), np.ones(D)
    for room, wrap in ((reference, np.asarray), (module, torch.as_tensor)):
        mask = np.ones((H, W), bool)
        with pytest.raises(TypeError, match="positional"):
            room.pool(wrap(x), wrap(w), mask)
        with pytest.raises(TypeError, match="positional"):
            room.self_attention(wrap(x), *map(wrap, matrices()), mask)
        with pytest.raises(TypeError, match="positional"):
            room.glimpse(wrap(w), wrap(0 * w), 1.0)


# Figures -----------------------------------------------------------------------------------------


def test_a_heat_map_has_a_tile_for_each_cell_of_some_weight_and_for_the_one_that_asks():
    weights = np.array([[0.6, 0.02, 0.3], [0.04, 0.01, 0.03]])
    figure = figures.heat(
        [np.zeros((4, 6))] * 2, [weights, weights.T[:2]], ["a", "b"],
        first=0.5, stride=2, title="two", asking=[(1, 1), (0, 0)],
    )  # fmt: skip
    one, other = figure.axes
    assert [text.get_text() for text in one.texts] == ["60", "30", "? 1"]
    assert [text.get_text() for text in other.texts] == ["? 60"]
    frames = [p.get_xy() for p in one.patches[1:] if p.get_width() == p.get_height() == 2]
    assert frames == [(-0.5, -0.5), (3.5, -0.5), (1.5, 1.5)]


def test_what_a_heat_map_marks_stays_clear_and_the_rest_is_faint():
    """What is attended to is the last that should be veiled: neither by a veil nor by a label."""
    for stride, size in ((2, 6), (2, 60)):
        figure = figures.heat(
            [np.ones((size, size))], [np.diag([0.6, 0.3, 0.01])], ["a"],
            first=(stride - 1) / 2, stride=stride, title="one", columns=1,
        )  # fmt: skip
        figure.canvas.draw()
        drawn = np.asarray(figure.canvas.buffer_rgba())[::-1]
        ink = [drawn[_place(figure, stride * (n + 0.5) - 0.25)][:3].max() for n in range(3)]
        assert ink[0] == ink[1] == 0
        assert ink[2] > 100  # of 255: what is black in the image


def _place(figure, n):
    """Return the row and the column at which a figure shows pixel (n, n) of its image."""
    return tuple(figure.axes[0].transData.transform((n, n)).round().astype(int)[::-1])


def test_a_heat_map_is_drawn_for_light_and_for_dark_pages():
    figure = figures.heat([np.zeros((4, 6))], [np.eye(2)], ["a"], first=0.5, stride=2, title="t")
    assert len(figure.png()) > 1000
    assert figure.png(dark=True) != figure.png()


def test_a_gallery_removes_the_panels_that_stay_empty():
    figure = figures.gallery([np.zeros((4, 6))] * 3, "abc", title="three", columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c"]


def test_a_gallery_is_as_wide_as_it_is_told():
    narrow, usual = (
        figures.gallery([np.eye(4)] * 2, "ab", title="a " * 24, **size)
        for size in ({"width": 4.0}, {})
    )
    assert (narrow.get_figwidth(), usual.get_figwidth()) == (4, 5)
    assert (narrow.get_suptitle().count("\n"), usual.get_suptitle().count("\n")) == (1, 0)


@pytest.mark.parametrize(("images", "labels"), [(3, "ab"), (2, "abc"), (0, "")])
def test_a_gallery_wants_a_label_for_each_image(images, labels):
    with pytest.raises(ValueError, match=rf"{images} images and {len(labels)} labels"):
        figures.gallery([np.zeros((4, 6))] * images, labels, title="some")
