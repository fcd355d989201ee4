"""Recognise a recording: the Chromaprint of an audio file, how far two of them agree, and which stored one is heard.

A print is a row of 32-bit words, about eight for each second; each word sums up 2.6 s of sound. What is done to a
recording on its way (encoding, noise, speech over it, a cut) changes some bits of each word, another piece changes
nearly half of them.

Source: L. Lalinsky, Chromaprint (https://acoustid.org/chromaprint); J. Haitsma and T. Kalker, "A Highly Robust Audio
Fingerprinting System", ISMIR 2002, for the comparison by the share of equal bits at the best offset.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from generation.audio.errors import NotAudio
from generation.audio.process import run_program

Print = npt.NDArray[np.uint32]
Key = TypeVar("Key", bound=Hashable)

SECONDS_AT_MOST = 300.0
"""How much of a file is listened to."""

FIRST_SECONDS = 60.0
"""How much of a file is listened to first: most that are ours are recognised by it, in a fifth of the time."""

TIMEOUT_SECONDS = 4.0
MEMORY_BYTES = 448 << 20
"""Address space of fpcalc, of which its libraries alone take 200 MiB."""

BITS = 32
WORDS_AT_LEAST = 48
"""As many words (8.5 s of sound) lie over each other when two prints are compared, if both have them."""

SAME_FROM, MANY = 0.82, 40
"""Share of equal bits from which two prints are of one recording, if so many different words lie over each other."""

FEW_SAME_FROM, FEW = 0.9, 20
"""The same for fewer, and how many there must be. By chance few words agree more easily than many, and a tone that is
held, where one word is like the next, agrees with others that are held.
"""

ENDED_EARLY = 3
"""fpcalc's exit status when it met the end of the file before the length it was asked for."""

TOO_SHORT = ("Not enough audio data", "Empty fingerprint")
SECONDS_A_WORD = 4096 / 3 / 11025
"""Chromaprint listens at 11,025 Hz and moves on by a third of its frame of 4,096."""

SAMPLES, WRONG_BITS, VOTES, CANDIDATES = 96, 4, 2, 24
"""How many words of a print are looked for, how nearly, how many must be found at one offset, and how many prints are
then compared in full.
"""

WORDS_AT_ONCE = 1 << 18
"""A megabyte of words: what a processor keeps in its cache."""

HEAD_BYTES = 12
CONTAINERS = {
    "wav": (((0, b"RIFF"), (8, b"WAVE")), ((0, b"RF64"), (8, b"WAVE"))),
    "flac": (((0, b"fLaC"),),),
    "mov": (((4, b"ftyp"),),),
    "ogg": (((0, b"OggS"),),),
    "aiff": (((0, b"FORM"), (8, b"AIFF")), ((0, b"FORM"), (8, b"AIFC"))),
    "matroska": (((0, b"\x1aE\xdf\xa3"),),),
}
"""What the first bytes of each container say: pairs of place and mark."""


@dataclass(frozen=True, slots=True)
class Match(Generic[Key]):
    """A stored print of the same recording: whose it is, and the share of equal bits.

    ``starts_at`` is the second of the stored recording at which the one asked about begins, negative if before.
    """

    key: Key
    share: float
    starts_at: float


def fingerprint_of(path: Path, *, seconds: float = SECONDS_AT_MOST) -> Print:
    """Return the print of the first ``seconds`` of an audio file: shape (words,), empty if there is hardly any sound.

    The content of the file says what it is, not its name. Raises ``NotAudio`` for anything that cannot be read as audio
    within 4 s and 448 MiB, ``SoundUnavailable`` without fpcalc.
    """
    said: list[bytes] = []
    try:
        run_program(
            command=[
                *("fpcalc", "-format", container_of(path), "-raw", "-plain"),
                *("-length", f"{seconds:.0f}", str(path.resolve())),
            ],
            timeout=TIMEOUT_SECONDS,
            failure=NotAudio,
            on_output=said.append,
            statuses=(0, ENDED_EARLY),
            memory_bytes=MEMORY_BYTES,
        )
    except NotAudio as error:
        if any(words in str(error) for words in TOO_SHORT):
            return np.empty(0, dtype=np.uint32)
        raise NotAudio(f"{path.name} cannot be read as audio: {error}") from error
    return np.fromstring(b"".join(said).decode(), dtype=np.uint32, sep=",")


