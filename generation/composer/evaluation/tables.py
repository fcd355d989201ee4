"""The tables of one instrument on the evaluation page, as Markdown lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generation.composer.evaluation import gates
from generation.composer.evaluation.areas import FEATURES

Report = Mapping[str, Any]

ABSENT = "not measured"
_TELLING = 8


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A Markdown table, with an empty line after it; None is shown as not measured."""
    lines = [list(head), ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def _cell(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(found)}" for name, found in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_cell(found) for found in value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def words(name: str) -> str:
    """A name of the report as words."""
    return name.replace("_", " ").replace(".", ": ")


def loss(report: Report, *, training: Report | None) -> list[str]:
    """Held-out bits a note by field: the model's, and those of two networks that learned for the same time."""
    after = f", {gates.after(training)}" if training else ""
    columns = {
        "this model": report,
        f"our network, from nothing{after}": training["ours"] if training else {},
        f"the paper's network{after}": training["paper"] if training else {},
    }
    rows = [
        (words(name), *(column.get("nll_bits_per_note", {}).get(name) for column in columns.values()))
        for name in report["nll_bits_per_note"]
    ]
    return table(("bits a note, held-out scores", *columns), rows)


def likeness(report: Report, *, training: Report | None) -> list[str]:
    """Overlapping areas, and the classifier's AUC, beside sets whose likeness is known."""
    marks = report["calibration"]
    columns = {
        "generated": report,
        "generated, against all works": report.get("all_works"),
        "real half against half": marks["real_halves"],
        "real, pitches shuffled": marks["pitches_shuffled"],
        "the paper's recipe": recipe(report, training=training) or {},
    }
    shown = {title: column for title, column in columns.items() if column is not None}
    rows = [
        (f"overlapping area: {words(name)}", *(_area(column, name) for column in shown.values()))
        for name in ("mean", *FEATURES)
    ]
    rows.append(("classifier AUC", *(column.get("classifier_auc") for column in shown.values())))
    lines = table(("", *shown), rows)
    if training and (reason := training["paper"].get("not_compared")):
        lines += [f"The pieces of the paper's recipe were not compared: {reason.rstrip('.')}.", ""]
    return lines


def recipe(report: Report, *, training: Report | None) -> Report | None:
    """Figures of the paper's recipe: as trained beside ours, else of a rival's files measured with the report."""
    theirs = training["paper"] if training else {}
    return theirs if theirs.get("overlapping_area") else report.get("rival")


def _area(column: Report, name: str) -> Any:
    return column.get("overlapping_area", {}).get(name)


def measures(report: Report) -> list[str]:
    """Every measure of an excerpt, real and generated side by side."""
    rows = [
        (
            words(name),
            row["real"],
            row["generated"],
            "{:.3g} – {:.3g}".format(*row["real_p10_p90"]),
            row["inside"],
            f"{row['share_inside']:.0%}",
        )
        for name, row in report["measures"].items()
    ]
    head = (
        "measure",
        "real",
        "generated",
        "real p10 – p90",
        "mean inside",
        "pieces inside",
    )
    return table(head, rows)


def telling(report: Report) -> list[str]:
    """What gives generated music away: descriptors by the size of their effect, and families by their AUC."""
    found = report["classifier"]
    rows = [
        (words(row["name"]), row["real"], row["generated"], row["effect"])
        for row in found["descriptors"][:_TELLING]
    ]
    families = [(words(name), value) for name, value in found["families"].items()]
    return [
        *table(("most telling descriptors", "real", "generated", "effect (d)"), rows),
        *table(("descriptors of one family alone", "AUC"), families),
        *table(("metres", "real", "generated"), _metres(report["metres"])),
    ]


def _metres(shares: Report) -> list[tuple[str, float, float]]:
    names = sorted({*shares["real"], *shares["generated"]})
    return [(name, shares["real"].get(name, 0.0), shares["generated"].get(name, 0.0)) for name in names]


def runs(report: Report) -> list[str]:
    """How many pieces share how long a run."""
    corpus, own = report["runs"]["corpus_by_length"], report["runs"]["own_by_length"]
    lengths = sorted({*corpus, *own}, key=lambda name: (not name.startswith("under"), name))
    rows = [(name, corpus.get(name, 0), own.get(name, 0)) for name in lengths]
    again, drawn = report["runs"]["drawn_again"], report["runs"]["longest_own_run_as_drawn"]
    note = (
        f"As the shop does, {again} of {report['runs']['pieces']} pieces were composed again with another seed, "
        f"because they came too near to one made before; as drawn, the longest run of two was {drawn} notes."
    )
    head = ("longest run, notes", "pieces: with the corpus", "pieces: with our others, at most")
    return [*table(head, rows), note, ""]


def lengths(report: Report) -> list[str]:
    """Lengths kept and endings, by ordered length; the endings of real sections and of the compared pieces."""
    rows: list[tuple[Any, ...]] = [
        (f"{row['seconds']:g} s", row["pieces"], row["largest_error_seconds"], *_shares(row))
        for row in report["lengths"]
    ]
    rows += [
        (f"endings of {side}", "", "", *_shares(report["endings"][side])) for side in ("real", "generated")
    ]
    head = ("ordered", "pieces", "largest error, s", "end on the tonic", "with a long note", "on a beat")
    return table(head, rows)


def _shares(row: Report) -> list[str]:
    return [f"{row[name]:.1%}" for name in ("on_tonic", "long", "on_beat")]


def wishes(report: Report) -> list[str]:
    """What wishes do to the notes."""
    found = report.get("wishes")
    if not found:
        return [f"Wishes: {ABSENT}.", ""]
    scales = [
        (row["wish"], words(row["measure"]), row["means"], row["effect"], row["pieces"])
        for row in found["scales"]
    ]
    names = [name for name in found["moods"][0] if name not in ("mood", "pieces")]
    moods = [
        (row["mood"] or "no mood", *(_with_effect(row[name]) for name in names), row["pieces"])
        for row in found["moods"]
    ]
    key, tempo = found["key"], found["tempo"]
    return [
        *table(("wish", "measured", "means", "effect of the ends (d)", "pieces each"), scales),
        *table(("mood", *map(words, names), "pieces"), moods),
        *table(
            ("wish", "measured", "found", "pieces"),
            [
                ("key", "wished tonic is the one heard", key["tonic_heard"], key["pieces"]),
                ("mode", "wished mode is the one heard", key["mode_heard"], ""),
                ("none: real excerpts", "written tonic is the one heard", key["real"]["tonic_heard"], ""),
                ("none: real excerpts", "written mode is the one heard", key["real"]["mode_heard"], ""),
                ("tempo", "largest departure from it", tempo["largest_departure"], tempo["pieces"]),
            ],
        ),
    ]


def _with_effect(found: Report) -> str:
    mean = _cell(found["mean"])
    return mean if found["effect"] is None else f"{mean} (d {found['effect']:+.1f})"


def anything(value: Any) -> list[str]:
    """Tables of a JSON value whose form is not known: lists of rows, or names and values."""
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        names = list(dict.fromkeys(name for row in value for name in row))
        return table(
            [words(name) for name in names], [[row.get(name, "") for name in names] for row in value]
        )
    if isinstance(value, Mapping):
        plain = {name: found for name, found in value.items() if not _nested(found)}
        lines = table(("", ""), [(words(name), found) for name, found in plain.items()]) if plain else []
        for name, found in value.items():
            if _nested(found):
                lines += [f"**{words(name)}**", "", *anything(found)]
        return lines
    return [_cell(value), ""]


def _nested(value: Any) -> bool:
    return bool(value) and (
        isinstance(value, Mapping) or (isinstance(value, list) and isinstance(value[0], Mapping))
    )
