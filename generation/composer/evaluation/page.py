"""The evaluation page: every published number of every instrument, from the reports alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.composer.evaluation import tables
from generation.composer.evaluation.cuts import ENDING_BARS, FROM_ONE_WORK, WINDOW_BARS
from generation.composer.evaluation.gates import Gate, gates

Report = Mapping[str, Any]

EXTRAS = {"originality_rates.json": "Copies that are found, and false alarms", "speed.json": "Speed"}

_INTRODUCTION = """\
Made by `python manage.py evaluation_page` from the reports of the measurements; no figure is written by hand. What was
not measured is shown as that.
"""

_DEFINITIONS = f"""\
## How the numbers are defined

- **Excerpts.** Real and generated pieces are cut by one rule: the {WINDOW_BARS} bars a piece (in the corpus: a
  section in one key and metre) opens with, and as many from a later place, a multiple of four bars in; never the last
  {ENDING_BARS} bars. Whole generated pieces against passages of real ones would differ by their final chord alone.
  One work (an opus, a cycle) gives at most {FROM_ONE_WORK} excerpts; both sides have equally many openings and equally
  many later ones. The real side are the works held out of training where there are enough, else all works; each
  instrument's heading says which. Harp, vibraphone and marimba, who borrow a network, are set beside the piano or
  guitar works it learned from, arranged for their players (octaves into range, tones let go, chords thinned).
- **Held-out loss.** Mean negative log-likelihood of the notes of held-out scores, in bits a note, with no wish told;
  the fields (time to the next note, pitch, duration) add up to the total.
- **Same data and time.** Our network and the paper's (three LSTM layers of 512, windows of 100 elements), each begun
  from nothing, learn one after the other on one machine from the training works of the instrument's own folder for the
  same minutes of wall time, and both are measured on all its held-out sections. Reading the corpus counts for neither;
  compiling counts for both, our own looks at held-out works for ours. An update that has begun is finished. Ours keeps
  the best weights of those looks, the paper's its last. What the paper cannot say (onsets, lengths, the octaves of a
  chord, the end) is charged by its frequency in the training works, so that both pay for the same notes; its network
  is asked at 2,000 elements spread evenly. The column "the paper's recipe" is of the pieces its network composes then.
