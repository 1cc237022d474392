"""The live figures compute in the page what the package computes, and obey keyboard and touch."""

import re
from itertools import combinations

import numpy as np
import pytest
from conftest import HTML, PAGES, SIZES
from sklearn.datasets import load_digits

from attention_book import budget
from attention_book.interpretation.induction import reference as induction
from attention_book.kernels.gaussian import reference as kernel_attention
from attention_book.layers.multi_head import reference as multi_head
from attention_book.pooling.attention_pooling import reference as attention_pooling
from attention_book.positions.rope import reference as rope
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.softmax import softmax
from attention_book.tiles.online_softmax import reference as online

FIGURES = sorted(path.stem for path in (HTML / "live").glob("*.js") if path.stem != "core")
ONCE = [page for page in PAGES if page != "chapters/index.html"]  # which is index.html
PLACES = {
    name: [page for page in ONCE if f"tag_live-{name}" in (HTML / page).read_text("utf-8")]
    for name in FIGURES
}
each_figure = pytest.mark.parametrize("name", FIGURES)


def call_softmax(scores):
    weights = softmax(np.array(scores, float))
    jacobian = np.diag(weights) - np.outer(weights, weights)
    return {"weights": weights, "jacobian": np.linalg.norm(jacobian)}


def call_attention(q, k, v, mask=None):
    q, k, v = (np.array(x, float) for x in (q, k, v))
    mask = None if mask is None else np.array(mask)
    output = scaled_dot_product.attention(q, k, v, mask=mask)
    weights = scaled_dot_product.weights(q, k, mask=mask)
    return {"weights": weights, "output": output}


def call_hard(q, k, v):
    weights = call_attention(q, k, v)["weights"]
    weights = np.eye(weights.shape[1])[weights.argmax(axis=1)]
    return {"weights": weights, "output": weights @ np.array(v, float)}


def call_kernel(q, k, v, sigma):
    q, k, v = (np.array(x, float) for x in (q, k, v))
    output = kernel_attention.attention(q, k, v, gamma=1 / (2 * sigma**2))
    weights = kernel_attention.weights(q, k, gamma=1 / (2 * sigma**2))
    return {"weights": weights, "output": output}


def call_digits(half, beta):
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[:1297]
    order = order[np.argsort(digits.target[order], kind="stable")]
    stored, question = digits.data[order] / 16, np.array(half, float)
    keys, values = stored[:, :32], stored[:, 32:]
    keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    if question.any():
        question = question / np.linalg.norm(question) * beta * 32**0.5
    weights = scaled_dot_product.weights(question[None], keys)[0]
    output = scaled_dot_product.attention(question[None], keys, values)[0]
    return {"weights": weights, "output": output}


def call_pool(x, w):
    x, w = np.array(x, float), np.array(w, float)
    return {
        "weights": attention_pooling.weights(x, w),
        "output": attention_pooling.pool(x, w),
    }


def call_softmax_backward(scores, upstream):
    """With one feature, a query of 1 and an output of one number, the keys are the scores."""
    one, k, v = np.ones((1, 1)), np.array([scores], float).T, np.array([upstream], float).T
    _, grad_scores, _ = scaled_dot_product.backward(one, k, v, one)
    return {
        "weights": scaled_dot_product.weights(one, k)[0],
        "mean": scaled_dot_product.attention(one, k, v)[0, 0],
        "scores": grad_scores[:, 0],
    }


def call_rope(i, j, omega):
    """A query and a key of pairs (1, 0), and how far each pair of them has turned apart."""
    omega, one = np.array(omega), np.tile([1.0, 0.0], (1, len(omega)))
    q, k = rope.rotate(one, [i], omega=omega), rope.rotate(one, [j], omega=omega)
    np.testing.assert_allclose(omega, rope.frequencies(8, base=omega[1] ** -4), rtol=1e-9)
    return {"score": (q @ k.T)[0, 0] / 8**0.5, "angles": omega * (i - j)}


