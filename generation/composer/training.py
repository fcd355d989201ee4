"""Training the base or one instrument's model: corpus in, weights with their card and ledger out.

The loop reads top to bottom in :func:`train`. A run is bounded by wall time or by epochs; the learning rate
follows the share of that bound already spent (warm-up, then a cosine), so a resumed run goes on where it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generation.composer import checkpoint
from generation.composer.batches import TABLES, Batch, Lanes, Track, endless
from generation.composer.checkpoint import Progress
from generation.composer.dataset import Dataset, load_dataset
from generation.composer.export import Trained, write_model
from generation.composer.network import HEADS, Hyper, build, named_weights
from generation.composer.players import PLAYERS
from generation.composer.recipes import BASE
from generation.composer.recital import Recital
from generation.composer.styles import styles_of


@dataclass(frozen=True, slots=True)
class Report:
    """What the progress callback is told. Losses are bits a note; times are seconds."""

    epoch: float
    loss: float
    held_out: float
    notes_per_second: float
    seconds_left: float
    updates: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on and for how long: ``minutes`` of wall time or ``epochs``, whichever ends first.

    ``shares`` are the shares of the notes by folder of the corpus; an epoch is one round of the instrument's own
    folder (of all folders for the base). ``start_from`` is the output folder of another run. ``patience`` counts
    evaluations, ``evaluate_every`` seconds apart, without a better held-out loss.
    """

    instrument: str
    shares: Mapping[str, float]
    minutes: float | None = None
    epochs: float | None = None
    start_from: Path | None = None
    patience: int = 4
    evaluate_every: float = 60.0
    seed: int = 1


