"""Cut one instrument out of a large General MIDI sound font.

A compressed SF3 font costs seconds at every start of the synthesizer, because its Ogg Vorbis samples are
unpacked each time. A small uncompressed SF2 with the samples of one preset loads at once and sounds the same.

Source of the layout: SoundFont Technical Specification 2.04 (E-mu Systems, 2006), sections 4 to 7; SF3 stores
each sample as an Ogg Vorbis stream, counts its start and end in bytes and its loop from the sample's start.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import soundfile

from generation.audio.errors import SynthesisFailed
from generation.audio.storage import replacing

Records = npt.NDArray[Any]

PRESET = np.dtype(
    [
        ("name", "S20"),
        ("program", "<u2"),
        ("bank", "<u2"),
        ("bag", "<u2"),
        ("library", "<u4"),
        ("genre", "<u4"),
        ("morphology", "<u4"),
    ]
)
INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
GENERATOR = np.dtype([("operator", "<u2"), ("amount", "<u2")])
MODULATOR = np.dtype([("bytes", "V10")])
SAMPLE = np.dtype(
    [
        ("name", "S20"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("loop_start", "<u4"),
        ("loop_end", "<u4"),
        ("rate", "<u4"),
        ("pitch", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("type", "<u2"),
    ]
)
TABLES = {
    b"phdr": PRESET,
    b"pbag": BAG,
    b"pmod": MODULATOR,
    b"pgen": GENERATOR,
    b"inst": INSTRUMENT,
    b"ibag": BAG,
    b"imod": MODULATOR,
    b"igen": GENERATOR,
    b"shdr": SAMPLE,
}
OPERATOR_ATTACK = 34
OPERATOR_INSTRUMENT = 41
OPERATOR_VELOCITIES = 44
OPERATOR_SAMPLE = 53
SLOWEST_ATTACK = 4800
"""Of a layer that is kept, in timecents (1,200 times the binary logarithm of seconds): 16 s.

The piano has a second layer of the same samples that rises over 25 s, to lengthen very long tones. It takes as many
voices as the first one, half of the synthesizer's time, and adds 0.4 dB to a piece (median over the tenths of a second
of two pieces; in 95 of 100 at most 1 dB, most of all where high tones die away).
"""

COMPRESSED = 0x10
SILENCE_BETWEEN_SAMPLES = 46
"""Zero frames the specification (7.10) asks for after each sample."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of the hierarchy (presets or instruments) with the zones that belong to it."""

    headers: Records
    bags: Records
    generators: Records
    modulators: Records

    def keep(
        self, *, chosen: list[int], operator: int, velocities: tuple[int, int] = (0, 127)
    ) -> tuple[_Level, list[int]]:
        """Return only the ``chosen`` headers, and what they refer to by ``operator``, renumbered from 0.

        Zones that do not sound at ``velocities`` (lowest and highest), or that rise too slowly, are left out.
        """
        headers: list[Any] = []
        bags: list[tuple[int, int]] = []
        generators: list[tuple[int, int]] = []
        modulators: list[Any] = []
        below: list[int] = []
        for index in chosen:
            header = self.headers[index].copy()
            first, last = int(header["bag"]), int(self.headers[index + 1]["bag"])
            header["bag"] = len(bags)
            headers.append(header)
            for number in range(first, last):
                if not _sounds(self._generators_of(number), velocities=velocities):
                    continue
                bag, following = self.bags[number], self.bags[number + 1]
                bags.append((len(generators), len(modulators)))
                modulators.extend(self.modulators[int(bag["modulator"]) : int(following["modulator"])])
                for record in self._generators_of(number):
                    amount = int(record["amount"])
                    if record["operator"] == operator:
                        if amount not in below:
                            below.append(amount)
                        amount = below.index(amount)
                    generators.append((int(record["operator"]), amount))
        terminal = self.headers[-1].copy()
        terminal["bag"] = len(bags)
        bags.append((len(generators), len(modulators)))
        generators.append((0, 0))
        modulators.append(np.zeros(1, dtype=MODULATOR)[0])
        return _Level(
            headers=np.array([*headers, terminal], dtype=self.headers.dtype),
            bags=np.array(bags, dtype=BAG),
            generators=np.array(generators, dtype=GENERATOR),
            modulators=np.array(modulators, dtype=MODULATOR),
        ), below

    def _generators_of(self, number: int) -> Records:
        """The generators of zone ``number``."""
        first, last = (int(bag["generator"]) for bag in self.bags[number : number + 2])
        return self.generators[first:last]


