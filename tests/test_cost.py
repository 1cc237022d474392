"""The measures of cost, on computations whose cost is known."""

import time

import numpy as np
import pytest
import torch

from attention_book import cost


def test_seconds_is_the_shortest_time():
    waits = iter([0.03, 0.001, 0.03])
    assert 0.001 <= cost.seconds(lambda: time.sleep(next(waits)), repeats=3) < 0.03


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
    assert cost.bytes_read(lambda: q @ k.mT) == 4 * (50 + 70) * 8  # and no view of the product