class _Trainer:
    """Network, optimiser and running average, with the compiled steps over one batch."""

    def __init__(self, hyper: Hyper) -> None:
        self.hyper = hyper
        self.model = build(hyper)
        self.variables = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(hyper.peak_rate, beta_2=0.99, global_clipnorm=hyper.clip_norm)
        self.optimizer.build(self.variables)
        self.average = [tf.Variable(variable.value, trainable=False) for variable in self.variables]
        self._learn = tf.function(self._learn_step, reduce_retracing=True)
        self._measure = tf.function(self._measure_step, reduce_retracing=True)

    def no_states(self, lanes: int) -> list[Any]:
        return [tf.zeros((lanes, self.hyper.units)) for _ in range(4)]

    def learn(self, batch: Batch, *, states: list[Any], rate: float) -> tuple[NDArray[np.float32], list[Any]]:
        """One update; sums of nats by field, and the states after the chunk."""
        self.optimizer.learning_rate.assign(rate)
        sums, states = self._learn(*_arrays(batch), states)
        return sums.numpy(), states

    def measure(self, batch: Batch, *, states: list[Any]) -> tuple[NDArray[np.float32], list[Any]]:
        """Sums of nats by field without learning."""
        sums, states = self._measure(*_arrays(batch), states)
        return sums.numpy(), states

    def _learn_step(self, tables: Any, targets: Any, masks: Any, keep: Any, states: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = self.model([*tables, *(state * keep for state in states)], training=True)
            sums = _nats(outputs, targets=targets, masks=masks)
            loss = tf.reduce_sum(sums) / tf.maximum(tf.reduce_sum(masks[:, :, 0]), 1.0)
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))
        decay = self.hyper.averaging
        for average, variable in zip(self.average, self.variables, strict=True):
            average.assign(decay * average + (1.0 - decay) * variable.value)
        return sums, outputs[len(HEADS) :]

    def _measure_step(self, tables: Any, targets: Any, masks: Any, keep: Any, states: Any) -> Any:
        outputs = self.model([*tables, *(state * keep for state in states)], training=False)
        return _nats(outputs, targets=targets, masks=masks), outputs[len(HEADS) :]

    def swap(self) -> None:
        """Exchange the weights and their running average."""
        for average, variable in zip(self.average, self.variables, strict=True):
            held = average.numpy()
            average.assign(variable.value)
            variable.assign(held)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything a checkpoint must hold."""
        groups = {"weight": self.variables, "average": self.average, "optimizer": self.optimizer.variables}
        return {
            f"{group}/{index}": np.asarray(variable)
            for group, variables in groups.items()
            for index, variable in enumerate(variables)
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take the arrays of a checkpoint."""
        groups = {"weight": self.variables, "average": self.average, "optimizer": self.optimizer.variables}
        for group, variables in groups.items():
            for index, variable in enumerate(variables):
                variable.assign(arrays[f"{group}/{index}"])

    def start_from(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Begin with the best weights of another run."""
        for index, (variable, average) in enumerate(zip(self.variables, self.average, strict=True)):
            variable.assign(arrays[f"best/{index}"])
            average.assign(arrays[f"best/{index}"])


def _arrays(batch: Batch) -> tuple[list[Any], Any, Any, Any]:
    tables = [tf.constant(batch.tables[name]) for name in TABLES]
    return tables[:-1], tables[-1], tf.constant(batch.masks), tf.constant(batch.keep)


def _nats(outputs: Any, *, targets: Any, masks: Any) -> Any:
    """Sums of nats by head."""
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets[:, :, head], logits=logits)
        for head, logits in enumerate(outputs[: len(HEADS)])
    ]
    return tf.reduce_sum(masks * tf.stack(losses, axis=2), axis=(0, 1))


def held_out_bits(trainer: _Trainer, *, tracks: Sequence[Track]) -> dict[str, float]:
    """Bits a note by field over whole sections, states carried from chunk to chunk."""
    lanes = min(64, max(1, len(tracks)))
    longest_first = sorted(tracks, key=len, reverse=True)
    reader = Lanes(lanes=lanes, chunk=trainer.hyper.chunk, source=iter(longest_first))
    states = trainer.no_states(lanes)
    sums = np.zeros(len(HEADS))
    for batch in reader:
        found, states = trainer.measure(batch, states=states)
        sums += found
    notes = max(1, sum(len(track) - 1 for track in tracks))
    return dict(zip(HEADS, (sums / notes / math.log(2)).tolist(), strict=True))


def learning_rate(hyper: Hyper, *, done: float) -> float:
    """Linear warm-up, then a cosine; ``done`` is the share (0 … 1) of the run that is over."""
    if done < hyper.warm_up:
        return hyper.peak_rate * max(done, 1e-3) / hyper.warm_up
    fall = (min(done, 1.0) - hyper.warm_up) / (1.0 - hyper.warm_up)
    return hyper.last_rate + (hyper.peak_rate - hyper.last_rate) * (1.0 + math.cos(math.pi * fall)) / 2.0


def train(
    plan: Plan,
    *,
    corpus: Path,
    output: Path,
    hyper: Hyper | None = None,
    cache: Path | None = None,
    allow_licences: Collection[str] = (),
    progress: Callable[[Report], None] | None = None,
    skipped: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train, and write ``weights.npz``, ``card.json`` and ``ledger.json`` into ``output``; returns the card.

    A run that was stopped goes on from the checkpoint in ``output``. ``skipped`` is told of each file that
    cannot be used. Raises ``CorpusError`` before anything is written if the corpus cannot be used, and
    ``ValueError`` for a plan without an end.
    """
    if not plan.minutes and not plan.epochs:
        raise ValueError("A training plan needs minutes or epochs above zero.")
    hyper = hyper or Hyper()
    data = load_dataset(
        corpus, folders=tuple(plan.shares), cache=cache, allow_licences=allow_licences, skipped=skipped
    )
    judged = list(plan.shares) if plan.instrument == BASE else [_own_folder(plan)]
    held_out = data.held_out(judged)
    keras.utils.set_random_seed(plan.seed)
    trainer = _Trainer(hyper)
    state, best = _begin(trainer, plan=plan, output=output)
    rng = np.random.default_rng([plan.seed, state.step])
    source = endless(data.training, shares=plan.shares, wish_dropout=hyper.wish_dropout, rng=rng)
    own = sum(data.notes(name) for name in judged) / sum(plan.shares[name] for name in judged)
    best = _loop(
        trainer, plan=plan, state=state, best=best, source=source, held_out=held_out, round_notes=own,
        output=output, report=progress, recital=_recital(plan, data=data),
    )  # fmt: skip
    _take(trainer, best)
    return write_model(_trained(trainer, plan=plan, state=state, data=data, held_out=held_out), output=output)


def _recital(plan: Plan, *, data: Dataset) -> Recital | None:
    """The judge of an instrument that can be composed for; the base composes nothing."""
    if plan.instrument not in PLAYERS:
        return None
    folder = _own_folder(plan)
    styles = styles_of(data.scores(folder), edges=data.edges[folder])
    return Recital.of(plan.instrument, styles=styles, known=data.known, held_out=data.validation[folder])


def _own_folder(plan: Plan) -> str:
    """The folder whose held-out works judge the run: the instrument's, or the one with the largest share."""
    if plan.instrument in plan.shares:
        return plan.instrument
    return max(plan.shares, key=lambda name: plan.shares[name])


def _trained(
    trainer: _Trainer, *, plan: Plan, state: Progress, data: Dataset, held_out: Sequence[Track]
) -> Trained:
    return Trained(
        instrument=plan.instrument,
        folder=_own_folder(plan),
        weights=named_weights(trainer.model),
        hyper=trainer.hyper,
        progress=state,
        held_out=held_out_bits(trainer, tracks=held_out),
        data=data,
        shares=plan.shares,
        start_from=plan.start_from,
        held_out_tracks=held_out,
    )


def _begin(trainer: _Trainer, *, plan: Plan, output: Path) -> tuple[Progress, dict[str, NDArray[Any]]]:
    found = checkpoint.load(output)
    if found:
        state, arrays = found
        trainer.restore(arrays)
        return state, {name: array for name, array in arrays.items() if name.startswith("best/")}
    if plan.start_from:
        base = checkpoint.load(plan.start_from)
        if base is None:
            raise FileNotFoundError(f"{plan.start_from} has no {checkpoint.CHECKPOINT} to start from.")
        trainer.start_from(base[1])
    return Progress(), {}


def _loop(
    trainer: _Trainer, *, plan: Plan, state: Progress, best: dict[str, NDArray[Any]], source: Iterator[Track],
    held_out: Sequence[Track], round_notes: float, output: Path, report: Callable[[Report], None] | None,
    recital: Recital | None,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Learn until the plan is fulfilled, the held-out loss has stopped falling, or the model begins to recite.

    Returns the averaged weights with the best held-out loss that do not recite.
    """
    hyper = trainer.hyper
    lanes = Lanes(lanes=hyper.batch, chunk=hyper.chunk, source=source)
    states = trainer.no_states(hyper.batch)
    judge = _Judge(trainer, held_out=held_out, recital=recital, best=best)
    judge.look(state)
    recent = np.zeros(2)
    last_look = last_tick = time.monotonic()
    begun = last_tick - state.spent
    begun_notes, begun_at = state.notes, last_tick
    over = _done(plan, state=state) >= 1.0
    while not over:
        batch = next(lanes)
        done = _done(plan, state=state)
        sums, states = trainer.learn(batch, states=states, rate=learning_rate(hyper, done=done))
        count = int(batch.masks[:, :, 0].sum())
        recent = recent * 0.98 + np.array([float(sums.sum()), count])
        now = time.monotonic()
        state.step += 1
        state.notes += count
        state.epoch = state.notes / round_notes
        state.spent = now - begun
        over = _done(plan, state=state) >= 1.0
        if over or now - last_look > plan.evaluate_every:
            judge.look(state)
            over = over or judge.reciting or judge.worse >= plan.patience
            checkpoint.save(output, progress=state, arrays={**trainer.arrays(), **judge.best})
            last_look, last_tick = time.monotonic(), 0.0
        if report and (over or now - last_tick > 10.0):
            last_tick = now
            speed = (state.notes - begun_notes) / max(1e-9, now - begun_at)
            share = max(1e-9, _done(plan, state=state))
            report(Report(
                epoch=state.epoch, loss=float(recent[0] / recent[1] / math.log(2)), held_out=state.best_nll,
                notes_per_second=speed, seconds_left=max(0.0, state.spent * (1.0 / share - 1.0)),
                updates=state.step,
            ))  # fmt: skip
    return judge.best


class _Judge:
    """Keeps the averaged weights with the best held-out loss among those that do not recite.

    ``worse`` counts looks without a better one. The weights that a run begins with are looked at too, so that a
    fine-tune is never worse than what it started from.
    """

    def __init__(
        self,
        trainer: _Trainer,
        *,
        held_out: Sequence[Track],
        recital: Recital | None,
        best: dict[str, NDArray[Any]],
    ) -> None:
        self.best = best
        self.worse = 0
        self.reciting = False
        self._trainer = trainer
        self._held_out = held_out
        self._recital = recital

    def look(self, state: Progress) -> None:
        """Measure the averaged weights, and keep them if they are the best so far."""
        self._trainer.swap()
        nll = sum(held_out_bits(self._trainer, tracks=self._held_out).values())
        recited = self._recital.share(named_weights(self._trainer.model)) if self._recital else 0.0
        self.reciting = bool(self.best) and self._recital is not None and self._recital.is_reciting(recited)
        if nll < state.best_nll and not self.reciting:
            state.best_nll, state.best_step, state.recited, self.worse = nll, state.step, recited, 0
            self.best = {
                f"best/{index}": np.asarray(one) for index, one in enumerate(self._trainer.variables)
            }
        else:
            self.worse += 1
        self._trainer.swap()


def _done(plan: Plan, *, state: Progress) -> float:
    shares = [state.spent / 60.0 / plan.minutes] if plan.minutes else []
    if plan.epochs:
        shares.append(state.epoch / plan.epochs)
    return max(shares)


def _take(trainer: _Trainer, best: dict[str, NDArray[Any]]) -> None:
    for index, variable in enumerate(trainer.variables):
        variable.assign(best[f"best/{index}"])