- **Overlapping area** (Yang & Lerch 2018, doi 10.1007/s00521-018-3849-7). For each feature, the distances between real
  excerpts of different works and those from real to generated excerpts, each smoothed to a density (Gaussian,
  Scott's width); the area under the lower of the two. 1 = alike.
- **Measures of an excerpt.** Pitch-class entropy, scale consistency, groove consistency (12 steps a quarter) and empty
  beats after MusPy; bar similarity at lag k: mean Jaccard index of the (position, pitch, duration) sets of bars k apart
  (Museformer, arXiv 2210.10349); bar recurrence: share of bars equal to an earlier one; unique elements: different
  notes and chords among the first 200, as the paper counts them.
- **Classifier.** Logistic regression (Newton's method; both sides weigh alike; the L2 penalty is chosen inside each
  training part) on standardised descriptors, none of which the critic that picks among candidates uses. Some of them
  measure what the composers' leanings (docs/decisions/0011-leanings.md) bring to its frequency in the training works.
  Five folds that keep works and pieces whole, averaged over three divisions. AUC 0.5 = guessing, 1 = told apart every
  time; the range is a 95 % bootstrap interval over works and pieces. Effect: difference of the means in pooled
  standard deviations.
- **Calibration.** Real half against half: two sets that share no work, mean of five halvings (half as many excerpts, so
  a little below what could be reached). Pitches shuffled: real excerpts whose pitches were dealt anew.
- **Runs.** Notes in the longest passage of top line or bass with the same intervals and rhythm, in any key or tempo;
  plain scales and repeated notes do not count. Runs of two of our own pieces are counted as the register of works does
  when it refuses a piece: figures of up to four notes that go round (an Alberti bass) do not count there either. The
  number of our own pieces by length is an upper bound: passages shared with different pieces may join there. The
  sample is made as the shop makes it: one piece after the other is put on record, and one too near to any before it is
  composed again with another seed.
- **Endings.** On the tonic: the lowest note of the last sonority; long: its longest note lasts 1.5 times the median
  note; on a beat of the metre. Real sections are often cut where the key or metre changes.
- **Wishes.** All wishes with the same seeds, 30 s each. Effect of a scale: its last value against its first; of a mood:
  against no mood (Cohen's d; 0.2 is small, 0.8 large). The key heard is that of the notes alone (Krumhansl & Kessler
  1982), which for real music too is not always the written one.
- **Same notes.** One order composed again and again in fresh processes with other numbers of threads, hash seeds and
  processor code paths of OpenBLAS; compared note for note.

## Making this page again

```
python manage.py evaluate_composer --instrument piano --corpus DIR --pieces 200 --sample 500 \\
    --cache training/cache --jobs 2 --json RESULTS/piano.json
python manage.py check_determinism --instrument piano --runs 100 --json RESULTS/determinism-piano.json
python manage.py compare_training --instrument piano --corpus DIR --minutes 3 --pieces 20 \\
    --cache training/cache --output RESULTS/training-piano.json
python manage.py evaluation_page --results RESULTS --output docs/evaluation.md
```

RESULTS is `docs/results/composer`, where the reports behind this page lie. It may also hold `originality_rates.json`
and `speed.json`. A comparison of trainings is known by its name, `training-….json`.
"""


@dataclass(frozen=True, slots=True)
class Results:
    """What a folder of results holds: reports of evaluation, determinism and training by instrument, and the rest."""

    evaluations: Mapping[str, Report]
    determinism: Mapping[str, Report]
    training: Mapping[str, Report]
    extras: Mapping[str, Any]


def read_results(folder: Path) -> Results:
    """Read a folder's JSON files; each report is known by its keys, one of ``compare_training`` by its name.

    Raises ``ValueError`` for a file that is not JSON or not what its name says, and if there is no evaluation at all.
    """
    evaluations: dict[str, Report] = {}
    determinism: dict[str, Report] = {}
    training: dict[str, Report] = {}
    extras: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}); write it again.") from error
        if path.name.startswith("training-"):
            if not (isinstance(found, dict) and {"instrument", "minutes", "paper", "ours"} <= found.keys()):
                raise ValueError(f"{path} is no report of compare_training; make it again.")
            training[found["instrument"]] = found
        elif path.name in EXTRAS:
            extras[path.name] = found
        elif isinstance(found, dict) and "digests" in found:
            determinism[found["instrument"]] = found
        elif isinstance(found, dict) and "overlapping_area" in found:
            evaluations[found["instrument"]] = found
    if not evaluations:
        raise ValueError(f"{folder} holds no report of evaluate_composer (one JSON file an instrument).")
    return Results(evaluations, determinism, training, extras)


def page(results: Results) -> str:
    """The page as Markdown."""
    reports = results.evaluations
    lines = ["# How near to real music", "", *_INTRODUCTION.splitlines(), ""]
    lines += ["## What must hold", "", *_must_hold(results)]
    for instrument, report in reports.items():
        lines += _instrument(report, training=results.training.get(instrument))
    for name, title in EXTRAS.items():
        lines += [f"## {title}", ""]
        found = results.extras.get(name)
        lines += tables.anything(found) if found else [f"{tables.ABSENT.capitalize()}.", ""]
    return "\n".join([*lines, *_DEFINITIONS.splitlines(), ""])


def _must_hold(results: Results) -> list[str]:
    by_instrument = {
        name: gates(report, training=results.training.get(name), determinism=results.determinism.get(name))
        for name, report in results.evaluations.items()
    }
    rows = []
    for together in zip(*by_instrument.values(), strict=True):
        limits = list(dict.fromkeys(gate.must_hold for gate in together))
        shared = limits[0] if len(limits) == 1 else None
        cells = [_judged(gate, limit=None if shared else gate.must_hold) for gate in together]
        rows.append([together[0].what, shared or "see right", *cells])
    return tables.table(["what", "must hold", *by_instrument], rows)


def _judged(gate: Gate, *, limit: str | None) -> str:
    measured = f"{gate.measured} ({limit})" if limit and gate.measured else gate.measured
    return ": ".join(part for part in (measured, gate.outcome) if part)


def _instrument(report: Report, *, training: Report | None) -> list[str]:
    real = report["real"]
    told = (
        f"Model `{report['model']}`, measured {report['measured_at'][:10]}: {report['pieces']} pieces of "
        f"{report['seconds']:g} s; {real['windows']} real excerpts of {real['works']} works ({real['source']}) against "
        f"as many generated ones; {report['held_out_scores']} held-out scores for the loss. Orders for which no "
        f"original piece was found: {report['refused_orders']}."
    )
    sections: Sequence[tuple[str, list[str]]] = (
        ("Loss", tables.loss(report, training=training)),
        ("Likeness", tables.likeness(report, training=training)),
        ("What gives it away", tables.telling(report)),
        ("Measures", tables.measures(report)),
        ("Passages shared", tables.runs(report)),
        ("Lengths and endings", tables.lengths(report)),
        ("Wishes and what they do", tables.wishes(report)),
    )
    lines = [f"## {tables.words(report['instrument']).capitalize()}", "", told, ""]
    for title, body in sections:
        lines += [f"### {title}", "", *body]
    return lines
