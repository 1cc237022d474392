"""The measures of cost, on computations whose cost is known."""

import time

import numpy as np
import pytest
import torch

from attention_book import cost


def test_seconds_is_the_shortest_time():
    waits = iter([0.3, 0.001, 0.3])
    assert 0.001 <= cost.seconds(lambda: time.sleep(next(waits)), repeats=3) < 0.3


def test_peak_bytes_counts_what_is_alive_at_once():
    def two_then_one():
        first, second = np.ones(100_000), np.ones(100_000)
        del first, second
        return np.ones(100_000)

    assert cost.peak_bytes(two_then_one) == pytest.approx(2 * 800_000, rel=0.01)


def test_peak_bytes_stops_counting_after_an_error():
    with pytest.raises(ZeroDivisionError):
        cost.peak_bytes(lambda: 1 / 0)
    assert cost.peak_bytes(lambda: None) < 10_000


def test_largest_tensor_is_neither_the_sum_nor_a_view():
    x = torch.ones(100)
    assert cost.largest_tensor_bytes(lambda: (x + 1, x + 2)) == 400
    assert cost.largest_tensor_bytes(lambda: x.expand(50, 100)) == 400
    assert cost.largest_tensor_bytes(lambda: x.expand(50, 100) + 1) == 20_000
    assert cost.largest_tensor_bytes(lambda: torch.topk(x, 2)) == 16
    assert cost.largest_tensor_bytes(lambda: None) == 0


def test_operations_are_two_for_a_product_and_one_for_anything_else():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert cost.operations(lambda: a @ b) == 2 * 3 * 5 * 7 + 3 * 7
    assert cost.operations(lambda: a + 1) == 15
    assert cost.operations(lambda: None) == 0


def test_operations_look_into_a_fused_kernel():
    q, k, v = torch.ones(1, 1, 50, 8), torch.ones(1, 1, 70, 8), torch.ones(1, 1, 70, 8)
    found = cost.operations(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v))
    assert found >= 2 * 2 * 50 * 70 * 8


def test_peak_allocation_counts_what_is_alive_at_once_and_new():
    old = torch.ones(500)

    def two_then_one():
        first, second = old + torch.ones(500), torch.ones(250)
        del first, second
        return torch.ones(100)

    assert cost.peak_allocation(two_then_one) == pytest.approx(4 * 1000, abs=64)
    assert cost.peak_allocation(lambda: [torch.ones(100) for _ in range(5)]) == 5 * 400
    assert cost.peak_allocation(lambda: [torch.ones(100).sum() for _ in range(5)]) < 500
    assert cost.peak_allocation(lambda: old.view(50, 10)) == 0


def test_peak_allocation_follows_what_autograd_keeps():
    x = torch.ones(1000, requires_grad=True)
    with torch.no_grad():
        assert cost.peak_allocation(lambda: x.exp().exp().exp()) == 8000
    assert cost.peak_allocation(lambda: x.exp().exp().exp()) == 12_000


def test_peak_allocation_looks_into_a_fused_kernel():
    q = torch.ones(1, 1, 600, 16)
    fused = torch.nn.functional.scaled_dot_product_attention
    returned = 4 * 600 * (16 + 1)  # the output and the logsumexp
    assert returned < cost.peak_allocation(lambda: fused(q, q, q)) < 4 * 600 * 600


def test_bytes_read():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert cost.bytes_read(lambda: a @ b) == 4 * (3 * 5 + 5 * 7)
    assert cost.bytes_read(lambda: a.view(15)[2:].expand(4, 13)) == 0
    assert cost.bytes_read(lambda: a.double().exp()) == 4 * 15 + 8 * 15
    assert cost.bytes_read(lambda: torch.zeros(1000)) == 0
    assert cost.bytes_read(lambda: torch.mm(a, b, out=torch.empty(3, 7))) == 4 * (3 * 5 + 5 * 7)
    q, k = torch.ones(1, 1, 50, 8), torch.ones(1, 1, 70, 8)
    fused = torch.nn.functional.scaled_dot_product_attention
    assert cost.bytes_read(lambda: fused(q, k, k)) == 4 * (50 + 70 + 70) * 8
    mask = torch.zeros(50, 70)  # which the kernel takes by its name
    assert cost.bytes_read(lambda: fused(q, k, k, mask)) == 4 * ((50 + 140) * 8 + 50 * 70)
    assert cost.bytes_read(lambda: q @ k.mT) == 4 * (50 + 70) * 8  # and no view of the product


