"""The recipe of the paper this product began with, as it is printed: the baseline of our tables and benchmark.

Source: "AI music generator", International Research Journal of Engineering and Technology 9(8), 2022, 536–547. A
piece is a line of elements: a note by its name, a chord by its normal order. Windows of 100 elements, each element
one real number (index / size of the vocabulary), go through three LSTM layers of 512 to a softmax over every element
ever seen. A piece is 200 times the arg-max, begun from a random window of the training data; every element follows
the last by half a quarter note. Notes that begin together are one element here, whichever hand plays them.

Only training and reports import this module: it loads TensorFlow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from generation.composer.score import STEPS_PER_QUARTER, TONICS, Mode, Note, Score

Indices = NDArray[np.intp]

ELEMENTS = 200
OFFSET = 0.5
BPM = 120.0
VOCABULARY = 350
"""Size of the vocabulary where no data is at hand: speed does not depend on what the weights are."""

_SAVE_EVERY = 60.0
_NETWORK, _HISTORY = "network.keras", "history.json"
_MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.6, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The paper's numbers. It does not print its batch size: 64 is that of the code it follows."""

    cell: Literal["LSTM", "GRU"] = "LSTM"
    units: int = 512
    hidden: int = 256
    dropout: float = 0.3
    window: int = 100
    batch: int = 64
    seed: int = 1


@dataclass(slots=True)
class History:
    """What training went through: ``losses`` (seconds spent, nats an element) by update, ``looks`` (update,
    seconds, explained variance on held-out windows), ``windows`` in the training data."""

    windows: int
    losses: list[tuple[float, float]] = field(default_factory=list)
    looks: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds trained."""
        return self.losses[-1][0] if self.losses else 0.0

    def seconds_per_update(self) -> float:
        """Median over the updates, so that compiling the first one does not count."""
        return float(np.median(np.diff([0.0, *(seconds for seconds, _ in self.losses)])))


@dataclass(frozen=True, slots=True)
class PaperModel:
    """A trained network with its vocabulary, sorted; ``line`` is its training data as indices."""

    recipe: Recipe
    vocabulary: tuple[str, ...]
    network: Any
    line: Indices
    history: History


def chords_of(score: Score) -> list[tuple[int, tuple[int, ...]]]:
    """Onsets with the pitches that begin there, in order."""
    return [
        (onset, tuple(sorted({note.pitch for note in notes})))
        for onset, notes in groupby(score.notes, key=lambda note: note.onset)
    ]


def elements_of(score: Score) -> list[str]:
    """A score in the paper's words."""
    return [element_of(pitches) for _, pitches in chords_of(score)]


@lru_cache(maxsize=65536)
def element_of(pitches: tuple[int, ...]) -> str:
    """One pitch by its name (``E-4``), more by the normal order of their classes (``4+7+0``)."""
    from music21 import chord, pitch

    if len(pitches) == 1:
        return str(pitch.Pitch(midi=pitches[0]).nameWithOctave)
    classes = sorted({number % 12 for number in pitches})
    return "+".join(str(number) for number in chord.Chord(classes).normalOrder)


@lru_cache(maxsize=65536)
def pitches_of(element: str) -> tuple[int, ...]:
    """What the paper plays for an element: a chord's classes lie in the octave from middle C."""
    from music21 import pitch

    if element[0].isdigit():
        return tuple(sorted(60 + int(number) for number in element.split("+")))
    return (int(pitch.Pitch(element).midi),)


def network_of(recipe: Recipe, *, vocabulary: int) -> Any:
    """The compiled Keras network: (batch, window, 1) → probabilities (batch, vocabulary).

    The length of a window is left open, so that one network can be asked with windows of any length. Targets are
    indices; the loss is the same as the paper's on one-hot vectors.
    """
    cell = {"LSTM": keras.layers.LSTM, "GRU": keras.layers.GRU}[recipe.cell]
    network = keras.Sequential([
        keras.Input((None, 1)),
        cell(recipe.units, return_sequences=True),
        keras.layers.Dropout(recipe.dropout),
        cell(recipe.units, return_sequences=True),
        keras.layers.Dropout(recipe.dropout),
        cell(recipe.units),
        keras.layers.Dense(recipe.hidden),
        keras.layers.Dropout(recipe.dropout),
        keras.layers.Dense(vocabulary, activation="softmax"),
    ])  # fmt: skip
    network.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return network


