"""A network that needs no Keras: it expects the element after the last one, and learns nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FakeNetwork:
    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.asked: list[tuple[int, ...]] = []
        self.layers = [SimpleNamespace(output=SimpleNamespace(shape=(None, None, 4)), count_params=lambda: 7)]

    def predict(self, inputs: NDArray[Any], **_: Any) -> NDArray[Any]:
        self.asked.append(inputs.shape)
        following = (np.rint(inputs[:, -1, 0] * self.vocabulary).astype(int) + 1) % self.vocabulary
        found = np.full((len(inputs), self.vocabulary), 0.5 / self.vocabulary)
        found[np.arange(len(inputs)), following] += 0.5
        return found

    def train_on_batch(self, inputs: NDArray[Any], targets: NDArray[Any]) -> float:
        assert len(inputs) == len(targets)
        return 2.0

    def reset_metrics(self) -> None:
        """Nothing is counted."""

    def save(self, path: Path) -> None:
        path.write_text(str(self.vocabulary))