def container_of(path: Path) -> str:
    """Return the container of an audio file by its first bytes, in FFmpeg's name for it. Raises ``NotAudio``.

    Only what is named here is ever given to a decoder: left to itself FFmpeg also reads play lists, and opens the files
    they name.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        is_tagged = head.startswith(b"ID3") and len(head) == HEAD_BYTES
        if is_tagged:
            # Four bytes of seven bits each (ID3v2.4, section 3.1); a FLAC file may have such a tag before it as well.
            length = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + length)
            head = file.read(HEAD_BYTES)
    for name, marks in CONTAINERS.items():
        if any(all(head[place:].startswith(mark) for place, mark in signature) for signature in marks):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3" if head[1] & 0x06 else "aac"
    if is_tagged:
        return "mp3"
    raise NotAudio(
        f"{path.name} is not an audio file: WAV, FLAC, MP3, M4A, AAC, Ogg, AIFF and WebM are known"
        if head
        else f"{path.name} is empty"
    )


def says_too_little(print_: Print) -> bool:
    """Whether a print is too short, or too much the same, to be looked for: silence agrees with every quiet place."""
    return _different(print_) < FEW


def pack(print_: Print) -> bytes:
    """Return a print as it is stored: four bytes a word, least first."""
    return print_.astype("<u4").tobytes()


def unpack(stored: bytes) -> Print:
    """Read what ``pack`` has written."""
    return np.frombuffer(stored, dtype="<u4")


def agreement(print_: Print, stored: Print) -> tuple[float, int]:
    """Return the largest share of equal bits over all offsets, and that offset: where in ``stored`` the print begins.

    At least ``WORDS_AT_LEAST`` words lie over each other (all of the shorter print if it has fewer). Two prints without
    words agree in nothing. With bits as signs the count of equal bits is a cross-correlation, summed over the 32 bits.
    """
    least = min(WORDS_AT_LEAST, len(print_), len(stored))
    if not least:
        return 0.0, 0
    size = 1 << (len(print_) + len(stored)).bit_length()
    spectrum = np.fft.rfft(_signs(stored), size, axis=0) * np.conj(np.fft.rfft(_signs(print_), size, axis=0))
    products = np.fft.irfft(spectrum.sum(axis=1), size)
    offsets = np.arange(1 - len(print_), len(stored))
    overlap = np.minimum(len(stored), offsets + len(print_)) - np.maximum(0, offsets)
    shares = np.where(overlap >= least, 0.5 + products[offsets] / (2 * BITS * overlap), 0.0)
    best = int(np.argmax(shares))
    return float(shares[best]), int(offsets[best])


def best_match(print_: Print, stored: Iterable[tuple[Key, Print]]) -> Match[Key] | None:
    """Return the stored print of the same recording, the best if there are several; None if there is none.

    Goes through ``stored`` once, in constant memory, and takes about 0.1 µs a stored word. A print is compared in full
    if several words, of some taken from all over the one asked about, are nearly equal (at most 4 wrong bits of 32) to
    words of it that lie at one offset.
    """
    near = heapq.nlargest(CANDIDATES, _candidates(print_, stored), key=lambda candidate: candidate[0])
    best: Match[Key] | None = None
    for _votes, key, words in near:
        share, offset = agreement(print_, words)
        if (best is None or share > best.share) and _is_same(
            share, print_=print_, stored=words, offset=offset
        ):
            best = Match(key=key, share=share, starts_at=offset * SECONDS_A_WORD)
    return best


def _is_same(share: float, *, print_: Print, stored: Print, offset: int) -> bool:
    """Decide by the share of equal bits, and by how much there is to compare."""
    begin, end = max(0, -offset), min(len(print_), len(stored) - offset)
    different = min(_different(print_[begin:end]), _different(stored[begin + offset : end + offset]))
    return different >= FEW and share >= (SAME_FROM if different >= MANY else FEW_SAME_FROM)


def _different(words: Print) -> int:
    return len(np.unique(words))


def _candidates(print_: Print, stored: Iterable[tuple[Key, Print]]) -> Iterator[tuple[int, Key, Print]]:
    """Go through the stored prints with words near to the print's at one offset; the number of them comes first."""
    places = np.unique(np.linspace(0, len(print_) - 1, SAMPLES).astype(np.int64))
    for heap in _heaps(stored):
        words = np.concatenate([each for _, each in heap])
        owners = np.repeat(np.arange(len(heap)), [len(each) for _, each in heap])
        hits = [np.flatnonzero(np.bitwise_count(words ^ print_[place]) <= WRONG_BITS) for place in places]
        found = np.concatenate(hits)
        begins = found - np.repeat(places, [len(each) for each in hits]) + len(print_)
        span = len(words) + len(print_)
        # An offset at the end of one print could be one at the start of the next: the owner belongs to it.
        lines, votes = np.unique(owners[found] * span + begins, return_counts=True)
        most = np.zeros(len(heap), dtype=np.int64)
        np.maximum.at(most, lines // span, votes)
        for number in np.flatnonzero(most >= VOTES):
            yield int(most[number]), *heap[number]


def _heaps(stored: Iterable[tuple[Key, Print]]) -> Iterator[list[tuple[Key, Print]]]:
    """Put stored prints together until there are enough words for NumPy to be fast and the cache to hold them."""
    heap: list[tuple[Key, Print]] = []
    words = 0
    for key, each in stored:
        if len(each):
            heap.append((key, each))
            words += len(each)
        if words >= WORDS_AT_ONCE:
            yield heap
            heap, words = [], 0
    if heap:
        yield heap


def _signs(words: Print) -> npt.NDArray[np.float32]:
    """Return the bits as -1 and 1, shape (words, 32)."""
    bits = np.unpackbits(words.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1)
    return bits.astype(np.float32) * 2 - 1
