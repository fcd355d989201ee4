"""The network, in Keras: summed embeddings, two LSTM layers with a residual sum, four heads.

The heads factor the probability of an event: advance, then part, pitch and duration, each given those before
it. Only training imports this module; composing runs the exported weights (:mod:`.runtime`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from generation.composer.context import FIELDS, INPUT_FIELDS
from generation.composer.events import DURATIONS, END, PARTS, PITCHES

Fields = Sequence[tuple[str, int]]

HEADS = {"advance": END + 1, "part": PARTS, "pitch": PITCHES, "duration": len(DURATIONS)}
"""The fields of an event in the order they are drawn, with their numbers of classes."""


@dataclass(frozen=True, slots=True)
class Hyper:
    """Every number that shapes the network and its training."""

    embedding: int = 256
    units: int = 320
    hidden: int = 256
    input_dropout: float = 0.1
    layer_dropout: float = 0.25
    wish_dropout: float = 0.2
    batch: int = 64
    chunk: int = 64
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

    Inputs: the tables of ``FIELDS`` (batch, time, fields) as int32, and four states (batch, units): h and c of the
    first layer, h and c of the second. Outputs: logits (batch, time, classes) of each head of ``HEADS``, then the
    four states after the chunk.
    """
    tables = {
        name: keras.Input((None, len(fields)), dtype="int32", name=name) for name, fields in FIELDS.items()
    }
    inputs = tables["inputs"]
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

    def head(name: str, *, classes: int) -> Any:
        hidden = keras.layers.Dense(hyper.hidden, name=f"{name}_hidden")(summed)
        if name in tables:
            hidden += _embed(tables[name], fields=FIELDS[name], width=hyper.hidden, name=f"{name}_given")
        return keras.layers.Dense(classes, name=f"{name}_logits")(keras.ops.tanh(hidden))

    logits = [head(name, classes=classes) for name, classes in HEADS.items()]
    return keras.Model([*tables.values(), *states], [*logits, h1, c1, h2, c2])


def named_weights(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Weights by name, as :mod:`.runtime` expects them: ``lstm1/kernel``, and so on."""
    weights = {}
    for layer in model.layers:
        for variable in layer.weights:
            weights[f"{layer.name}/{variable.name}"] = np.asarray(variable.numpy(), np.float32)
    return weights