def test_bytes_moved_are_those_read_and_those_returned():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert cost.bytes_moved(lambda: a @ b) == 4 * (3 * 5 + 5 * 7 + 3 * 7)
    assert cost.bytes_moved(lambda: a.view(15).expand(4, 15)) == 0
    assert cost.bytes_moved(lambda: a.exp().exp()) == 4 * 4 * 15
    assert cost.bytes_moved(lambda: torch.topk(a[0], 2)) == 4 * (5 + 2) + 8 * 2


def test_a_fused_kernel_moves_less_for_the_same_operations():
    x = torch.ones(1, 1, 512, 8)

    def naive():
        return (x @ x.mT / 8**0.5).softmax(dim=-1) @ x

    def fused():
        return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    assert cost.bytes_moved(naive) > 4 * 512 * 512 * 4
    assert cost.bytes_moved(fused) == 4 * 512 * (3 * 8 + 8 + 1)
    assert cost.operations(naive) == pytest.approx(cost.operations(fused), rel=0.1)


def test_bytes_held_count_each_storage_once():
    x = torch.ones(10, 4)
    assert cost.bytes_held({"rows": x, "others": [x[:3], torch.ones(5)], "n": 7}) == 4 * 45
    assert cost.bytes_held(x[:1]) == 160
    assert cost.bytes_held({}) == 0


def test_exponent_is_the_slope_between_logs():
    sizes = [1, 2, 4, 8, 100]
    assert cost.exponent(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx(1.5)
    assert cost.exponent(sizes, [5.0] * 5) == pytest.approx(0)
    assert cost.exponent([10, 1000], [7, 0.07]) == pytest.approx(-1)
    rng = np.random.default_rng(0)
    sizes, values = rng.uniform(1, 9, 7), rng.uniform(1, 9, 7)
    assert cost.exponent(sizes, values) == pytest.approx(
        np.polyfit(np.log(sizes), np.log(values), 1)[0]
    )
    swapped = cost.exponent(sizes[::-1], values[::-1])
    assert swapped == pytest.approx(cost.exponent(sizes, values))


@pytest.mark.parametrize(
    ("sizes", "values", "says"),
    [
        ([3], [1], "two at least"),
        ([3, 3], [1, 2], "two at least"),
        ([1, 2, 3], [1, 2], "as many sizes as values"),
        ([0, 2], [1, 2], "must be positive"),
        ([1, 2], [1, 0], "must be positive"),
        ([1, 2], [float("nan"), 1], "must be positive"),
        ([1, float("inf")], [1, 2], "must be positive"),
    ],
)
def test_exponent_refuses(sizes, values, says):
    with pytest.raises(ValueError, match=says):
        cost.exponent(sizes, values)


def test_growth_takes_medians_and_says_how_the_rounds_differ():
    growth = cost.Growth((1, 2, 4), ((1, 4, 16), (1, 2, 4), (1, 2, 1000), (1, 4, 16)))
    assert growth.values == [1, 3, 16]
    assert growth.exponent == pytest.approx(2)
    low, high = growth.spread
    assert low == pytest.approx(1)
    assert high == pytest.approx(cost.exponent((1, 2, 4), (1, 2, 1000)))


def test_measure_times_each_size_in_each_round_and_counts_peaks_once():
    called = []

    def make(size):
        def call():
            called.append(size)
            time.sleep(0.002 * size)
            return torch.ones(size, size)

        return call

    times, peaks = cost.measure(make, (4, 8, 16), rounds=3)
    assert called == [4, 8, 16] * 4
    assert times.sizes == peaks.sizes == (4, 8, 16)
    assert np.shape(times.rounds) == (3, 3)
    assert min(times.values) >= 0.008
    assert times.exponent == cost.exponent(times.sizes, times.values)
    assert times.spread[0] <= times.spread[1]
    assert peaks.values == [4 * size**2 for size in (4, 8, 16)]
    assert peaks.exponent == pytest.approx(2)
    assert peaks.spread == pytest.approx((2, 2))


def test_products_are_the_same_for_a_kernel_and_for_its_steps():
    q, k = torch.ones(1, 2, 50, 8), torch.ones(1, 2, 70, 8)
    kernel = cost.products(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, k))
    assert kernel == cost.products(lambda: (q @ k.mT).softmax(dim=-1).exp() @ k)
    assert kernel == 2 * 4 * 50 * 70 * 8
    assert cost.products(lambda: q.exp() + q) == 0