def train(
    scores: Sequence[Score], *, minutes: float, recipe: Recipe | None = None, watch: Sequence[Score] = (),
    looks: int = 20, output: Path | None = None, progress: Callable[[History], None] | None = None,
) -> PaperModel:  # fmt: skip
    """Train for ``minutes`` of wall time; what ``output`` holds of an earlier run counts, and the run goes on from it.

    The network is looked at ``looks`` times on windows of the ``watch`` scores, which does not count as training
    time. The last weights stay: the paper's checkpoint of the lowest training loss while that loss still falls.
    Raises ``ValueError`` if the scores have no whole window.
    """
    recipe = recipe or Recipe()
    words = [element for score in scores for element in elements_of(score)]
    vocabulary = tuple(sorted(set(words)))
    line = _indices(words, vocabulary=vocabulary)
    windows = len(line) - recipe.window
    if windows < 1:
        raise ValueError(
            f"The training scores have {len(line)} elements, a window needs {recipe.window + 1}."
        )
    keras.utils.set_random_seed(recipe.seed)
    network, history = _begun(output) or (
        network_of(recipe, vocabulary=len(vocabulary)),
        History(windows=windows),
    )
    watched = _watched(watch, vocabulary=vocabulary, window=recipe.window)
    model = PaperModel(recipe, vocabulary, network, line, history)
    limit = minutes * 60
    saved = history.spent
    order, epoch = np.empty(0, np.intp), -1
    per_epoch = -(-windows // recipe.batch)
    while history.spent < limit:
        began = time.monotonic()
        now, place = divmod(len(history.losses), per_epoch)
        if now != epoch:
            order, epoch = np.random.default_rng([recipe.seed, now]).permutation(windows), now
        starts = order[place * recipe.batch : (place + 1) * recipe.batch]
        inputs = _inputs(line, starts=starts, window=recipe.window, vocabulary=len(vocabulary))
        network.reset_metrics()
        loss = float(network.train_on_batch(inputs, line[starts + recipe.window]))
        history.losses.append((history.spent + time.monotonic() - began, loss))
        if watched and history.spent >= limit * len(history.looks) / looks:
            seen = explained_variance(network.predict(watched[0], verbose=0), targets=watched[1])
            history.looks.append((len(history.losses), history.spent, seen))
        if progress:
            progress(history)
        if output and (history.spent - saved > _SAVE_EVERY or history.spent >= limit):
            saved = history.spent
            _save(output, network=network, history=history)
    return model


def explained_variance(probabilities: NDArray[np.floating[Any]], *, targets: Indices) -> float:
    """Share of the variance of one-hot targets that the predictions explain: 0 for constant ones, 1 for the truth.

    Over all classes, each weighted by its variance (``explained_variance_score`` of scikit-learn).
    """
    truth = np.eye(probabilities.shape[1])[targets]
    return float(1.0 - (truth - probabilities).var(axis=0).sum() / max(truth.var(axis=0).sum(), 1e-12))


def generate(network: Any, *, prompts: Indices, vocabulary: int, elements: int = ELEMENTS) -> Indices:
    """The paper's loop, for prompts (pieces, window) side by side: arg-max, window moved on by one, predict again."""
    window = prompts.shape[1]
    line = prompts
    for _ in range(elements):
        inputs = line[:, -window:, None].astype(np.float32) / vocabulary
        chosen = network.predict(inputs, verbose=0).argmax(axis=1)
        line = np.concatenate([line, chosen[:, None]], axis=1)
    return line[:, window:]


def compose(
    model: PaperModel, *, pieces: int, seed: int = 0, window: int | None = None, elements: int = ELEMENTS
) -> list[list[str]]:
    """Pieces from random windows of the training data. Raises ``ValueError`` if ``window`` is longer than that."""
    window = window or model.recipe.window
    if len(model.line) <= window:
        raise ValueError(
            f"The training data has {len(model.line)} elements: too few for a window of {window}."
        )
    starts = np.random.default_rng(seed).integers(len(model.line) - window, size=pieces)
    prompts = np.stack([model.line[start : start + window] for start in starts])
    made = generate(model.network, prompts=prompts, vocabulary=len(model.vocabulary), elements=elements)
    return [[model.vocabulary[index] for index in row] for row in made]


def score_of(elements: Sequence[str], *, instrument: str) -> Score:
    """Elements as the paper plays them: one each half quarter, each a quarter long, at 120 a minute.

    Its key is the one that fits best (Krumhansl and Schmuckler), so that measures that need one can be taken.
    """
    step = round(OFFSET * STEPS_PER_QUARTER)
    notes = tuple(
        Note(index * step, pitch, STEPS_PER_QUARTER)
        for index, element in enumerate(elements)
        for pitch in pitches_of(element)
    )
    bars = -(-((len(elements) - 1) * step + STEPS_PER_QUARTER) // (4 * STEPS_PER_QUARTER))
    tonic, mode = _key(notes)
    return Score(instrument, notes, (4, 4), bars, BPM, tonic, mode)


def write_paper_midi(elements: Sequence[str], path: Path, *, offset: float = OFFSET) -> None:
    """Write the file that the paper would write: music21's default lengths at a constant offset (in quarters)."""
    from music21 import chord, note, stream

    part = stream.Stream()
    for index, element in enumerate(elements):
        pitches = pitches_of(element)
        part.insert(index * offset, note.Note(pitches[0]) if len(pitches) == 1 else chord.Chord(pitches))
    part.write("midi", fp=path)


def time_paper_loop(*, window: int, elements: int, timed: int | None = None) -> float:
    """Seconds in which the paper's loop makes ``elements`` elements here: 3 × 512, one ``predict`` an element.

    The weights are untrained and the vocabulary is 350. ``timed`` elements are run (all, if None) and the time is
    scaled; building the network and compiling its first prediction do not count.
    """
    network = network_of(Recipe(), vocabulary=VOCABULARY)
    prompts = np.random.default_rng(0).integers(VOCABULARY, size=(1, window))
    generate(network, prompts=prompts, vocabulary=VOCABULARY, elements=1)
    count = timed or elements
    began = time.perf_counter()
    generate(network, prompts=prompts, vocabulary=VOCABULARY, elements=count)
    return (time.perf_counter() - began) * elements / count


def known_indices(words: Iterable[str], *, vocabulary: Sequence[str], first: int = 0) -> Indices:
    """Indices of elements; one that is not in the vocabulary is read as the last known one before it."""
    places = {element: index for index, element in enumerate(vocabulary)}
    found = []
    for word in words:
        first = places.get(word, first)
        found.append(first)
    return np.array(found, np.intp)


def probabilities(model: PaperModel, *, line: Indices, starts: Indices) -> NDArray[np.float32]:
    """What the network expects after the windows of a line that begin at ``starts``: (windows, vocabulary)."""
    size = len(model.vocabulary)
    inputs = _inputs(line, starts=starts, window=model.recipe.window, vocabulary=size)
    found: NDArray[np.float32] = model.network.predict(inputs, batch_size=model.recipe.batch, verbose=0)
    return found


def _indices(words: Sequence[str], *, vocabulary: Sequence[str]) -> Indices:
    places = {element: index for index, element in enumerate(vocabulary)}
    return np.array([places[word] for word in words], np.intp)


def _inputs(line: Indices, *, starts: Indices, window: int, vocabulary: int) -> NDArray[np.float32]:
    windows = np.lib.stride_tricks.sliding_window_view(line, window)[starts]
    return windows[:, :, None].astype(np.float32) / np.float32(vocabulary)


def _watched(
    scores: Sequence[Score], *, vocabulary: Sequence[str], window: int, at_most: int = 256
) -> tuple[NDArray[np.float32], Indices] | None:
    """Inputs and targets of windows spread evenly over the scores, whose targets the vocabulary holds."""
    words = [element for score in scores for element in elements_of(score)]
    known = set(vocabulary)
    ends = [index for index in range(window, len(words)) if words[index] in known]
    if not ends:
        return None
    starts = (
        np.array(ends, np.intp)[np.linspace(0, len(ends) - 1, min(at_most, len(ends))).astype(np.intp)]
        - window
    )
    line = known_indices(words, vocabulary=vocabulary)
    return _inputs(line, starts=starts, window=window, vocabulary=len(vocabulary)), line[starts + window]


def _key(notes: Sequence[Note]) -> tuple[str, Mode]:
    counts = np.bincount([note.pitch % 12 for note in notes], minlength=12)
    best: tuple[float, int, Mode] = (-2.0, 0, "major")
    profiles: tuple[tuple[Mode, tuple[float, ...]], ...] = (
        ("major", _MAJOR_PROFILE),
        ("minor", _MINOR_PROFILE),
    )
    for mode, profile in profiles:
        for tonic in range(12):
            fit = float(np.cov(counts, np.roll(profile, tonic))[0, 1] / np.std(profile))
            best = max(best, (fit, tonic, mode))
    return TONICS[best[1]], best[2]


def _begun(folder: Path | None) -> tuple[Any, History] | None:
    if folder is None or not (folder / _HISTORY).is_file():
        return None
    stored = json.loads((folder / _HISTORY).read_text())
    network = keras.models.load_model(folder / stored.pop("network"))
    losses = [(seconds, loss) for seconds, loss in stored["losses"]]
    looks = [(update, seconds, seen) for update, seconds, seen in stored["looks"]]
    return network, History(windows=stored["windows"], losses=losses, looks=looks)


def _save(folder: Path, *, network: Any, history: History) -> None:
    """Weights under a name of their own first, then the history that names them, then the old weights go."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{len(history.losses):08}-{_NETWORK}"
    network.save(folder / name)
    partial = folder / f"{_HISTORY}.part"
    partial.write_text(json.dumps({"network": name, **asdict(history)}))
    partial.replace(folder / _HISTORY)
    for old in folder.glob(f"*-{_NETWORK}"):
        if old.name != name:
            old.unlink()
