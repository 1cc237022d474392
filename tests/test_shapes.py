"""The declaration above a function: what it checks, what it says, what it hands on."""

import doctest
import math

import numpy as np
import pytest
import torch

from attention_book import shapes as module
from attention_book.shapes import (
    anything,
    count,
    declaration,
    finite,
    matrices,
    number,
    shapes,
)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, mask: ... L S -> ... L S",
    gamma=number("... L S", least=0, says="how sharp"),
)
def scores(q, k, *, gamma=1.0, mask=None):
    """Compare.

    Source:
        Somebody.
    """
    assert q.dtype == k.dtype != np.float16
    product = gamma * (q @ k.mT)
    return product if mask is None else np.where(mask, product, 0)


Q, K = np.ones((2, 3, 4)), np.ones((2, 5, 4))


def refused(call, error=ValueError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_the_examples_of_the_module_are_right():
    assert doctest.testmod(module).attempted >= 3
    assert doctest.testmod(module).failed == 0


# What the message says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "k", "message"),
    [
        (Q, np.ones((2, 5, 6)), "k has shape (2, 5, 6); it needs (..., S, 4): d_k = 4 in q"),
        (Q, np.ones(4), "k has shape (4,); it needs (..., S, 4): d_k = 4 in q"),
        (Q[..., :0], K, "q has shape (2, 3, 0); it needs (..., L, d_k): d_k at least 1"),
        (np.ones(()), K, "q has shape (); it needs (..., L, d_k)"),
        (
            Q,
            np.ones((3, 5, 4)),
            "the leading dimensions of q, k must broadcast: q has (2, 3, 4), k has (3, 5, 4)",
        ),
    ],
)
def test_a_wrong_shape_is_named_with_what_it_needs_and_from_where(q, k, message):
    assert refused(lambda: scores(q, k)) == message


def test_an_empty_axis_of_positions_is_no_mistake():
    assert scores(Q[:, :0], K).shape == (2, 0, 5)
    assert scores(Q, K[:, :0]).shape == (2, 3, 0)


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (Q.astype(int), "q has dtype int64; it needs a floating-point dtype"),
        (Q.astype(complex), "q has dtype complex128; it needs a floating-point dtype"),
        ("text", "q is a text, 'text'; it needs numbers"),
        (None, "q is a NoneType; it needs an array of numbers"),
        (np.ma.masked_array(Q), "q is a masked array, whose mask would be lost; hand in a mask"),
    ],
)
def test_what_holds_no_numbers_is_named(q, message):
    assert refused(lambda: scores(q, K), TypeError) == message


def test_dtypes_must_agree():
    message = refused(lambda: scores(Q.astype(np.float32), K), TypeError)
    assert message == "k has dtype float64; it must equal that of q, float32"


def test_the_mask_must_fit_and_be_boolean():
    assert refused(lambda: scores(Q, K, mask=np.ones((5, 3), bool))) == (
        "mask has shape (5, 3); it must broadcast to (2, 3, 5)"
    )
    larger = np.ones((7, 2, 3, 5), bool)
    assert "must broadcast to (2, 3, 5)" in refused(lambda: scores(Q, K, mask=larger))
    assert refused(lambda: scores(Q, K, mask=[[True]]), TypeError) == (
        "mask is a list; it needs a boolean array or tensor"
    )
    assert refused(lambda: scores(Q, K, mask=np.ones((3, 5))), TypeError) == (
        "mask has dtype float64; it needs bool, True = may attend"
    )


def test_numbers_must_be_finite_also_in_the_dtype_of_the_call():
    assert refused(lambda: scores(Q, K, gamma=-1)) == (
        "gamma is -1; it needs to be finite in float64 and at least 0"
    )
    half = Q.astype(np.float16), K.astype(np.float16)
    assert scores(*half, gamma=1e30).dtype == np.float16
    assert refused(lambda: scores(*half, gamma=1e39)) == (
        "gamma is 1e+39; it needs to be finite in float32 and at least 0"
    )
    assert "real numbers" in refused(lambda: scores(Q, K, gamma=1j), TypeError)
    assert "(3, 5)" not in refused(lambda: scores(Q, K, gamma=np.ones(4)))


def test_pythons_own_errors_name_the_function():
    assert "scores() missing 1 required positional argument: 'k'" in refused(
        lambda: scores(Q), TypeError
    )
    assert "scores() takes 2 positional arguments" in refused(lambda: scores(Q, K, 1), TypeError)


# What the function gets, and what comes back -----------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_half_precision_is_computed_in_single_and_given_back(dtype):
    assert scores(Q.astype(dtype), K.astype(dtype)).dtype == dtype


def test_lists_become_arrays():
    assert scores([[1.0, 2.0]], [[3.0, 4.0]]).tolist() == [[11]]


def test_without_widening_and_narrowing():
    seen = []

    @shapes(np, "x: ... d -> ... d", widens=False)
    def as_it_came(x):
        seen.append(x.dtype)
        return x.astype(np.float64)

    @shapes(np, "x: ... d -> ... d", narrows=False)
    def as_it_went(x):
        return x

    half = np.ones(3, np.float16)
    assert as_it_came(half).dtype == np.float16 == seen[0]
    assert as_it_went(half).dtype == np.float32


