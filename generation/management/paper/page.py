"""The page: the paper's tables and figures with what was measured beside what the paper prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from generation.management.paper import plots, printed
from generation.management.paper.plots import OURS, PAPER, RECIPE

Results = Mapping[str, Any]


def write_page(results: Results, *, folder: Path) -> None:
    """Write README.md and the drawings it shows into a folder."""
    parts = [
        _head(results), _table_1(results, folder), _table_2(results, folder), _table_3(results, folder),
        _table_4(results, folder), _table_5(results), _table_6(results, folder), _clouds(results, folder),
        _cells(results, folder), _likelihood(results), _ratings(results, folder),
    ]  # fmt: skip
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(head: Sequence[object], *rows: Sequence[object]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _head(results: Results) -> str:
    facts, machine = results["corpus"], results["machine"]
    again = (
        "It was trained for {LSTM:.1f} minutes with LSTM cells and {GRU:.1f} minutes with GRU cells".format(
            **{cell: results["cells"][cell]["minutes"] for cell in ("LSTM", "GRU")}
        )
    )
    width = results["extent"]["units"]
    small = "" if width == 512 else f" **A trial run: layers of {width} units instead of 512.**"
    return f"""# The paper's tables and figures, made again

"AI music generator" (International Research Journal of Engineering and Technology 9(8), 2022, 536–547) is where this
product began. This page sets what it prints beside what we measure: its own recipe, rebuilt
(`generation/composer/paper.py`) and trained on our scores, and our composer. Made by

    {results["command"]}

on {results["measured_at"][:10]}, Python {machine["python"]}, {machine["cores"]} cores of {machine["processor"]} (load \
{machine["load"]:.1f} at the start: times are of a machine that may have been busy). Every number but the printed
ones, and those said to be of our model card, was measured by this command and stands in [results.json](results.json).

The scores: {results["instrument"]}, parts {", ".join(results["folders"])} of the corpus, {facts["training_notes"]:,}
notes to learn from = {facts["training_elements"]:,} elements, {facts["vocabulary"]:,} of them different. The recipe:
3 × {width} cells, windows of 100. {again}.{small} Our composer is {results["ours"]["version"]}."""


def _or_dash(value: object) -> object:
    return "–" if value is None else value


def _figure(number: str, name: str, says: str) -> str:
    return f"![{says}]({name})\n\n*Figure {number}: {says}.*"


def _table_1(results: Results, folder: Path) -> str:
    found = results["table_1"]
    plots.draw_lines(
        folder / "figure-09.svg",
        [
            (PAPER, printed.WINDOWS, printed.UNIQUE),
            (RECIPE, printed.WINDOWS, found["recipe"]),
            *([(OURS, printed.WINDOWS, [found["ours"]] * 5)] if found["ours"] is not None else []),
        ],
        across="sequence length",
        up="unique elements of 200",
    )
    real = found["real"]
    of_real = (
        f"{real['mean']:.0f} on average, eight tenths of the {real['sections']} sections between {real['p10']:.0f} and "
        f"{real['p90']:.0f}"
        if real["sections"]
        else "no section of the corpus has 200 elements"
    )
    ours = "–" if found["ours"] is None else f"{found['ours']:.0f}"
    rows = table(
        ["sequence length", *printed.WINDOWS],
        [PAPER, *printed.UNIQUE],
        [RECIPE, *(f"{value:.1f}" for value in found["recipe"])],
        [OURS, *[ours] * 5],
    )
    return f"""## Table I: sequence length and unique notes or chords

{rows}

Different elements among 200, on average over {results["extent"]["pieces"]} pieces (ours: {found["ours_pieces"]} pieces
that have 200 elements). One network, trained with windows of 100, was asked with windows of every length. Our
composer reads no window: it carries its state from note to note, so its figure does not depend on a length. More is
not better: real music has {of_real}.

{_figure("9", "figure-09.svg", "sequence length against unique elements")}"""


def _table_2(results: Results, folder: Path) -> str:
    found = results["table_2"]
    plots.draw_lines(
        folder / "figure-10.svg",
        [
            (PAPER, printed.WINDOWS, printed.EXECUTION_SECONDS),
            (RECIPE, printed.WINDOWS, found["recipe"]),
            (OURS, printed.WINDOWS, [found["ours"]] * 5),
        ],
        across="sequence length",
        up="seconds to compose",
    )
    rows = table(
        ["sequence length", *printed.WINDOWS],
        [f"{PAPER}, s", *printed.EXECUTION_SECONDS],
        [f"{RECIPE}, s", *(f"{value:.1f}" for value in found["recipe"])],
        [f"{OURS}, s", *[f"{found['ours']:.2f}"] * 5],
    )
    return f"""## Table II: sequence length and execution time

{rows}