def call_induction(tokens, V, sharpness):
    """The weights of both heads, and what is written behind the last token."""
    tokens, mask = np.array(tokens), np.tri(len(tokens), dtype=bool)
    first, second = induction.attentions(V, len(tokens), sharpness=sharpness)
    x = induction.embedded(tokens, V)
    weights = [multi_head.weights(x, x, first, mask=mask)[0]]
    x = x + multi_head.multi_head(x, x, first, mask=mask)
    weights.append(multi_head.weights(x, x, second, mask=mask)[0])
    next_token = induction.continuation(tokens, V, sharpness=sharpness)[-1]
    return {"first": weights[0], "second": weights[1], "next": next_token}


def call_one_pass(scores, values, tile, read):
    """What is known of a row of scores after some of its tiles."""
    k, v = np.array([scores], float).T, np.array([values], float).T
    keys = slice(0, read * tile)
    output, logsumexp = online.attend(np.ones((1, 1)), k[keys], v[keys])
    answer = online.attention(np.ones((1, 1)), k[keys], v[keys], tile=tile)
    np.testing.assert_allclose(answer, output)
    peak = k[keys].max()
    total = np.exp(logsumexp[0] - peak)
    level = np.where(np.arange(len(k)) < read * tile, np.exp(k[:, 0] - peak), 0)
    return {
        "peak": peak,
        "total": total,
        "output": total * output[0, 0],
        "answer": answer[0, 0],
        "level": level,
    }


def call_budget_step(model, context, batch, bits, device):
    """The same step by the package: its shapes and devices go by their names."""
    machine = next(known for known in budget.DEVICES if known.name == device)
    shape = budget.shape(model)
    found = vars(budget.step(shape, context, batch=batch, bits=bits, device=machine)).copy()
    found["fits"] = float(found["fits"])
    return found | {"by_operations": float(found.pop("binds") == "operations")}


CALLS = {
    "budget_step": call_budget_step,
    "one_pass": call_one_pass,
    "rope": call_rope,
    "induction": call_induction,
    "digits": call_digits,
    "softmax": call_softmax,
    "softmax_backward": call_softmax_backward,
    "pool": call_pool,
    "attention": call_attention,
    "hard": call_hard,
    "kernel": call_kernel,
}


def agrees(figure):
    """Return what a figure shows, after comparing it with the package's answer."""
    shown = figure.evaluate("root => root.shown()")
    expected = CALLS[shown["call"]](**shown["arguments"])
    assert shown["result"].keys() == expected.keys()
    for name, value in shown["result"].items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-9, err_msg=name)
    return shown


@pytest.fixture
def open_figure(open_page):
    def open_(name, **options):
        page = open_page(PLACES[name][0], **options)
        figure = page.locator(f"section.live-{name}")
        figure.scroll_into_view_if_needed()
        return page, figure

    return open_


def test_there_are_live_figures_and_each_stands_in_a_chapter():
    assert len(FIGURES) >= 5
    assert all(len(pages) == 1 for pages in PLACES.values())


@each_figure
def test_it_is_short(name):
    assert len((HTML / "live" / f"{name}.js").read_text("utf-8").splitlines()) <= 150


@each_figure
def test_it_shows_what_the_package_computes(open_figure, name):
    page, figure = open_figure(name)
    agrees(figure)
    for button in figure.locator(".live-choice button[aria-pressed]").all():
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        agrees(figure)
    assert not page.complaints


WIDTHS = (SIZES["phone"], 768, 1280)  # the narrowest with two side bars


@each_figure
def test_it_fits_every_width_and_its_tables_stand_apart_and_within_it(open_figure, name):
    page, figure = open_figure(name, width=WIDTHS[0])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert figure.evaluate("root => root.scrollWidth <= root.clientWidth")
        frame, *tables = figure.evaluate(
            """root => [root, ...root.querySelectorAll("table")].map((element) => {
                const { left, right, top, bottom } = element.getBoundingClientRect();
                return [left, right, top, bottom];
            })"""
        )
        assert all(frame[0] <= box[0] and box[1] <= frame[1] + 0.5 for box in tables)
        for one, two in combinations(tables, 2):
            assert one[1] <= two[0] or two[1] <= one[0] or one[3] <= two[2] or two[3] <= one[2]


@each_figure
def test_every_slider_obeys_the_keyboard(open_figure, name):
    page, figure = open_figure(name)
    for slider in figure.locator("input[type=range]").all():
        slider.focus()
        for key in ("Home", "ArrowRight", "ArrowRight", "End"):
            page.keyboard.press(key)
            agrees(figure)
        label = slider.evaluate("input => input.labels[0].textContent")
        assert slider.get_attribute("aria-valuetext") in label
        assert float(slider.input_value()) == float(slider.get_attribute("max"))


