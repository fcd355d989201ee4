"""The network, in Keras: summed embeddings, two LSTM layers with a residual sum, three heads.

The heads factor the probability of an event: advance, then pitch given the advance, then duration given
both. Only training imports this module; composing runs the exported weights (:mod:`.runtime`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from generation.composer.context import DURATION_FIELDS, INPUT_FIELDS, PITCH_FIELDS
from generation.composer.events import DURATIONS, END, PITCHES

Fields = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Hyper:
    """Every number that shapes the network and its training."""

    embedding: int = 256
    units: int = 384
    hidden: int = 256
    input_dropout: float = 0.1
    layer_dropout: float = 0.25
    wish_dropout: float = 0.15
    batch: int = 32
    chunk: int = 96
    peak_rate: float = 3e-3
    last_rate: float = 3e-5
    warm_up: float = 0.04
    clip_norm: float = 1.0
    averaging: float = 0.99


def _embed(values: Any, *, fields: Fields, width: int, name: str) -> Any:
    """Sum of the fields' embeddings: (batch, time, fields) → (batch, time, width).

    One product with a many-hot vector: half the time of gathering the rows and scattering their gradients.
    """
    hot = [keras.ops.one_hot(values[:, :, index], size) for index, (_, size) in enumerate(fields)]
    initializer = keras.initializers.RandomNormal(stddev=0.1)
    table = keras.layers.Dense(width, use_bias=False, kernel_initializer=initializer, name=name)
    return table(keras.ops.concatenate(hot, axis=-1))


def build(hyper: Hyper) -> keras.Model:
    """The trainable network over chunks.

    Inputs: ``inputs`` (batch, time, len(INPUT_FIELDS)), ``pitch_inputs`` (batch, time, len(PITCH_FIELDS)),
    ``duration_inputs`` (batch, time, len(DURATION_FIELDS)), all int32, and four states (batch, units):
    h and c of the first layer, h and c of the second. Outputs: logits of advance, pitch and duration
    (batch, time, classes), then the four states after the chunk.
    """
    inputs = keras.Input((None, len(INPUT_FIELDS)), dtype="int32", name="inputs")
    pitch_inputs = keras.Input((None, len(PITCH_FIELDS)), dtype="int32", name="pitch_inputs")
    duration_inputs = keras.Input((None, len(DURATION_FIELDS)), dtype="int32", name="duration_inputs")
    states = [keras.Input((hyper.units,), name=name) for name in ("h1", "c1", "h2", "c2")]

    embedded = _embed(inputs, fields=INPUT_FIELDS, width=hyper.embedding, name="embedding")
    embedded = keras.layers.Dropout(hyper.input_dropout, noise_shape=(None, 1, hyper.embedding))(embedded)
    first, h1, c1 = keras.layers.LSTM(hyper.units, return_sequences=True, return_state=True, name="lstm1")(
        embedded, initial_state=states[:2]
    )
    first = keras.layers.Dropout(hyper.layer_dropout, noise_shape=(None, 1, hyper.units))(first)
    second, h2, c2 = keras.layers.LSTM(hyper.units, return_sequences=True, return_state=True, name="lstm2")(
        first, initial_state=states[2:]
    )
    summed = first + keras.layers.Dropout(hyper.layer_dropout, noise_shape=(None, 1, hyper.units))(second)

    def head(name: str, *, classes: int, given: Any = None) -> Any:
        hidden = keras.layers.Dense(hyper.hidden, name=f"{name}_hidden")(summed)
        if given is not None:
            hidden = hidden + given
        return keras.layers.Dense(classes, name=f"{name}_logits")(keras.ops.tanh(hidden))

    pitch_given = _embed(pitch_inputs, fields=PITCH_FIELDS, width=hyper.hidden, name="pitch_given")
    duration_given = _embed(
        duration_inputs, fields=DURATION_FIELDS, width=hyper.hidden, name="duration_given"
    )
    outputs = [
        head("advance", classes=END + 1),
        head("pitch", classes=PITCHES, given=pitch_given),
        head("duration", classes=len(DURATIONS), given=duration_given),
        h1, c1, h2, c2,
    ]  # fmt: skip
    return keras.Model([inputs, pitch_inputs, duration_inputs, *states], outputs)


def named_weights(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Weights by name, as :mod:`.runtime` expects them: ``lstm1/kernel``, and so on."""
    weights = {}
    for layer in model.layers:
        for variable in layer.weights:
            weights[f"{layer.name}/{variable.name}"] = np.asarray(variable.numpy(), np.float32)
    return weights