The recipe's loop (3 × 512, one prediction an element) was timed over {results["extent"]["timed"]} elements and scaled
to 200. Ours is the median of whole orders of 51 s – on average {found["ours_elements"]:.0f} elements – with all
candidates, the choice among them and the check for originality.

{_figure("10", "figure-10.svg", "sequence length against execution time")}"""


def _table_3(results: Results, folder: Path) -> str:
    found = results["table_3"]
    plots.draw_lines(
        folder / "figure-11.svg",
        [
            (PAPER, printed.ELEMENTS, printed.ELEMENTS_SECONDS),
            (RECIPE, printed.ELEMENTS, found["recipe"]),
            (OURS, found["ours_elements"], found["ours_seconds"]),
        ],
        across="elements",
        up="seconds",
    )
    rows = table(
        ["elements", *printed.ELEMENTS],
        [f"{PAPER}, s", *printed.ELEMENTS_SECONDS],
        [f"{RECIPE}, s", *(f"{value:.2f}" for value in found["recipe"])],
    )
    ours = table(
        [f"{OURS}: seconds ordered", *printed.ELEMENTS_SECONDS],
        ["seconds composed", *(f"{value:.2f}" for value in found["ours_seconds"])],
        ["elements, average", *(f"{value:.0f}" for value in found["ours_elements"])],
    )
    return f"""## Table III: elements and duration

{rows}

In the paper the number of elements decides how long a piece lasts. Ours is ordered in seconds, and the notes follow:

{ours}

{_figure("11", "figure-11.svg", "elements against duration")}"""


def _table_4(results: Results, folder: Path) -> str:
    found = results["table_4"]
    plots.draw_lines(
        folder / "figure-12.svg",
        [
            (PAPER, printed.OFFSETS, printed.OFFSET_SECONDS),
            (RECIPE, printed.OFFSETS, found["recipe"]),
        ],
        across="offset, quarters",
        up="seconds",
    )
    rows = table(
        ["offset", *printed.OFFSETS],
        [f"{PAPER}, s", *printed.OFFSET_SECONDS],
        [f"{RECIPE}, s", *(f"{value:.2f}" for value in found["recipe"])],
    )
    return f"""## Table IV: offset and duration

{rows}

For 200 elements. The paper moves every element on by the same offset: by half a quarter in 100 % of its steps. In the
real scores that is so in {found["real_share"]:.0%} of the steps, in our pieces in {found["ours_share"]:.0%}: we
compose the rhythm.

{_figure("12", "figure-12.svg", "offset against duration")}"""


def _table_5(results: Results) -> str:
    found = results["table_5"]
    theirs = table(
        [f"layer ({RECIPE})", "output", "parameters"],
        *([name, shape, f"{count:,}"] for name, shape, count in found["recipe"]),
        ["**all**", "", f"{sum(row[2] for row in found['recipe']):,}"],
    )
    ours = table(
        [f"weights ({OURS})", "numbers"],
        *([name, f"{count:,}"] for name, count in found["ours"]),
        ["**all**", f"{sum(row[1] for row in found['ours']):,}"],
    )
    return f"""## Table V: the models

{theirs}

{ours}

The paper's vocabulary grows with the data; ours is fixed."""


def _table_6(results: Results, folder: Path) -> str:
    cell = results["cells"]["LSTM"]
    hours = [epochs * cell["seconds_per_epoch"] / 3600 for epochs in printed.EPOCHS]
    plots.draw_lines(
        folder / "figure-13.svg",
        [(RECIPE, printed.EPOCHS, hours)],
        across="epochs",
        up="hours of training",
    )
    rows = table(
        ["epochs", *printed.EPOCHS],
        [f"{PAPER}, ms", *(f"{value:,}" for value in printed.EPOCHS_MILLISECONDS)],
        [f"{RECIPE}, hours", *(f"{value:,.1f}" for value in hours)],
    )
    return f"""## Table VI: epochs and training time

{rows}

The recipe takes {cell["seconds_per_update"]:.2f} s for one update of 64 windows here (median of
{cell["updates"]:,}), {cell["updates_per_epoch"]:,} updates are one epoch: {cell["seconds_per_epoch"] / 3600:.2f}
hours. The row is that, times the epochs. The paper prints milliseconds here, and speaks elsewhere of up to two days.
Our composer learned for {_or_dash(results["ours"]["minutes"])} minutes, {_or_dash(results["ours"]["epochs"])} epochs
(its model card).

{_figure("13", "figure-13.svg", "epochs against training time")}"""


def _clouds(results: Results, folder: Path) -> str:
    parts = ["## Figure 14: the notes and chords of the music"]
    for key, says in (
        ("recipe", "notes and chords that the paper's recipe composed"),
        ("ours", "notes and chords that our composer wrote"),
        ("real", "notes and chords of the real scores"),
    ):
        plots.draw_cloud(folder / f"figure-14-{key}.png", results["words"][key])
        parts.append(_figure("14", f"figure-14-{key}.png", says))
    parts.append("A chord is written as its pitch classes, as the paper writes it: `0+4+7` is C major.")
    return "\n\n".join(parts)


