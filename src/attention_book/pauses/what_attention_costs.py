"""Short questions on what attention costs, in the order of the chapter."""

from attention_book.checking import pause


@pause(
    why="At n = 2 d the two are equal: 8 n d² = 4 n² d. The projections grow with n, scores and "
    "averages with n²: at four times that length there is four times as much of them.",
)
def core_to_projections():
    """A layer of width d reads 8 d tokens without a mask. How many times as many operations do
    scores and averages take as the four projections?
    """
    return 4


core_to_projections.mistake(
    "the square is taken twice",
    "The projections grow, too: with n. Only the ratio is asked.",
    16,
)
core_to_projections.mistake(
    "the two are thought to be equal at n = d",
    "Projections: four products of 2 n d². Scores and averages: two of 2 n² d.",
    8,
)
core_to_projections.mistake(
    "the scores alone are counted",
    "The averages of the values take as many operations.",
    2,
)


@pause(
    choices={
        "a": "reading the weights",
        "b": "reading the cache",
        "c": "the operations with the weights",
        "d": "the operations of attention",
    },
    why="All texts of a batch are multiplied with the same weights, which are read once. Each text "
    "brings a token to be multiplied, and a cache of its own.",
)
def same_for_every_batch():
    """A step writes one token to each of 32 texts instead of one. Which part of it stays as it
    was?
    """
    return "a"


same_for_every_batch.mistake(
    "the cache is thought to be shared",
    "Each text has keys and values of its own.",
    "b",
)
same_for_every_batch.mistake(
    "reading once is taken for computing once",
    "Each of the 32 tokens is multiplied with all weights.",
    "c",
)
same_for_every_batch.mistake(
    "attention is thought to be done once",
    "Each token is compared with its own text.",
    "d",
)


@pause(
    why="A weight of one byte takes a product and an addition for each text: 2 B operations for a "
    "byte. 2 B = 300.",
)
def texts_to_the_ridge():
    """The weights of a model have one byte each, and a machine computes 300 operations in the time
    of moving one byte. From how many texts in a batch are operations the limit, if the cache may
    be neglected?
    """
    return 150


texts_to_the_ridge.mistake(
    "a product and an addition count as one, or a weight has two bytes",
    "Two operations for each weight and text, and one byte: 2 B for a byte.",
    300,
)
texts_to_the_ridge.mistake(
    "the two operations are divided out instead of counted",
    "Each byte is read for 2 B operations, not for B / 2.",
    600,
)
texts_to_the_ridge.mistake(
    "the bytes of a weight are divided out twice",
    "2 B operations for one byte.",
    75,
)


@pause(
    why="At 1000 tokens each of the 30 layers keeps 1000. At 9000 the 24 with a window still do, "
    "and the other 6 keep 9000: 78 000 instead of 30 000.",
)
def growth_with_windows():
    """A model has 30 layers, and 24 of them see a window of 1000 tokens. A text grows from 1000 to
    9000 tokens. How many times as large does its cache become?
    """
    return 78 / 30


growth_with_windows.mistake(
    "no layer is thought to have a window",
    "24 of the 30 keep 1000 tokens, whatever comes.",
    9,
)
growth_with_windows.mistake(
    "all layers are thought to have one",
    "Six see everything, and keep it.",
    1,
)
growth_with_windows.mistake(
    "the layers that see everything are compared alone",
    "They are six of thirty: 24 000 numbers stay beside their 54 000.",
    1.8,
)


@pause(
    choices={
        "a": "the operations",
        "b": "the bytes that are moved",
        "c": "the power of n with which time grows",
        "d": "the numbers in the output",
    },
    why="The kernel computes the same, in the same order of n². It does not write the scores and "
    "read them again.",
)
def what_a_kernel_saves():
    """A fused kernel takes half of the time of the four steps that it replaces. What is there less
    of?
    """
    return "b"


what_a_kernel_saves.mistake(
    "less time is taken for fewer operations",
    "Counted, they are the same but for the division.",
    "a",
)
what_a_kernel_saves.mistake(
    "less time is taken for a lower power",
    "Both grow with n²: the ratio stays about the same.",
    "c",
)
what_a_kernel_saves.mistake(
    "the kernel is thought to leave something out",
    "The output is the same, up to rounding.",
    "d",
)


@pause(
    choices={
        "a": "a prompt of 4096 tokens times a matrix of 4096 × 4096",
        "b": "a step over the cache of multi-head attention",
        "c": "an absorbed step: 128 heads, a latent of 512 and a turned key of 64",
        "d": "a step over a cache of which 8 query heads share each key head",
    },
    why="A kept number serves one head, eight heads, or all 128, twice in the part that is key and "
    "value at once; and an entry of the matrix serves 4096 tokens.",
)
def by_intensity():
    """Put these in order, the fewest operations for each byte first. All numbers have two bytes."""
    return "bdca"


by_intensity.mistake(
    "more heads are taken for more bytes",
    "The absorbed heads read one latent for all of them: many operations for each byte.",
    "bcda",
)
by_intensity.mistake(
    "the latent is thought to save operations",
    "It saves bytes, and takes more operations: that is what raises the ratio.",
    "cbda",
)
by_intensity.mistake(
    "the order is turned round",
    "Asked is the fewest first.",
    "acdb",
)


@pause(
    why="The weights that are kept for the way back have n² numbers in each head: three times the "
    "length, nine times the memory.",
)
def weights_for_the_way_back():
    """A layer is trained with attention in four steps, and what it keeps for the way back is mostly
    the matrix of weights. Texts become three times as long. How many times as much is kept?
    """
    return 9


weights_for_the_way_back.mistake(
    "what a fused kernel keeps is counted",
    "It keeps inputs, output and a number for each row. Four steps keep the weights.",
    3,
)
weights_for_the_way_back.mistake(
    "the power of the operations with a cube is taken",
    "A matrix of n × n has n² numbers.",
    27,
)
weights_for_the_way_back.mistake(
    "the square is taken for a doubling",
    "Three times as many rows, each three times as long.",
    6,
)


@pause(
    program="""times = [seconds(make(n)) for n in sizes]
x = np.log(sizes)
y = np.log(times)
x = x - x.mean()
y = y - y.mean()
power = x @ x / (x @ y)
print(f"time grows with n to the {power:.1f}")""",
    why="The slope is the product of both divided by the square of x. Upside down, a square root "
    "of n is called a square.",
)
def line_of_the_fit():
    """This program is to print the power of n with which a time grows. Which line is at fault?"""
    return 6


line_of_the_fit.mistake(
    "the mean of the sizes is suspected",
    "Without it the line would have to go through the origin.",
    4,
)
line_of_the_fit.mistake(
    "the mean of the times is suspected",
    "It is not needed, and does no harm: x has the mean 0.",
    5,
)
line_of_the_fit.mistake(
    "a logarithm is thought to be too much",
    "A power becomes a line when both have one.",
    3,
)