@each_figure
def test_every_point_can_be_moved_with_arrows_and_dragged(open_figure, name):
    page, figure = open_figure(name)
    for point in figure.locator(".live-point").all():
        before = agrees(figure)
        point.focus()
        page.keyboard.press("ArrowUp")
        moved = agrees(figure)
        assert moved["arguments"] != before["arguments"]
        box = point.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] - 40, box["y"] + 25, steps=3)
        page.mouse.up()
        assert agrees(figure)["arguments"] != moved["arguments"]
    assert not page.complaints


@each_figure
def test_cells_and_patches_answer_to_the_keyboard(open_figure, name):
    page, figure = open_figure(name)
    targets = figure.locator(".live-matrix button, .live-image [tabindex]").all()
    for target in targets[:4]:
        before = agrees(figure)
        target.focus()
        page.keyboard.press("Enter")
        after = agrees(figure)
        if name == "masks":
            assert after["arguments"]["mask"] != before["arguments"]["mask"]
            assert page.evaluate("document.activeElement.dataset.at")


def test_a_row_without_keys_is_zeros(open_figure):
    _, figure = open_figure("masks")
    figure.get_by_role("button", name="nothing for 2").click()
    shown = agrees(figure)
    assert shown["result"]["weights"][2] == [0] * 6
    assert shown["result"]["output"][2] == [0, 0]


def test_the_order_of_words_matters_only_with_places(open_figure):
    _, figure = open_figure("pooling")
    orders = figure.get_by_role("group", name="order of the words").get_by_role("button").all()
    for places, vectors in (("without places", 1), ("with places", len(orders))):
        figure.get_by_role("button", name=places).click()
        found = set()
        for order in orders:
            order.click()
            found.add(tuple(np.round(agrees(figure)["result"]["output"], 9)))
        assert len(found) == vectors
        assert f"{vectors} vectors" in figure.inner_text() or vectors == 1


def test_steps_downhill_lower_the_mean_until_no_area_is_left(open_figure):
    page, figure = open_figure("descent")
    first = agrees(figure)
    assert abs(sum(first["result"]["scores"])) < 1e-12
    means = [first["result"]["mean"]]
    for _ in range(12):
        figure.get_by_role("button", name="a step downhill").click()
        means.append(agrees(figure)["result"]["mean"])
    assert (np.diff(means) < 0).all()
    figure.get_by_role("button", name="back to the start").click()
    assert agrees(figure) == first
    for n in range(3):
        figure.locator("input[type=range]").nth(n).focus()
        page.keyboard.press("End")
        assert agrees(figure)["arguments"]["scores"][n] == 6


def test_what_live_attention_tells_is_drawn_too(open_figure):
    """The lines are as thick as the weights, and the diamond lies at the output."""
    _, figure = open_figure("attention")
    for choice in ("q0", "q1"):
        figure.get_by_role("button", name=choice).click()
        shown = agrees(figure)["result"]
        focus = int(choice[1])
        thick = figure.locator(".live-pull").evaluate_all(
            "all => all.map(e => (parseFloat(e.style.strokeWidth) - 0.5) / 9)"
        )
        np.testing.assert_allclose(thick, 2 * shown["weights"][focus], atol=1e-3)
        x, y = figure.locator(".live-output").evaluate(
            """path => {
                const place = path.transform.baseVal.consolidate().matrix;
                return [place.e, place.f];
            }"""
        )
        np.testing.assert_allclose([x / 50 - 3, 3 - y / 50], shown["output"][focus], atol=1e-3)


def test_the_score_of_clocks_depends_on_their_distance(open_figure):
    page, figure = open_figure("clocks")
    key, distance, base = figure.locator("input[type=range]").all()
    first = agrees(figure)["result"]["score"]
    key.focus()
    page.keyboard.press("End")
    moved = agrees(figure)
    assert moved["arguments"]["j"] == 200
    assert abs(moved["result"]["score"] - first) < 1e-12
    for slider in (distance, base):
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert abs(agrees(figure)["result"]["score"] - first) > 1e-4