def cut_out(
    *, source: Path, bank: int, program: int, target: Path, velocities: tuple[int, int] = (0, 127)
) -> None:
    """Write to ``target`` an SF2 font that holds only preset ``bank``:``program`` of ``source`` (SF2 or SF3).

    Of that, what sounds at ``velocities`` (lowest and highest) and is there within ``SLOWEST_ATTACK``. The file appears
    at once and whole, so that several workers may cut the same font at the same time. Raises ``SynthesisFailed`` if the
    font is damaged or lacks the preset, ``StorageFull`` on a full disk.
    """
    with source.open("rb") as font:
        chunks = _chunks(font)
        try:
            tables = {
                name: np.frombuffer(_content(font, chunks[name]), dtype=kind) for name, kind in TABLES.items()
            }
        except (KeyError, ValueError) as error:
            raise SynthesisFailed(f"{source} is not a sound font: {error}") from error
        presets = tables[b"phdr"]
        found = np.flatnonzero((presets["bank"][:-1] == bank) & (presets["program"][:-1] == program))
        if not len(found):
            raise SynthesisFailed(f"{source} has no preset {bank}:{program}")
        level = _Level(presets, tables[b"pbag"], tables[b"pgen"], tables[b"pmod"])
        preset_level, instruments = level.keep(
            chosen=[int(found[0])], operator=OPERATOR_INSTRUMENT, velocities=velocities
        )
        level = _Level(tables[b"inst"], tables[b"ibag"], tables[b"igen"], tables[b"imod"])
        instrument_level, samples = level.keep(chosen=instruments, operator=OPERATOR_SAMPLE)
        headers, audio = _samples(
            font=font, smpl=chunks[b"smpl"], headers=tables[b"shdr"], chosen=samples, source=source
        )
    information = _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _chunk(b"isng", b"EMU8000\0")
    information += _chunk(b"INAM", (b"%d:%d" % (bank, program)).ljust(8, b"\0"))
    hydra = b"".join(
        _chunk(name, table.tobytes())
        for name, table in {
            b"phdr": preset_level.headers,
            b"pbag": preset_level.bags,
            b"pmod": preset_level.modulators,
            b"pgen": preset_level.generators,
            b"inst": instrument_level.headers,
            b"ibag": instrument_level.bags,
            b"imod": instrument_level.modulators,
            b"igen": instrument_level.generators,
            b"shdr": headers,
        }.items()
    )
    head = _chunk(b"LIST", b"INFO" + information)
    tail = _chunk(b"LIST", b"pdta" + hydra)
    length = sum(map(len, audio))
    audio_list = b"LIST" + struct.pack("<I", 12 + length) + b"sdta" + b"smpl" + struct.pack("<I", length)
    form = struct.pack("<I", 4 + len(head) + len(audio_list) + length + len(tail)) + b"sfbk"
    with replacing(target) as temporary, temporary.open("wb") as file:
        # Half a hundred megabytes of samples, which are not put together in memory.
        file.writelines([b"RIFF" + form, head, audio_list, *audio, tail])


def _sounds(zone: Records, *, velocities: tuple[int, int]) -> bool:
    """Whether a zone of generators is heard at any of ``velocities``, and soon enough."""
    said = {int(record["operator"]): int(record["amount"]) for record in zone}
    attack = said.get(OPERATOR_ATTACK, 0)
    lowest, highest = (
        said.get(OPERATOR_VELOCITIES, 127 << 8) & 0xFF,
        said.get(OPERATOR_VELOCITIES, 127 << 8) >> 8,
    )
    # Amounts above 0x7FFF are negative.
    is_slow = SLOWEST_ATTACK < attack <= 0x7FFF
    return lowest <= velocities[1] and highest >= velocities[0] and not is_slow


def _samples(
    *, font: IO[bytes], smpl: tuple[int, int], headers: Records, chosen: list[int], source: Path
) -> tuple[Records, list[bytes]]:
    """Return the headers (with terminal) of the ``chosen`` samples and their 16-bit audio, one after another."""
    kept, pieces, position = [], [], 0
    for index in chosen:
        header = headers[index].copy()
        start, end = int(header["start"]), int(header["end"])
        if header["type"] & COMPRESSED:
            packed = _content(font, (smpl[0] + start, end - start))
            try:
                frames, _ = soundfile.read(io.BytesIO(packed), dtype="int16")
            except soundfile.LibsndfileError as error:
                raise SynthesisFailed(f"{source}: sample {header['name']!r} is damaged: {error}") from error
            header["type"] &= ~COMPRESSED & 0xFFFF
            offset = position
        else:
            frames = np.frombuffer(_content(font, (smpl[0] + 2 * start, 2 * (end - start))), dtype="<i2")
            offset = position - start
        for field in ("loop_start", "loop_end"):
            header[field] = int(header[field]) + offset
        header["start"], header["end"] = position, position + len(frames)
        header["link"] = chosen.index(int(header["link"])) if int(header["link"]) in chosen else 0
        kept.append(header)
        pieces += [frames.astype("<i2").tobytes(), bytes(2 * SILENCE_BETWEEN_SAMPLES)]
        position += len(frames) + SILENCE_BETWEEN_SAMPLES
    terminal = np.zeros(1, dtype=SAMPLE)[0]
    terminal["name"] = b"EOS"
    return np.array([*kept, terminal], dtype=SAMPLE), pieces


def _chunks(font: IO[bytes]) -> dict[bytes, tuple[int, int]]:
    """Map each chunk inside the three lists of a RIFF file to its place and length in bytes."""
    riff, size, form = struct.unpack("<4sI4s", font.read(12).ljust(12, b"\0"))
    if riff != b"RIFF" or form != b"sfbk":
        raise SynthesisFailed(f"{font.name} is not a sound font: no RIFF sfbk header")
    found: dict[bytes, tuple[int, int]] = {}
    position, end = 12, 8 + size
    while position + 8 <= end:
        font.seek(position)
        name, length = struct.unpack("<4sI", font.read(8).ljust(8, b"\0"))
        if name == b"LIST":
            position += 12
            continue
        found[name] = (position + 8, length)
        position += 8 + length + (length & 1)
    return found


def _content(font: IO[bytes], place: tuple[int, int]) -> bytes:
    font.seek(place[0])
    return font.read(place[1])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) & 1)
