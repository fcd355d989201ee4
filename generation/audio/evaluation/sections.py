"""The sections of the page of the sound on marks and tags: what was found, against what must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from generation.audio.evaluation import marks
from generation.audio.evaluation.attack import ATTACKS, Outcome, attack, targets
from generation.audio.evaluation.manipulations import HARDEST, encoded
from generation.audio.evaluation.report import Figure, Report, Table
from generation.audio.evaluation.studio import Piece
from generation.audio.evaluation.tag import Placed, measure, mixed, mixed_with_constant_tag, power_db
from generation.audio.evaluation.transparency import Transparency, compare
from generation.audio.marks import copy, house
from generation.audio.preview import KILOBITS, Mix, Tagging
from generation.audio.synthesis import RATE

Progress = Callable[[str, int, int], None]

HOUSE_WHOLE, HOUSE_EXCERPT, HOUSE_HARDEST, COPY_EXCERPT = 0.99, 0.95, 0.90, 0.99
TAG_BAND_DB = (0.0, 10.0)
LEAST_STOI = 0.65
LEAST_RESIDUAL_DB, LEAST_LOSS_DB = -12.0, 3.0
COMPARED_SECONDS = 10
PREVIEWS = 10


def marks_report(rows: Sequence[marks.Row], *, pieces: Sequence[Piece], progress: Progress) -> Report:
    """What ``marks.try_all`` found, and how transparent the marks are on the first piece of each instrument."""
    after = list(dict.fromkeys(what for kind, what, _ in rows if kind == marks.WHOLE))
    unmarked = marks.scores(rows, kind=marks.UNMARKED) + marks.scores(rows, kind=marks.FOREIGN)
    false = sum(score > house.DECISION for score in unmarked)
    sales, together = (marks.scores(rows, kind=kind) for kind in (marks.SALE, marks.TOGETHER))
    easier = [what for what in after if what not in HARDEST]
    figures = [
        _least(rows, marks.WHOLE, easier, least=HOUSE_WHOLE, what="house mark, whole pieces"),
        _least(rows, marks.EXCERPT, easier, least=HOUSE_EXCERPT, what="house mark, 30 s excerpts"),
        _least(rows, marks.WHOLE, HARDEST, least=HOUSE_HARDEST, what="house mark, whole, noise and speech"),
        _least(rows, marks.EXCERPT, HARDEST, least=HOUSE_HARDEST, what="house mark, 30 s, noise and speech"),
        Figure(
            "house mark, false alarms",
            f"{false} of {len(unmarked)}",
            "0 in 2,000",
            false == 0 and len(unmarked) >= 2000,
        ),
        _least(
            rows,
            marks.COPY,
            [what for what in after if "preview" not in what],
            least=COPY_EXCERPT,
            what="copy mark, 10 s excerpts",
        ),
        Figure(
            f"the right sale of {marks.SALES:,}, and no other",
            f"{sum(sales):.0f} of {len(sales)}",
            "all of 100",
            min(sales) == 1 and len(sales) >= 100,
        ),
        Figure(
            f"all of {marks.BUYERS} buyers who average their files, and nobody else",
            f"{sum(together):.0f} of {len(together)}",
            "all",
            min(together) == 1,
        ),
    ]
    says = (
        f"{len(pieces)} pieces of {len({piece.instrument for piece in pieces})} instruments, each sold with the house "
        f"mark and a copy mark, put through each manipulation whole, then heard whole, in {marks.EXCERPTS} excerpts of "
        f"{marks.EXCERPT_SECONDS} s (house) and {marks.EXCERPTS} of {marks.COPY_SECONDS} s (copy) from random places. "
        "The speaker in the mix never stops; the music is 6 dB softer than the speech in LUFS. +12 dB is clipped at "
        "full scale. The unmarked excerpts are "
        f"{marks.UNMARKED_SECONDS} s from random places of the same pieces without mark; they overlap. The sale is "
        f"looked for among {marks.SALES:,} after one manipulation after another; the averaging buyers among "
        f"{marks.BUYERS + marks.OTHER_BUYERS} sales, as averaged and as MP3 128. Scores are in standard deviations; "
        f"found means above {house.DECISION} (house) and {copy.DECISION} (copy). Intervals are "
        "Wilson's at 95 %.\n\n"
        "Transparency: noise-to-mask ratio with the ear of ITU-R BS.1387 (basic version), the noise being the spectrum "
        f"of the difference; {COMPARED_SECONDS} s of the first piece of each instrument. Below 0 dB lies under the "
        "masking threshold; encoders stand beside for comparison."
    )
    tables = [
        _score_table(rows, marks.WHOLE, after, title="House mark, whole pieces", decision=house.DECISION),
        _score_table(rows, marks.EXCERPT, after, title="House mark, 30 s", decision=house.DECISION),
        _score_table(rows, marks.COPY, after, title="Copy mark, 10 s", decision=copy.DECISION),
        Table(
            "House mark where there is none",
            ("what", "excerpts", "highest score", "decision"),
            [
                (name, str(len(found)), f"{max(found):.2f}", str(house.DECISION))
                for name, found in (
                    ("unmarked", marks.scores(rows, kind=marks.UNMARKED)),
                    ("marked with another secret", marks.scores(rows, kind=marks.FOREIGN)),
                )
            ],
        ),
        _transparency_table(pieces, progress=progress),
    ]
    return Report("Inaudible marks", says, figures, tables)


def _least(rows: Sequence[marks.Row], kind: str, after: Iterable[str], *, least: float, what: str) -> Figure:
    """The rate after the manipulation that leaves the fewest."""
    decision = copy.DECISION if kind == marks.COPY else house.DECISION
    rates = []
    for name in after:
        found = marks.scores(rows, kind=kind, what=name)
        rates.append((sum(score > decision for score in found) / len(found), len(found), name))
    rate, tried, name = min(rates)
    return Figure(what, f"{rate:.1%} of {tried} ({name})", f"≥ {least:.0%} after each", rate >= least)


def _score_table(
    rows: Sequence[marks.Row], kind: str, after: Iterable[str], *, title: str, decision: float
) -> Table:
    lines = []
    for what in after:
        found = marks.scores(rows, kind=kind, what=what)
        if not found:
            continue
        heard = sum(score > decision for score in found)
        low, high = marks.wilson(heard, len(found))
        lines.append(
            (
                what,
                str(len(found)),
                f"{heard / len(found):.1%}",
                f"{low:.1%}–{high:.1%}",
                f"{min(found):.1f}",
                f"{np.median(found):.1f}",
            )
        )
    return Table(title, ("after", "tried", "found", "interval", "lowest score", "median"), lines)


def _transparency_table(pieces: Sequence[Piece], *, progress: Progress) -> Table:
    firsts = list({piece.instrument: piece for piece in reversed(pieces)}.values())[::-1]
    lines = []
    with TemporaryDirectory() as name:
        for done, piece in enumerate(firsts, 1):
            sound = piece.mastered()[RATE * 10 : RATE * (10 + COMPARED_SECONDS)]
            mp3 = partial(encoded, sound, Path(name), codec="libmp3lame", suffix="mp3")
            marked = house.embed(sound, secret=marks.SECRET, work=piece.identity)
            others = {
                "house mark": marked,
                "copy mark": copy.embed(sound, secret=marks.SECRET, work=piece.identity, sale=b"1"),
                "both": copy.embed(marked, secret=marks.SECRET, work=piece.identity, sale=b"1"),
                "MP3 320": mp3(kilobits=320)[: len(sound)],
                "MP3 128": mp3(kilobits=128)[: len(sound)],
            }
            for what, other in others.items():
                lines.append((piece.instrument, what, *_told(compare(reference=sound, sound=other))))
            progress(f"transparency, {piece.instrument}", done, len(firsts))
    head = (
        "instrument",
        "what",
        "segmental SNR",
        "noise-to-mask",
        "worst band, 99 % of frames",
        "frames above mask",
    )
    return Table("Transparency", head, lines)


def _told(found: Transparency) -> tuple[str, str, str, str]:
    return (
        f"{found.segmental_snr_db:.1f} dB",
        f"{found.nmr_db:.1f} dB",
        f"{found.worst_nmr_db:.1f} dB",
        f"{found.disturbed:.1%}",
    )


def tag_report(pieces: Sequence[Piece], *, cache_dir: Path, progress: Progress) -> Report:
    """Levels and intelligibility of all tags in the previews of ``pieces``."""
    found: dict[str, list[Placed]] = {}
    for done, piece in enumerate(pieces, 1):
        mix = mixed(piece.unmastered(), tagging=_tagging(piece, cache_dir=cache_dir))
        found.setdefault(piece.instrument, []).extend(measure(mix))
        progress(f"tags, {piece.instrument} {piece.seed}", done, len(pieces))
    every = [one for several in found.values() for one in several]
    over, short = ([getattr(one, name) for one in every] for name in ("over_db", "over_short_term_db"))
    clear = [one.stoi for one in every]
    low, high = TAG_BAND_DB
    figures = [
        Figure(
            "tag above the music it covers",
            f"{min(over):.1f} to {max(over):.1f} dB",
            f"{low:.0f} to {high:.0f} dB",
            low <= min(over) and max(over) < high,
        ),
        Figure(
            "tag above 3 s of music around it",
            f"at most {max(short):.1f} dB",
            f"< {high:.0f} dB",
            max(short) < high,
        ),
        Figure(
            "intelligibility of each tag (STOI)",
            f"at least {min(clear):.2f}",
            f"≥ {LEAST_STOI}",
            min(clear) >= LEAST_STOI,
        ),
    ]
    says = (
        f"{len(every)} tags in the previews of {len(pieces)} pieces, before encoding. Levels are mean powers of the "
        "tag and of the ducked music under it while it lasts, and of the music in the 3 s around it (the short-term "
        f"window of EBU Tech 3341). The band that is held: from {low:.0f} dB, where tag and music are equally loud, up "
        f"to {high:.0f} dB, which is too loud. Intelligibility is STOI (Taal et al., 2011), the tag's own recording "
        "against the tag with the music over it."
    )
    lines = [
        (
            instrument,
            str(len(several)),
            *(
                f"{min(values):.2f} / {np.median(values):.2f} / {max(values):.2f}"
                for values in (
                    [getattr(one, name) for one in several]
                    for name in ("over_db", "over_short_term_db", "stoi")
                )
            ),
        )
        for instrument, several in found.items()
    ]
    head = ("instrument", "tags", "dB above the music under it", "dB above 3 s around", "STOI")
    return Report("The spoken tag", says, figures, [Table("Lowest, median, highest", head, lines)])


def attack_report(pieces: Sequence[Piece], *, cache_dir: Path, progress: Progress) -> Report:
    """Attack the tags of the first ten ``pieces``, and constant tags at the same places."""
    varied, constant = [], []
    for piece in pieces[:PREVIEWS]:
        music, tagging = piece.unmastered(), _tagging(piece, cache_dir=cache_dir)
        varied.append(mixed(music, tagging=tagging))
        constant.append(mixed_with_constant_tag(music, tagging=tagging, cache_dir=cache_dir))
    found = {}
    for done, (name, mixes) in enumerate((("varied", varied), ("constant", constant)), 1):
        found[name] = {each: attack(each, targets(mixes), cache_dir=cache_dir) for each in ATTACKS}
        progress(f"attacks on {name} tags", done, 2)
    best = {name: _best(outcomes) for name, outcomes in found.items()}
    left = max(float(np.mean([one.music_snr_db for one in each])) for each in found["varied"].values())
    encoding = _encoding_snr_db(varied)
    residual, against = (_residual(found[name][best[name]]) for name in ("varied", "constant"))
    figures = [
        Figure(
            f"residual tag after the best attack ({best['varied']})",
            f"{residual:.1f} dB",
            f"≥ {LEAST_RESIDUAL_DB:.0f} dB",
            residual >= LEAST_RESIDUAL_DB,
        ),
        Figure(
            "what the music loses against its encoding alone, at least",
            f"{encoding - left:.1f} dB",
            f"≥ {LEAST_LOSS_DB:.0f} dB",
            encoding - left >= LEAST_LOSS_DB,
        ),
        Figure(
            "residual of a constant tag",
            f"{against:.1f} dB ({best['constant']})",
            "lower than that of the varied one",
            against < residual,
        ),
    ]
    says = (
        f"{len(found['varied']['none'])} tags in {len(varied)} previews, each of another piece: previews of one piece "
        "are frozen. The attacker knows every recording, which one each tag is and where it begins within 20 ms, and "
        "has the mix before its encoding; all of this is more than a thief has. The residual is the power of what is "
        "left of the tag against that of the tag, the SNR that of the music against everything else that is left, both "
        f"at the tags. The preview's own encoding leaves the untagged music at {encoding:.1f} dB. A constant tag is "
        "one recording at one level in the same places."
    )
    lines = [
        (
            name,
            each,
            f"{_residual(outcomes):.1f} dB",
            f"{min(outcome.residual_db for outcome in outcomes):.1f} dB",
            f"{np.mean([outcome.music_snr_db for outcome in outcomes]):.1f} dB",
        )
        for name, attacks in found.items()
        for each, outcomes in attacks.items()
    ]
    head = ("tag", "attack", "residual, mean", "residual, lowest", "SNR of the music, mean")
    return Report("Attack on the spoken tag", says, figures, [Table("Attacks", head, lines)])


def _encoding_snr_db(mixes: Sequence[Mix]) -> float:
    """SNR of the music at the tags when it is encoded as a preview without any, mean over the tags."""
    found = []
    with TemporaryDirectory() as name:
        for mix in mixes:
            mono = mix.music[:, None]
            decoded = encoded(mono, Path(name), codec="libmp3lame", kilobits=KILOBITS, suffix="mp3")[:, 0]
            for target in targets([mix]):
                noise = decoded[target.first : target.first + len(target.heard)] - target.music
                found.append(power_db(target.music) - power_db(noise))
    return float(np.mean(found))


def _best(attacks: dict[str, list[Outcome]]) -> str:
    return min(attacks, key=lambda name: _residual(attacks[name]))


def _residual(outcomes: Sequence[Outcome]) -> float:
    return float(np.mean([outcome.residual_db for outcome in outcomes]))


def _tagging(piece: Piece, *, cache_dir: Path) -> Tagging:
    return Tagging(secret=marks.SECRET, identity=piece.identity, cache_dir=cache_dir)