def _cells(results: Results, folder: Path) -> str:
    cells = results["cells"]
    plots.draw_lines(
        folder / "figure-15.svg",
        [
            (
                name,
                [seconds / 60 for _, seconds, _ in cells[name]["loss"]],
                [loss for *_, loss in cells[name]["loss"]],
            )
            for name in ("GRU", "LSTM")
        ],
        across="minutes of training",
        up="loss, nats an element",
        marks=None,
    )
    plots.draw_lines(
        folder / "figure-16.svg",
        [
            (
                name,
                [update for update, *_ in cells[name]["explained_variance"]],
                [seen for *_, seen in cells[name]["explained_variance"]],
            )
            for name in ("GRU", "LSTM")
        ],
        across="updates",
        up="explained variance, held out",
    )
    rows = table(
        ["", "LSTM", "GRU"],
        *(
            [says, *(form.format(cells[name][key]) for name in ("LSTM", "GRU"))]
            for says, key, form in (
                ("minutes trained", "minutes", "{:.1f}"),
                ("updates in that time", "updates", "{:,}"),
                ("seconds an update", "seconds_per_update", "{:.3f}"),
            )
        ),
        [
            "loss at the end, nats an element",
            *(f"{cells[name]['loss'][-1][2]:.3f}" for name in ("LSTM", "GRU")),
        ],
        [
            "explained variance, held out",
            *(f"{cells[name]['explained_variance'][-1][2]:.4f}" for name in ("LSTM", "GRU")),
        ],
        [
            "held-out bits an element",
            *(f"{results['likelihood'][name]['bits_per_element']:.2f}" for name in ("LSTM", "GRU")),
        ],
    )
    return f"""## Figures 15 and 16: LSTM and GRU

The paper cites a comparison (H. Li, IEEE Access 8, 2020, 188951) in which the LSTM explains more of the variance and is
faster a step. Here both learn the same scores for the same time:

{rows}

{_figure("15", "figure-15.svg", "loss in training, LSTM and GRU")}

{_figure("16", "figure-16.svg", "explained variance score on held-out scores, LSTM and GRU")}"""


def _likelihood(results: Results) -> str:
    found = results["likelihood"]
    lstm, ours = found["LSTM"], found["ours"]
    fields = ("pitch", "advance", "duration", "total")
    by_frequency = {**lstm, "pitch": lstm["pitch_by_frequency"], "total": lstm["total_by_frequency"]}
    rows = table(
        ["held-out bits a note", *fields],
        *(
            [name, *(f"{values[key]:.2f}" for key in fields)]
            for name, values in (
                ("frequencies of elements, no network", by_frequency),
                (f"{RECIPE}, LSTM", lstm),
                (f"{RECIPE}, GRU", found["GRU"]),
            )
        ),
        [f"{OURS}, by its model card", *(f"{ours[key]:.2f}" if key in ours else "–" for key in fields)],
    )
    return f"""## Not in the paper: how well each knows music it has not seen

{rows}

Lower is better; one bit less is half the surprise. The recipe cannot say onsets, lengths, the octaves of a chord or
where a piece ends: these are charged by their frequencies in the training scores, so that all rows pay for the very
same notes (`generation/composer/paper_bits.py` says how). {lstm["unseen_share"]:.1%} of the held-out elements are not
in the recipe's vocabulary; those escape to single pitches. The network was asked at {lstm["elements_asked"]:,.0f}
elements (standard error of its pitch: {lstm["standard_error_of_pitch"]:.2f} bits). Our row is of the works held out
when our model was trained; it may have learned longer and from more parts of the corpus."""


def _ratings(results: Results, folder: Path) -> str:
    intro = """## Figures 17 to 19: what listeners say

The paper had 148 listeners rate models of 180, 120 and 80 epochs from 1 (discordant) to 5 (melodious): over 80 % gave 4
or 5 at 180 epochs, most gave 3 at 120, most found 80 unpleasant. Ours are rated on their listening pages."""
    if not results["ratings"]:
        return f"{intro}\n\n**No ratings yet.**"
    parts = [intro]
    for number, (version, counts) in enumerate(results["ratings"].items(), start=17):
        name = f"figure-{number}.svg"
        plots.draw_bars(folder / name, counts, across="1 discordant … 5 melodious", up="listeners")
        good = sum(counts[3:]) / sum(counts)
        parts.append(
            _figure(str(number), name, f"{sum(counts)} ratings of {version}, {good:.0%} of them 4 or 5")
        )
    return "\n\n".join(parts)