def test_what_is_no_float_keeps_its_dtype_in_tuples_lists_and_dictionaries():
    @shapes(np, "x: ... d")
    def much(x):
        return x, [x > 0, {"x": x}], 1, "one", None

    array, (flags, inner), *rest = much(np.ones(2, np.float16))
    assert array.dtype == inner["x"].dtype == np.float16
    assert flags.dtype == bool
    assert rest == [1, "one", None]


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_function_of_pytorch_gets_masks_and_numbers_as_tensors(kind):
    @shapes(torch, "x: ... d, mask: ... d -> ... d", gamma=number("... d"))
    def scaled(x, *, gamma, mask):
        assert isinstance(gamma, torch.Tensor)
        assert gamma.dtype == x.dtype
        assert isinstance(mask, torch.Tensor)
        return torch.where(mask, gamma * x, 0)

    gamma, mask = kind(np.array([2.0, 3.0])), kind(np.array([True, False]))
    assert scaled(torch.ones(2), gamma=gamma, mask=mask).tolist() == [2, 0]
    assert scaled(torch.ones(2), gamma=4, mask=mask).tolist() == [4, 0]


def test_gradients_go_through():
    @shapes(torch, "x: ... d -> ... d", gamma=number())
    def scaled(x, *, gamma):
        return gamma * x

    x, gamma = torch.ones(2, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    scaled(x, gamma=gamma).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert gamma.grad.item() == 2


def test_leading_dimensions_may_have_to_be_equal():
    @shapes(np, "a: * d, b: * d -> * d")
    def added(a, b):
        return a + b

    assert added(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)
    assert refused(lambda: added(np.ones((2, 3)), np.ones(3))) == (
        "the leading dimensions of a, b must be equal: a has (2, 3), b has (3,)"
    )


def test_an_axis_may_have_to_have_an_entry():
    @shapes(np, "x: ... S! -> ...")
    def largest(x):
        return x.max(axis=-1)

    assert "S at least 1" in refused(lambda: largest(np.ones((2, 0))))


def test_axes_may_be_numbers_and_arrays_of_any_dtype():
    @shapes(np, "-> ... 3", x=anything("... 3"))
    def triple(x):
        return x

    assert triple(np.array([1, 2, 3])).dtype == int
    assert refused(lambda: triple(np.ones(4))) == (
        "x has shape (4,); it needs (..., 3): 3 = 3 in the declaration"
    )


def test_a_mask_that_extends_brings_leading_dimensions():
    @shapes(np, "x: ... L S, mask+: ... L S -> ... L S")
    def hidden(x, *, mask):
        return np.where(mask, x, 0)

    assert hidden(np.ones((2, 3)), mask=np.ones((5, 2, 3), bool)).shape == (5, 2, 3)
    assert "must broadcast" in refused(lambda: hidden(np.ones((2, 3)), mask=np.ones((5, 2, 4)) > 0))


def test_matrices_are_named_by_their_entry():
    @shapes(np, "x: n d -> n n", W=matrices(W_q="d d_k", W_k="d d_k"))
    def attend(x, W):
        return x @ W["W_q"] @ (x @ W["W_k"]).T

    good = {"W_q": np.ones((3, 2)), "W_k": np.ones((3, 2))}
    assert attend(np.ones((4, 3)), good).shape == (4, 4)
    assert refused(lambda: attend(np.ones((4, 3)), good | {"W_k": np.ones((3, 5))})) == (
        'W["W_k"] has shape (3, 5); it needs (3, 2): d = 3 in x, d_k = 2 in W["W_q"]'
    )
    assert refused(lambda: attend(np.ones((4, 3)), {"W_q": np.ones((3, 2))})) == (
        "W has ['W_q']; it needs a dictionary of W_q, W_k"
    )


def test_a_module_knows_its_sizes_and_its_dtype():
    class Layer(torch.nn.Module):
        @shapes(torch, d_in=count(1))
        def __init__(self, d_in):
            super().__init__()
            self.d_in, self.linear = d_in, torch.nn.Linear(d_in, 2)

        @shapes(torch, "x: ... d_in -> ... d_out")
        def forward(self, x):
            return self.linear(x)

    layer = Layer(3)
    assert layer(torch.ones(5, 3)).shape == (5, 2)
    assert refused(lambda: layer(torch.ones(5, 4))) == (
        "x has shape (5, 4); it needs (..., 3): d_in = 3 in Layer"
    )
    assert refused(lambda: layer(torch.ones(5, 3).double()), TypeError) == (
        "x has dtype torch.float64; it must equal that of the parameters, torch.float32"
    )
    assert refused(lambda: Layer(0)) == "d_in is 0; it must be at least 1"
    assert refused(lambda: Layer(True), TypeError) == "d_in is True; it needs an integer"


def test_what_has_passed_is_not_checked_again_and_what_has_not_is():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.d = 4
            self.W = torch.nn.Parameter(torch.ones(4, 4))

        @shapes(torch, "x: ... n d, mask: ... n n -> ... n d", widens=False)
        def forward(self, x, *, mask=None):
            return x @ self.W

    layer, x, mask = Layer(), torch.ones(2, 3, 4), torch.ones(3, 3, dtype=torch.bool)
    checks = []
    whole = module._check
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_check", lambda *given: checks.append(1) or whole(*given))
        for _ in range(3):
            assert layer(x, mask=mask).dtype == x.dtype
            layer(x)
        assert len(checks) == 2
        for wrong, error in (
            ({"x": x[..., :3]}, ValueError),
            ({"x": x.double()}, TypeError),
            ({"x": x.to_sparse()}, TypeError),
            ({"x": x.to("meta")}, TypeError),
            ({"x": x.numpy()}, TypeError),
            ({"x": x, "mask": mask[:2]}, ValueError),
            ({"x": x, "mask": mask.float()}, TypeError),
        ):
            for _ in range(2):
                refused(lambda wrong=wrong: layer(**wrong), error)
        assert len(checks) == 2 + 14
        for _ in range(2):
            layer(x, mask=mask.numpy())  # has to become a tensor
        assert len(checks) == 2 + 14 + 2
    layer.d = 3
    refused(lambda: layer(x))
    layer.d = 4
    refused(lambda: layer.double()(x), TypeError)


def test_a_number_is_checked_each_time_since_its_value_counts():
    @shapes(torch, "x: ... d -> ... d", gamma=number(least=0))
    def scaled(x, gamma):
        return gamma * x

    x = torch.ones(3)
    assert scaled(x, torch.tensor(2.0)).tolist() == [2, 2, 2]
    assert "gamma is -1" in refused(lambda: scaled(x, torch.tensor(-1.0)))
    assert "gamma is nan" in refused(lambda: scaled(x, torch.tensor(math.nan)))


def test_half_precision_is_widened_each_time():
    @shapes(torch, "x: ... d -> ... d")
    def same(x):
        assert x.dtype == torch.float32
        return x

    for _ in range(2):
        assert same(torch.ones(3, dtype=torch.float16)).dtype == torch.float16
        assert same(torch.ones(3)).dtype == torch.float32


def test_none_is_taken_only_where_it_is_the_default():
    assert scores(Q, K, mask=None).shape == (2, 3, 5)
    assert "NoneType" in refused(lambda: scores(Q, K, gamma=None), TypeError)


def test_an_argument_that_the_function_has_not():
    with pytest.raises(TypeError, match="wrong has no argument y"):

        @shapes(np, "y: d -> d")
        def wrong(x):
            return x


def test_several_results_and_arguments_in_any_order():
    @shapes(np, "b: n d, a: d -> n, d", gamma=number())
    def both(a, b, *, gamma=1.0):
        """Do both."""
        return b @ a * gamma, a

    assert [x.shape for x in both(np.ones(2), np.ones((3, 2)))] == [(3,), (2,)]
    assert list(declaration(both).needs) == ["a", "b", "gamma"]
    assert "returns: (n,), (d,), all in the dtype of a" in both.__doc__


def test_infinity_is_refused_and_an_empty_array_is_not():
    assert finite(np.ones((2, 0)), "a score").shape == (2, 0)
    for array in (np.array([1.0, np.inf]), torch.tensor([-torch.inf]).double()):
        assert refused(lambda array=array: finite(array, "a score")) == (
            "a score is infinite: beyond the largest number of float64"
        )


# The docstring -----------------------------------------------------------------------------------


def test_the_docstring_says_what_the_declaration_says():
    assert scores.__doc__ == (
        """Compare.

Shapes:
    q: (..., L, d_k)
    k: (..., S, d_k)
    gamma: a number, or an array that broadcasts to (..., L, S), at least 0; how sharp
    mask: boolean, broadcastable to (..., L, S); True = may attend
    returns: (..., L, S), in the dtype of q

Raises:
    TypeError: an argument is no array of numbers, or has another dtype than q.
    ValueError: a shape or a number does not fit; the message says which, what it is and
        what it needs.

Source:
    Somebody."""
    )
    assert scores.__name__ == "scores"
    assert declaration(scores).library == "numpy"
    assert declaration(len) is None


def test_what_the_docstring_adds_to_a_section_stays():
    @shapes(np, "w~: d", size=count(2))
    def named(w, size):
        """Do it.

        Shapes:
            returns: in words.

        Raises:
            KeyError: for a reason of its own.
        """

    assert "Shapes:\n    w: (d,)" in named.__doc__
    assert "at least 2\n    returns: in words.\n\nRaises:" in named.__doc__
    assert "w: (d,), of any floating-point dtype\n" in named.__doc__
    assert "size: an integer, at least 2\n" in named.__doc__
    assert named.__doc__.count("returns:") == named.__doc__.count("Shapes:") == 1
    assert named.__doc__.index("ValueError") < named.__doc__.index("KeyError")
    assert named.__doc__.count("Raises:") == 1