def test_the_model_continues_what_is_typed(open_figure):
    page, figure = open_figure("induction")
    field = figure.locator("input[type=text]")
    for typed, said in (
        ("abcdab", "says C"),
        ("abcd", "is new"),
        ("aab", "is new"),
        ("", "is new"),
    ):
        field.fill(typed)
        shown = agrees(figure)
        assert len(shown["arguments"]["tokens"]) == len(typed) + 1
        assert said in figure.inner_text()
    field.fill("x1 y-x")  # letters alone
    assert len(agrees(figure)["arguments"]["tokens"]) == 4
    assert "says Y" in figure.inner_text()
    assert not page.complaints


@pytest.mark.parametrize(("name", "number"), [("softmax", 1), ("kernel", 0)])
def test_weights_are_drawn_as_bars_and_written_beside_them(open_figure, name, number):
    _, figure = open_figure(name)
    weights = np.ravel(agrees(figure)["result"]["weights"])
    bars = figure.locator(".live-bars").nth(number)
    widths = bars.locator(".live-track span").evaluate_all(
        "all => all.map(e => parseFloat(e.style.width) / 100)"
    )
    np.testing.assert_allclose(widths, weights, atol=1e-3)
    written = [float(text) for text in bars.locator("td:last-child").all_text_contents()]
    np.testing.assert_allclose(written, weights, atol=5e-3)


def test_a_score_below_zero_leads_to_the_left(open_figure):
    _, figure = open_figure("softmax")
    scores = agrees(figure)["arguments"]["scores"]
    spans = figure.locator(".live-bars").first.locator(".live-track span")
    ends = spans.evaluate_all(
        "all => all.map(e => [parseFloat(e.style.left), parseFloat(e.style.width)])"
    )
    for score, (left, width) in zip(scores, ends, strict=True):
        assert left + width == pytest.approx(50) if score < 0 else left == 50


def test_the_weight_of_a_patch_does_not_veil_its_ink(open_figure):
    _, figure = open_figure("patches")
    for patch in figure.locator(".live-image > g").all():
        order = patch.evaluate("g => [...g.children].map(e => e.getAttribute('class'))")
        assert order == ["live-ground", *4 * ["live-ink"], "live-frame", None]
        assert patch.evaluate("g => getComputedStyle(g.children[5]).fill") == "none"
    fills = figure.locator(".live-ground").evaluate_all(
        "all => all.map(e => getComputedStyle(e).fill)"
    )
    assert len(set(fills)) > 5


@each_figure
def test_without_scripts_the_picture_or_table_of_the_notebook_stands_there(open_page, name):
    page = open_page(PLACES[name][0], java_script_enabled=False)
    cell = page.locator(f".tag_live-{name}")
    assert cell.locator(".cell_output").first.is_visible()
    assert page.locator(f"section.live-{name}").count() == 0


def test_the_calculator_has_every_model_and_every_device(open_figure):
    _, figure = open_figure("calculator")
    for group, known in (("model", budget.SHAPES), ("device", budget.DEVICES)):
        names = figure.get_by_role("group", name=group).get_by_role("button").all_text_contents()
        assert names == [one.name for one in known]


def test_the_calculator_says_when_a_model_does_not_fit(open_figure):
    _, figure = open_figure("calculator")
    assert "it fits into 80 GB" in figure.inner_text()
    figure.get_by_role("button", name="Llama 3 70B").click()
    assert agrees(figure)["result"]["fits"] == 0
    assert "more than fits into 80 GB" in figure.inner_text()
    figure.get_by_role("button", name="4", exact=True).click()
    assert agrees(figure)["result"]["fits"] == 1
    assert "Several machines" not in figure.inner_text()


def test_the_calculator_says_which_of_the_two_binds(open_figure):
    page, figure = open_figure("calculator")
    _, batch = figure.locator("input[type=range]").all()
    assert "Bytes bind" in figure.inner_text()
    figure.locator("input[type=range]").first.focus()
    page.keyboard.press("Home")
    batch.focus()
    page.keyboard.press("End")
    assert agrees(figure)["result"]["by_operations"] == 1
    assert "Operations bind" in figure.inner_text()
    assert re.search(r" \d{4,} tokens a second", figure.inner_text())  # in digits, without an e
