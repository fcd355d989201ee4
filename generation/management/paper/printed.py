"""The figures that the paper prints (tables I to IV and VI), as they stand there."""

WINDOWS = (100, 200, 300, 400, 500)
UNIQUE = (35, 43, 27, 26, 32)
"""Table I: different notes and chords, on average, by sequence length."""

EXECUTION_SECONDS = (37.65, 66.49, 93.32, 121.14, 160.5)
"""Table II: seconds to compose, by sequence length."""

ELEMENTS = (100, 200, 300, 400, 500)
ELEMENTS_SECONDS = (26, 51, 76, 101, 126)
"""Table III: how long a piece lasts, by its elements."""

OFFSETS = (0.5, 0.6, 0.7, 0.8, 0.9)
OFFSET_SECONDS = (51, 61, 71, 81, 91)
"""Table IV: how long a piece of 200 elements lasts, by the offset of each (in quarters)."""

EPOCHS = (2, 10, 50, 100, 180)
EPOCHS_MILLISECONDS = (235, 1175, 5875, 11750, 21150)
"""Table VI: milliseconds of training, by epochs."""
