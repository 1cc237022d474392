"""The exercises on visual attention: patches, maps, glimpses and their gradient."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question
from attention_book.images.patches import reference
from attention_book.softmax import softmax

PLACE = (1, 4)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="How many weights?",
    difficulty="easy",
    minutes=5,
    rtol=0,
    hints=[
        "A sum of numbers is a number, however many there are.",
        "n places that all ask all n places have n² weights. How many pixels has the image?",
        "224 / 16 = 14 patches in a row, and 14 rows of them. One query has one weight a cell.",
    ],
)
def sizes():
    """Count numbers and weights for an image of 224 × 224 grey pixels.

    Answer with four numbers: how many numbers Σ_i w_i x_i over all pixels is; how many weights
    it takes if every pixel asks all pixels; if every patch of 16 × 16 pixels asks all patches;
    and if one learned query asks the 14 × 14 cells of a feature map.
    """
    return (1, 224**4, 196**2, 196)


sizes.mistake(
    "a sum is one number",
    "Adding up 50 176 products leaves one number. An image comes out only if there is one sum for "
    "each of its pixels.",
    {0: 50176},
    lambda counts: len(counts) == 4 and counts[0] in (50176, 224, 9, 0),
)
sizes.mistake(
    "every pixel has weights for all pixels",
    "50 176 is the number of pixels. Each of them asks, and each question has 50 176 weights.",
    {1: 50176},
)
sizes.mistake(
    "224 is the side, not the number of pixels",
    "There are 224² pixels, and the square of that many pairs.",
    {1: 224**2 * 2},
)
sizes.mistake(
    "every patch has weights for all patches",
    "There are 14 × 14 = 196 patches; each of them has 196 weights.",
    {2: 196},
)
sizes.mistake(
    "a patch is one place, not 256",
    "Patches ask patches. The 16 × 16 pixels inside are features of one vector.",
    {2: 224**2 * 196},
)
sizes.mistake(
    "there are 14 patches in a row, and 14 rows",
    "14 is the number in one row.",
    {2: 14**2, 3: 14},
)
sizes.mistake(
    "one query has one weight for each cell",
    "196 cells asking each other have 196² weights. One query asks, so there is one heat map.",
    {3: 196**2},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Does attention save work?",
    difficulty="easy",
    minutes=5,
    hints=[
        "A weighted average of all pixels: which of them can be left out before it is taken?",
        "A glimpse of 8 × 8 pixels has 64 of them.",
        "The overview has 25 × 25 pixels, and is read once.",
    ],
)
def looked_at():
    """Count the pixels of a 100 × 100 image that have to be processed.

    Answer with three numbers: by a network with soft attention over the whole image; by one that
    takes two glimpses of 8 × 8 pixels; and by that one if it first reads an overview of the
    image at a quarter of its height and a quarter of its width.
    """
    return (10000, 128, 753)


looked_at.mistake(
    "100 is the side, not the number of pixels",
    "Soft attention looks at all of them: 100 rows of 100 pixels.",
    {0: 100},
    lambda counts: len(counts) == 3 and counts[0] == 100,
)
looked_at.mistake(
    "soft attention looks at everything",
    "A small weight is no reason to skip a pixel: its weight is known only after it was "
    "processed. All 10 000 go in.",
    {0: 128, 1: 10000},
    lambda counts: len(counts) == 3 and 0 <= counts[0] < 10000,
)
looked_at.mistake(
    "there are two glimpses",
    "Each has 64 pixels.",
    {1: 64, 2: 689},
)
looked_at.mistake(
    "a glimpse of 8 × 8 has 64 pixels",
    "16 is two sides of 8.",
    {1: 16, 2: 641},
)
looked_at.mistake(
    "the overview is one sixteenth of the image",
    "A quarter of the height times a quarter of the width: 25 × 25 pixels.",
    {2: 2628},
)
looked_at.mistake(
    "knowing where to look is not free",
    "The overview is read as well: add its pixels to those of the glimpses.",
    {2: 128},
)
looked_at.mistake(
    "the glimpses are looked at, too",
    "The overview says where to look. Then two glimpses follow.",
    {2: 625},
)
looked_at.mistake(
    "the overview is read once",
    "One overview serves both glimpses here: 625 + 2 · 64.",
    {2: 1378},
)


# 3 ---------------------------------------------------------------------------------------------


def _patches_of(height, width, size, *, lead=(), dtype=np.float64, seed=0):
    image = np.random.default_rng(seed).standard_normal((*lead, height, width)).astype(dtype)
    return reference.patchify(image[..., None], size)[0], size, height, width


def _unpatchify_cases():
    return [
        Case("six rows and four columns in patches of two", _patches_of(6, 4, 2)),
        Case("four rows and nine columns, patches over the edge", _patches_of(4, 9, 3, seed=1)),
        Case("a batch of images", _patches_of(5, 7, 2, lead=(2, 3), seed=2)),
        Case("three leading axes", _patches_of(3, 5, 2, lead=(2, 1, 3), seed=9)),
        Case("a remainder in the height only", _patches_of(7, 8, 4, seed=3)),
        Case("one patch larger than the image", _patches_of(3, 4, 5, seed=4)),
        Case("patches of one pixel", _patches_of(3, 4, 1, seed=5)),
        Case("a square image", _patches_of(6, 6, 3, seed=6)),
        Case("one row of pixels", _patches_of(1, 5, 2, lead=(1,), seed=8)),
        Case("whole numbers", (np.arange(24).reshape(6, 4), 2, 4, 5)),
        Case("single precision", _patches_of(5, 3, 2, dtype=np.float32, seed=7)),
    ]


@function_exercise(
    title="The way back",
    difficulty="medium",
    minutes=15,
    cases=_unpatchify_cases,
    hints=[
        "How many patches stand beside each other? Count the one that reaches over the edge.",
        "Give the array the axes (..., rows, columns, size, size). Which two of the last four "
        "belong to the height of the image?",
        "Exchange the two in the middle: (..., rows, size, columns, size). Join, then cut off.",
        "np.zeros(shape) is float64; np.zeros(shape, patches.dtype) has the dtype of the patches.",
    ],
)
def unpatchify(patches, size, height, width):
    """Put patches back in place.

    patches is (..., N, size²), row after row of patches; where size does not divide height or
    width, the patches at the lower and the right edge have been filled up. Return the images,
    (..., height, width), without what was filled up and in the dtype of patches.
    """
    rows, columns = math.ceil(height / size), math.ceil(width / size)
    lead = patches.shape[:-2]
    squares = patches.reshape(*lead, rows, columns, size, size)
    images = squares.swapaxes(-3, -2).reshape(*lead, rows * size, columns * size)
    return images[..., :height, :width]


unpatchify.mistake(
    "a reshape does not move pixels",
    "The array has the right shape, and each patch is smeared over whole rows. Two axes have to "
    "change places in between.",
    {".swapaxes(-3, -2)": ""},
)
unpatchify.mistake(
    "each patch is transposed",
    "Inside a patch the pixels stand in reading order, row after row.",
    {".swapaxes(-3, -2)": ".swapaxes(-2, -1).swapaxes(-3, -2)"},
)
unpatchify.mistake(
    "the patches are laid out column after column",
    "Patch 1 stands to the right of patch 0, not below it.",
    {"rows, columns, size, size)": "columns, rows, size, size).swapaxes(-4, -3)"},
)
unpatchify.mistake(
    "the whole image is transposed",
    "Rows and columns have changed places.",
    {":width]": ":width].swapaxes(-1, -2)"},
)
unpatchify.mistake(
    "what was filled up is still there",
    "Cut the result to height and width.",
    {"[..., :height, :width]": ""},
)
unpatchify.mistake(
    "every dtype became float64",
    "np.zeros(shape) is float64, whatever is written into it: np.zeros(shape, patches.dtype).",
    {":width]": ":width].astype(float)"},
)
unpatchify.mistake(
    "cut off at the wrong side",
    "The patches were filled up at the lower and the right edge.",
    {":height, :width]": "-height:, -width:]"},
)
unpatchify.mistake(
    "the patches over the edge are not counted",
    "There are as many in a row as it takes to cover the width: round up.",
    {"math.ceil(height / size), math.ceil(width / size)": "height // size, width // size",
     "patches.reshape": "patches[..., : rows * columns, :].reshape"},
)  # fmt: skip
unpatchify.mistake(
    "the leading axes are gone",
    "Several images may come at once, along any number of axes. Their axes come back as they were.",
    {":width]": ":width].reshape(-1, height, width)"},
)


# 4 ---------------------------------------------------------------------------------------------


def _equal(pixels):
    return np.full(pixels.shape, 0.5)


def _brightness(pixels):
    return 1.0 * pixels


def _raised(pixels):
    return pixels + 1000.0


def _lowered(pixels):
    return pixels - 2e9  # below any number that might stand for "hidden"


def _darkness(pixels):
    return -2.0 * pixels


def _near_middle(pixels):
    return -((pixels - 4.0) ** 2)


def _sharp(pixels):
    return 900.0 * pixels


def _pool_patches_cases():
    rng = np.random.default_rng(10)
    nine = np.arange(1.0, 10.0).reshape(3, 3)
    return [
        Case("nine pixels, equal scores", (nine, 2, _equal)),
        Case("nine pixels, bright ones weigh more", (nine, 2, _brightness)),
        Case("all scores 1000 higher", (nine, 2, _raised)),
        Case("all scores two thousand million lower", (nine, 2, _lowered)),
        Case("whole numbers as pixels", (np.arange(1, 10).reshape(3, 3), 2, _brightness)),
        Case("another size: 4 × 5 in blocks of 3", (rng.normal(size=(4, 5)), 3, _brightness)),
        Case("dark ones weigh more", (rng.normal(size=(7, 4)), 2, _darkness)),
        Case("no remainder", (rng.normal(size=(4, 6)), 2, _near_middle)),
        Case("one block", (rng.normal(size=(3, 4)), 5, _brightness)),
        Case("blocks of one pixel", (rng.normal(size=(2, 3)), 1, _brightness), rtol=1e-15),
        Case("scores in the hundreds", (rng.normal(size=(5, 4)), 2, _sharp)),
        Case("negative pixels", (-3.0 - nine, 2, _equal)),
        Case("the other way up", (nine.T[::-1].copy(), 2, _brightness)),
        Case("some pixels are 0", (np.arange(12.0).reshape(3, 4) % 3, 2, _darkness)),
    ]


@function_exercise(
    title="Erratum: regions",
    difficulty="medium",
    minutes=25,
    cases=_pool_patches_cases,
    hints=[
        "Block after block: image[top : top + size, left : left + size]. A slice that reaches over "
        "the edge is simply shorter.",
        "The weights of a block sum to 1. Exponentiate the scores of its pixels and divide by the "
        "sum.",
        "Subtract the largest score of the block first. Nothing else changes, and nothing "
        "overflows.",
    ],
)
def pool_patches(image, size, score):
    """Pool each block of an image with weights that are computed from its pixels.

    image is (H, W), and score(pixels) gives an array of pixels their scores, elementwise. Return
    one number for each block of size × size pixels, row after row of blocks, as an array: the
    average of its pixels, weighted by the softmax of their scores. Blocks at the lower and the
    right edge are smaller where size does not divide. The array is of float64, also where the
    pixels are whole numbers.
    """
    pooled = []
    for top in range(0, image.shape[0], size):
        for left in range(0, image.shape[1], size):
            block = image[top : top + size, left : left + size]
            scores = score(block)
            weights = np.exp(scores - scores.max())
            pooled.append((weights * block).sum() / weights.sum())
    return np.array(pooled)


def _chunks(image, size):
    return [image.ravel()[start : start + size**2] for start in range(0, image.size, size**2)]


def _of_chunks(image, size, score):
    return np.array([(softmax(score(c) * 1.0) * c).sum() for c in _chunks(image, size)])


def _halves_of_chunks(image, size, score):
    return np.array([c.sum() / (1 if len(c) == 1 else 2) for c in _chunks(image, size)])


_SCORED = "scores = score(block)"
_BEYOND = "beyond = [(0, size - length) for length in block.shape]; "
_AVERAGE = "(weights * block).sum() / weights.sum()"

pool_patches.mistake(
    "four pixels in reading order are no block",
    "The block at the upper left holds the first two pixels of the first two rows: slice rows and "
    "columns.",
    _of_chunks,
)
pool_patches.mistake(
    "four pixels in reading order, and one half for each",
    "Neither are these blocks of the image, nor are the weights computed from it; and four halves "
    "sum to 2.",
    _halves_of_chunks,
)
pool_patches.mistake(
    "two numbers of the first region, and none of the second",
    "1.5 and 3.5 both belong to the first region, and nothing of the second is left. No program "
    "gives it.",
    lambda image, size, score: np.array([[1.5], [3.5], [9.0]]),
    lambda image, size, score: np.array([1.5, 3.5, 9.0]),
)
pool_patches.mistake(
    "the weights are all equal",
    "That is the mean of each block. The weights should come from score.",
    {_AVERAGE: "block.mean()"},
)
pool_patches.mistake(
    "one half for each pixel",
    "Weights that sum to 2 make no average, and they are not computed from the image.",
    {_AVERAGE: "block.sum() / 2"},
)
pool_patches.mistake(
    "zeros from beyond the edge are averaged in",
    "They are no pixels. Mask them, or take the shorter slice.",
    {_SCORED: f"{_BEYOND} block = np.pad(block, beyond); {_SCORED}"},
)
pool_patches.mistake(
    "zeros from beyond the edge get a score of 0",
    "A score of 0 is a weight like any other. Mask the scores, or take the shorter slice.",
    {_SCORED: f"{_BEYOND} scores, block = np.pad(score(block), beyond), np.pad(block, beyond)"},
)
pool_patches.mistake(
    "a finite score is no mask",
    "Where all pixels have scores that are lower still, what lies beyond the edge wins. Mask with "
    "−np.inf, or take the shorter slice.",
    {_SCORED: f"{_BEYOND} scores = np.pad(score(block), beyond, constant_values=-1e3); "
     "block = np.pad(block, beyond)"},
)  # fmt: skip
pool_patches.mistake(
    "the averages are rounded to whole numbers",
    "An array with the dtype of the image cannot hold an average of whole numbers: make it of "
    "floats.",
    {"np.array(pooled)": "np.array(pooled).astype(image.dtype)"},
)
pool_patches.mistake(
    "pixels of value 0 are taken for what lies beyond the edge",
    "A black pixel is a pixel. The mask must come from the place, not from the value.",
    {_SCORED: f"block = block[block != 0] if block.any() else block[:1, :1]; {_SCORED}"},
)
pool_patches.mistake(
    "the remainder is cropped away",
    "Every pixel is in one block; those at the edge are smaller.",
    {"shape[0], size": "shape[0] // size * size, size",
     "shape[1], size": "shape[1] // size * size, size"},
)  # fmt: skip
pool_patches.mistake(
    "the softmax runs over the whole image",
    "Each block has weights of its own that sum to 1.",
    {"scores - scores.max()": "scores - score(image).max()",
     "/ weights.sum()": "/ np.exp(score(image) - score(image).max()).sum()"},
)  # fmt: skip
pool_patches.mistake(
    "the scores are used as weights",
    "Divided by their sum they need not be positive, and their sum may be 0. Exponentiate first.",
    {"np.exp(scores - scores.max())": "scores"},
)
pool_patches.mistake(
    *faults.no_shift(
        {" - scores.max()": ""},
        hint="exp(1000) is infinite. The softmax does not change if the largest score of the block "
        "is subtracted first.",
    )
)
pool_patches.mistake(
    "the blocks stand column after column",
    "Row after row of blocks: the second number belongs to the block on the right.",
    lambda image, size, score: pool_patches.solve(image.T, size, score),
)
pool_patches.mistake(
    "the scores are pooled instead of the pixels",
    "The scores make the weights. What is averaged is the pixels.",
    {"weights * block": "weights * scores"},
)
pool_patches.mistake(
    *faults.epsilon("weights.sum()"),
)


# 5 ---------------------------------------------------------------------------------------------


def _map_inputs(seed, H=3, W=4, scale=1.0, shift=0.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    image, scores = rng.standard_normal((H, W)), rng.standard_normal((H * W, H * W))
    return image.astype(dtype), (scale * scores + shift).astype(dtype)


def _attend_image_cases():
    nine = np.arange(1.0, 10.0).reshape(3, 3)
    return [
        Case("three rows of four pixels", _map_inputs(30), rtol=1e-10),
        Case("nine pixels, equal scores", (nine, np.zeros((9, 9)))),
        Case("nine pixels", (nine, _map_inputs(31, 3, 3)[1])),
        Case("whole numbers as pixels", (nine.astype(int), _map_inputs(37, 3, 3)[1])),
        Case("more rows than columns", _map_inputs(32, 5, 2)),
        Case("one pixel", _map_inputs(33, 1, 1), rtol=1e-15),
        Case("scores of thousands", _map_inputs(34, 2, 3, scale=1e4)),
        Case("scores that are all low", _map_inputs(35, 2, 4, shift=-2000.0)),
        Case("single precision", _map_inputs(36, 4, 3, dtype=np.float32), rtol=1e-4, atol=1e-5),
    ]


@function_exercise(
    title="A number is not an image",
    difficulty="medium",
    minutes=15,
    cases=_attend_image_cases,
    hints=[
        "image.ravel() gives the pixels in reading order, one for each column of the scores.",
        "Each row of the scores becomes a row of weights that sums to 1.",
        "weights @ pixels has one number for each query. Give it the shape of the image. The first "
        "of them is what query 0 gives.",
        "Arrays made with np.zeros(shape) are float64, with np.zeros_like(image) they may hold "
        "whole numbers only: np.zeros(shape, scores.dtype).",
    ],
)
def attend_image(image, scores):
    """Let every pixel ask all pixels.

    image is (H, W), scores is (HW, HW): row p holds the scores of the query of pixel p, in
    reading order. Return a tuple of what query 0 alone gives, a number; the weights, (HW, HW), in
    the dtype of scores; and the output image, (H, W), in that of weights @ pixels: where image
    holds whole numbers, the output does not. Scores of any size that their dtype can hold must
    be handled.
    """
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    output = weights @ image.ravel()
    return output[0], weights, output.reshape(image.shape)


_WEIGHTS = "exponentials / exponentials.sum(axis=1, keepdims=True)"
_RETURNED = "return output[0], weights, output.reshape(image.shape)"

attend_image.mistake(
    "weights times pixels without the sum is a mask",
    "It darkens pixels and moves nothing. Each pixel of the output is a sum over all pixels of "
    "the input.",
    {
        "weights @ image.ravel()": "weights[0] * image.ravel()",
        "return output[0]": "return output.sum()",
    },
)
attend_image.mistake(
    "one query cannot fill an image",
    "All pixels of this output are equal: every one was given the answer of query 0. Each has a "
    "query of its own.",
    {_RETURNED: "output[1:] = output[0]\n    " + _RETURNED},
)
attend_image.mistake(
    "the columns sum to 1, not the rows",
    "A row is one query, and its weights over the pixels sum to 1: axis=1.",
    {"axis=1": "axis=0"},
)
attend_image.mistake(
    "the softmax runs over the whole matrix",
    "All weights together sum to 1 here. Each row has to.",
    {"axis=1": "axis=(0, 1)"},
)
attend_image.mistake(
    "the weights are transposed",
    "Query p is row p of the scores, and of the weights.",
    {_WEIGHTS: f"({_WEIGHTS}).T"},
)
attend_image.mistake(
    "the weights are not normalised",
    "Exponentials are positive, and they do not sum to 1 yet.",
    {_WEIGHTS: "exponentials"},
)
attend_image.mistake(
    "the scores were not exponentiated",
    "Divided by their sum they need not be positive.",
    {"np.exp(scores - scores.max(axis=1, keepdims=True))": "scores"},
)
attend_image.mistake(
    "the output is rounded to whole numbers",
    "np.empty_like(image) has the dtype of image. An average of whole numbers needs that of "
    "scores.",
    {"(image.shape)": "(image.shape).astype(image.dtype)"},
)
attend_image.mistake(
    *faults.double(
        {"weights = ": "weights = np.zeros(scores.shape) + "},
        "np.zeros(shape) and np.array of Python numbers are float64: np.zeros(shape, "
        "scores.dtype).",
    )
)
attend_image.mistake(
    "the pixels are read column after column",
    "Reading order is row after row.",
    {"ravel()": 'ravel(order="F")', "(image.shape)": '(image.shape, order="F")'},
)
attend_image.mistake(
    *faults.no_shift({" - scores.max(axis=1, keepdims=True)": ""}),
)
attend_image.mistake(
    "one number was subtracted from all rows",
    "A row that lies far below the largest score of all becomes 0/0. Each row has a largest score "
    "of its own.",
    {"max(axis=1, keepdims=True)": "max()"},
)
attend_image.mistake(
    *faults.epsilon("exponentials.sum(axis=1, keepdims=True)"),
)


# 6 ---------------------------------------------------------------------------------------------


def _pointing_case(name, seed, B=997, rows=5, columns=8, side=7, first=3.5, stride=3, shift=0.0):
    rng = np.random.default_rng(seed)
    heat = rng.random((B, rows, columns))
    heat /= heat.sum(axis=(1, 2), keepdims=True)
    top = np.stack(np.unravel_index(heat.reshape(B, -1).argmax(axis=1), (rows, columns)), axis=1)
    near = np.floor(first + stride * top) - side // 2 + rng.integers(-side, side + 1, (B, 2))
    return Case(name, (heat + shift, near.astype(int), side, first, stride), rtol=1e-6)


def _tie_case():
    heat = np.zeros((3, 4, 3))
    heat[0, 1, 2] = heat[0, 2, 1] = 0.5
    heat[1, 0, 1] = heat[1, 0, 2] = heat[1, 3, 0] = 1 / 3
    heat[2] = 1 / 12
    corner = np.array([[4, 8], [0, 4], [0, 0]])
    return Case("cells of equal heat", (heat, corner, 3, 1, 4), rtol=1e-6)


def _second_in_the_box_case():
    heat = np.zeros((1, 4, 3))
    heat[0, 0, 0] = heat[0, 3, 2] = 0.5
    return Case(
        "two equally hot cells, the second in the box", (heat, np.array([[12, 8]]), 3, 1, 4)
    )


def _edge_case():
    """The centre on the first pixel, on the last, and one off at each side."""
    heat = np.zeros((8, 4, 5))
    heat[:, 2, 3] = 1.0  # its centre is at (9, 13)
    corner = np.array([[9, 13], [5, 9], [10, 13], [9, 14], [4, 9], [5, 8], [9, 9], [5, 13]])
    return Case("centres on the edge of the box", (heat, corner, 5, 1, 4), rtol=1e-6)


def _pointing_cases():
    return [
        _pointing_case("many images, five rows of eight cells", 40),
        _edge_case(),
        _pointing_case("more rows than columns", 41, rows=9, columns=4),
        _pointing_case("other sizes", 42, B=498, side=4, first=1, stride=2),
        _tie_case(),
        _second_in_the_box_case(),
        _pointing_case("all heat below 0", 46, B=701, rows=4, columns=7, side=5, shift=-5.0),
        _pointing_case("one image", 43, B=1),
        _pointing_case("a large box", 44, B=613, rows=6, columns=3, side=12, first=0, stride=5),
        _pointing_case("a square map", 45, B=811, rows=6, columns=6, side=8, first=3.5, stride=2),
    ]


@function_exercise(
    title="The pointing game",
    difficulty="medium",
    minutes=15,
    cases=_pointing_cases,
    hints=[
        "argmax over the flattened map gives one number. divmod by the number of columns makes it "
        "a row and a column.",
        "The box is in pixels: turn the cell into its centre first.",
        "A hit needs row and column inside: first pixel ≤ centre ≤ first pixel + side − 1.",
    ],
)
def pointing_game(heat, corner, side, first, stride):
    """Return the share of images whose hottest cell has its centre in the box.

    heat is (B, rows, columns); corner is (B, 2), row and column of the first pixel of a box of
    side × side pixels. The centre of cell (r, c) is at pixel (first + stride·r, first +
    stride·c). It is in the box where the first row ≤ its row ≤ the first row + side − 1, and the
    same for columns; a centre half a pixel further is outside. Of equally hot cells the first in
    reading order counts.
    """
    cell = heat.reshape(len(heat), -1).argmax(axis=1)
    row, column = np.divmod(cell, heat.shape[2])
    centre = first + stride * np.stack([row, column], axis=1)
    inside = (corner <= centre) & (centre <= corner + side - 1)
    return inside.all(axis=1).mean()


def _cells_inside(heat, corner, side, first, stride):
    """Which cells have their centre in the box, (B, rows, columns)."""
    cells = np.stack(np.meshgrid(*map(np.arange, heat.shape[1:]), indexing="ij"), axis=-1)
    away = first + stride * cells - corner[:, None, None]
    return ((away >= 0) & (away <= side - 1)).all(axis=-1)


def _any_of_the_hottest(heat, *box):
    hottest = heat == heat.max(axis=(1, 2), keepdims=True)
    return (_cells_inside(heat, *box) & hottest).any(axis=(1, 2)).mean()


pointing_game.mistake(
    "row and column of the cell are swapped",
    "The flat index is row · columns + column: the quotient is the row.",
    {"[row, column]": "[column, row]"},
)
pointing_game.mistake(
    "the flat index was divided by the number of rows",
    "In reading order there are as many cells before the next row as there are columns.",
    {"shape[2]": "shape[1]"},
)
pointing_game.mistake(
    "cells are taken for pixels",
    "The box is given in pixels: first + stride · index.",
    {"first + stride * ": ""},
)
pointing_game.mistake(
    "the first centre is not at pixel 0",
    "Add first to stride · index.",
    {"first + ": ""},
)
pointing_game.mistake(
    "the corner is taken for the middle of the box",
    "The box begins at the corner and ends side − 1 pixels further on.",
    {"corner <= centre": "2 * abs(centre - corner) < side", "centre <= corner + side - 1": "True"},
)
pointing_game.mistake(
    "the box is one pixel too long",
    "Its last pixel is corner + side − 1.",
    {"side - 1": "side"},
)
pointing_game.mistake(
    "half a pixel beyond the last one is outside",
    "Centres may lie between pixels: do not round. The last one inside is at corner + side − 1.",
    {"<= corner + side - 1": "< corner + side"},
)
pointing_game.mistake(
    "any of the hottest cells was let count",
    "Of equally hot cells only the first in reading order counts.",
    _any_of_the_hottest,
)
pointing_game.mistake(
    "the last pixel belongs to the box",
    "corner + side − 1 is inside: ≤, not <.",
    {"centre <= corner": "centre < corner"},
)
pointing_game.mistake(
    "row or column inside is not enough",
    "The centre is in the box only if both are.",
    {".all(": ".any("},
)
pointing_game.mistake(
    "rows and columns are counted apart",
    "A hit is a hit for the whole image, not for each of its two coordinates.",
    {".all(axis=1)": ""},
)
pointing_game.mistake(
    "hits are counted, not their share",
    "Divide by the number of images.",
    {"mean()": "sum()"},
)
pointing_game.mistake(
    "the hottest cell of the whole batch was taken",
    "Each image has a hottest cell of its own.",
    {"heat.reshape(len(heat), -1).argmax(axis=1)": "heat.argmax() % heat[0].size",
     "[row, column], axis=1": "[row, column]"},
)  # fmt: skip
pointing_game.mistake(
    "the weight in the box is another measure",
    "Added up over the box it is not a game of hit or miss.",
    lambda heat, *box: (heat * _cells_inside(heat, *box)).sum(axis=(1, 2)).mean(),
)


# 7 ---------------------------------------------------------------------------------------------


def _dice(seed, B=40, S=6, scale=1.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((B, S)), rng.random((B, S)) * 0.998 + 0.001


def _gumbel_cases():
    _, uniforms = _dice(51, 30, 4)
    lucky = np.array([[0.0, 25, 3], [0, -3.2, -9], [20, 1, 0], [0, 32, 3]])
    dice = np.array(
        [
            [1 - 1e-12, 0.5, 0.5],
            [1e-12, math.exp(-1), 0.5],
            [0.5, 0.5, 1 - 1e-11],
            [1 - 1e-12, 1e-3, 0.5],
        ]
    )
    return [
        Case("forty draws from six positions", _dice(50)),
        Case("equal scores", (np.zeros((30, 4)), uniforms)),
        Case("scores far apart", _dice(52, S=5, scale=4.0)),
        Case("scores of thousands", _dice(53, B=12, S=5, scale=3000.0)),
        Case("all scores 1000 higher", (_dice(54)[0] + 1000.0, _dice(54)[1])),
        Case("all scores 2000 lower", (_dice(57)[0] - 2000.0, _dice(57)[1])),
        Case("rare dice", (lucky, dice)),
        Case("two positions", _dice(55, B=50, S=2)),
        Case("five thousand draws", _dice(58, B=5000, S=7)),
        Case("one position", _dice(56, B=3, S=1)),
    ]


@function_exercise(
    title="Draw with given dice",
    difficulty="medium",
    minutes=10,
    cases=_gumbel_cases,
    hints=[
        "The noise is −ln(−ln u), a number for each score.",
        "It is added to the scores. Then the largest one in each row wins.",
        "argmax(axis=1) gives the positions. No softmax is needed.",
    ],
)
def gumbel_max(scores, uniforms):
    """Return the position that each row draws with the Gumbel trick, (B,).

    The positions are integers as argmax gives them. scores and uniforms are (B, S); the uniform
    numbers lie strictly between 0 and 1. The probability of position j must be softmax(scores)_j,
    for scores of any size that their dtype can hold.
    """
    noise = -np.log(-np.log(uniforms))
    return (scores + noise).argmax(axis=1)


gumbel_max.mistake(
    "one logarithm is missing",
    "−ln u is exponentially distributed. The Gumbel noise is −ln(−ln u).",
    {"-np.log(-np.log(uniforms))": "-np.log(uniforms)"},
)
gumbel_max.mistake(
    "the noise has the wrong sign",
    "It is −ln(−ln u), with a minus in front of each logarithm, and it is added.",
    {"scores + noise": "scores - noise"},
)
gumbel_max.mistake(
    "the noise was added to the weights",
    "The trick needs scores, or logarithms of the weights, which differ from them by a constant.",
    {"scores + noise": "softmax(scores) + noise"},
)
gumbel_max.mistake(
    "the scores are multiplied by the noise",
    "Scores and noise are added.",
    {"scores + noise": "scores * noise"},
)
gumbel_max.mistake(
    "nothing is drawn: the noise was left out",
    "That always takes the largest score.",
    {" + noise": ""},
)
gumbel_max.mistake(
    "the uniform numbers were added as they are",
    "With u itself as noise the probabilities are not those of the softmax.",
    {"+ noise": "+ uniforms"},
)
gumbel_max.mistake(
    "the smallest wins",
    "argmax, not argmin.",
    {"argmax": "argmin"},
)
gumbel_max.mistake(
    "the draw runs over the batch",
    "Each row draws one of its positions: axis=1.",
    {"axis=1": "axis=0"},
)
gumbel_max.mistake(
    "the exponentials of the scores underflow or overflow",
    "Weights can be 0 in the computer where scores are not. Stay with the scores.",
    {"(scores + noise)": "(np.exp(scores) / -np.log(uniforms))"},
)
gumbel_max.mistake(
    "another way to draw: a running sum of the weights",
    "It is a right way to sample, with one uniform number a row. Asked for is the Gumbel trick, "
    "with one for each score.",
    lambda scores, u: (softmax(scores).cumsum(axis=1)[:, :-1] < u[:, :1]).sum(axis=1),
)
gumbel_max.mistake(
    "these are one-hot rows",
    "Asked for are the positions, one integer for each row.",
    lambda scores, uniforms: np.eye(scores.shape[1])[gumbel_max.solve(scores, uniforms)],
)


# 8 ---------------------------------------------------------------------------------------------


def _draws(seed, S=5, N=7, scale=1.0, shift=0.0, reward=-1.0, baseline=-0.7):
    rng = np.random.default_rng(seed)
    scores = scale * rng.standard_normal(S) + shift
    return scores, rng.integers(S, size=N), reward + rng.standard_normal(N), baseline


def _reinforce_cases():
    scores, chosen, reward, _ = _draws(60)
    return [
        Case("seven draws from five positions", (scores, chosen, reward, -0.7)),
        Case("other rewards", _draws(61, reward=4.0, baseline=2.5)),
        Case("no baseline", (scores, chosen, reward, 0.0)),
        Case("more draws than positions", _draws(62, S=3, N=20)),
        Case("a single draw", _draws(63, S=4, N=1)),
        Case(
            "one position is never drawn", (scores, np.array([0, 1, 1, 3, 4, 0]), reward[:6], 0.4)
        ),
        Case("scores of thousands", _draws(64, scale=2000.0), atol=1e-12),
        Case("scores that are all low", _draws(65, shift=-1500.0)),
        Case("as many draws as positions", _draws(66, S=6, N=6)),
        Case("whole numbers as rewards", (scores, chosen, np.array([0, 1, 1, 0, 0, 1, 0]), 0.25)),
        Case("one position", _draws(67, S=1, N=4), rtol=1e-9),
    ]


@function_exercise(
    title="The gradient from draws",
    difficulty="hard",
    minutes=25,
    cases=_reinforce_cases,
    hints=[
        "One draw gives (R − b) times the gradient of ln α_chosen. What is ln α_i, written with "
        "the scores?",
        "∂ ln α_i / ∂ s_j is 1 where j is the drawn position, minus α_j everywhere.",
        "Average over the draws: the sum of N vectors, divided by N.",
    ],
)
def reinforce_gradient(scores, chosen, reward, baseline):
    """Estimate from N draws how the expected reward changes with the scores.

    scores is (S,); chosen (N,) holds the positions that were drawn with probabilities
    softmax(scores), reward (N,) what each of them earned, baseline is a number. Return the
    score-function estimate, (S,), averaged over the draws. It points uphill. Scores of any size
    that their dtype can hold must be handled.
    """
    exponentials = np.exp(scores - scores.max())
    weights = exponentials / exponentials.sum()
    one_hot = np.eye(len(scores))[chosen]
    return ((reward - baseline)[:, None] * (one_hot - weights)).mean(axis=0)


reinforce_gradient.mistake(
    "the sign is turned",
    "A position that earned more than the baseline must gain: one-hot minus weights. A loss would "
    "have a minus, the gradient of the reward has none.",
    {"one_hot - weights": "weights - one_hot"},
)
reinforce_gradient.mistake(
    "no baseline was subtracted",
    "Right on average, and it scatters more.",
    {"(reward - baseline)": "reward"},
)
reinforce_gradient.mistake(
    "the baseline was added",
    "Reward minus baseline.",
    {"reward - baseline": "reward + baseline"},
)
reinforce_gradient.mistake(
    "the baseline is subtracted from the estimate",
    "It belongs to the reward, before the product: (R − b) times the gradient of ln α.",
    {"(reward - baseline)": "reward", "mean(axis=0)": "mean(axis=0) - baseline"},
)
reinforce_gradient.mistake(
    "a baseline of its own was taken",
    "The mean of these rewards contains the reward of each draw, and a baseline must not depend on "
    "the draw. Take the one that is given.",
    {"reward - baseline": "reward - reward.mean()"},
)
reinforce_gradient.mistake(
    "the largest score was taken for the drawn position",
    "The log-probability is that of the position that was drawn, not of the likeliest.",
    {"[chosen]": "[0 * chosen + scores.argmax()]"},
)
reinforce_gradient.mistake(
    "the softmax is missing",
    "Only the chosen score is raised here. A probability also falls when another score rises: "
    "subtract the weights.",
    {"one_hot - weights": "one_hot"},
)
reinforce_gradient.mistake(
    "the scores were subtracted instead of the weights",
    "∂ ln α_i / ∂ s_j is one-hot minus softmax.",
    {"one_hot - weights": "one_hot - scores"},
)
reinforce_gradient.mistake(
    "the gradient of the probability, not of its logarithm",
    "The draw has already multiplied by α: (R − b) goes with the derivative of ln α.",
    {"(reward - baseline)": "((reward - baseline) * weights[chosen])"},
)
reinforce_gradient.mistake(
    "the estimates were added up, not averaged",
    "Divide by the number of draws.",
    {"mean(axis=0)": "sum(axis=0)"},
)
reinforce_gradient.mistake(
    "the estimates of all draws were returned",
    "Average over the draws: one vector, (S,).",
    {".mean(axis=0)": ""},
)
reinforce_gradient.mistake(
    *faults.no_shift(
        {" - scores.max()": ""}, hint="Subtract the largest score before the exponential."
    ),
)
reinforce_gradient.mistake(
    *faults.epsilon("exponentials.sum()"),
)
