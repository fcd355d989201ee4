"""Say in the score files whose the piece is and how it was made: in MIDI and in MusicXML.

Both are edited as files, so that a sold score is the stored one to the note. Sources: Standard MIDI Files 1.0,
meta events 01 and 02; MusicXML 4.0, ``identification``.
"""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

from generation.audio.errors import EncodingFailed
from generation.audio.labels import AI_SOURCE_TYPE, Labels
from generation.audio.midi import variable_length
from generation.audio.storage import replacing

MIDI_HEADER_BYTES, CHUNK_HEADER_BYTES = 14, 8
TEXT_EVENT, COPYRIGHT_EVENT = 1, 2
BEFORE_IDENTIFICATION = {"work", "movement-number", "movement-title"}
DOCUMENT_TYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC '
    '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)


def write_labelled_score(*, source: Path, path: Path, labels: Labels) -> None:
    """Copy a MIDI (``.mid``) or MusicXML file with ``labels`` in it; ``path`` may be ``source``.

    Raises ``EncodingFailed`` for a file that is neither, ``StorageFull`` on a full disk.
    """
    content = source.read_bytes()
    try:
        edited = (_labelled_midi if source.suffix == ".mid" else _labelled_musicxml)(content, labels=labels)
    except (ValueError, ElementTree.ParseError, struct.error) as error:
        raise EncodingFailed(f"{source.name} is not a score that we wrote: {error}") from error
    with replacing(path) as temporary:
        temporary.write_bytes(edited)


def _lines(labels: Labels) -> tuple[str, str]:
    """What is said of the rights, which may be empty, and of the origin."""
    rights = ". ".join(part for part in (labels.copyright, labels.licence, labels.verify_url) if part)
    return rights, f"{labels.comment} ({AI_SOURCE_TYPE})"


def _labelled_midi(content: bytes, *, labels: Labels) -> bytes:
    """Put a copyright and a text event at the start of the first track."""
    kind, _, _, _, _, track, length = struct.unpack_from(">4sIHHH4sI", content)
    if (kind, track) != (b"MThd", b"MTrk"):
        raise ValueError("it does not begin as a MIDI file")
    rights, origin = _lines(labels)
    events = b"".join(
        b"\0\xff" + bytes((number,)) + variable_length(len(text)) + text
        for number, text in ((COPYRIGHT_EVENT, rights.encode()), (TEXT_EVENT, origin.encode()))
        if text
    )
    first = MIDI_HEADER_BYTES + CHUNK_HEADER_BYTES
    return content[: first - 4] + struct.pack(">I", length + len(events)) + events + content[first:]


def _labelled_musicxml(content: bytes, *, labels: Labels) -> bytes:
    """Put the rights and a description of the encoding into the identification."""
    root = ElementTree.fromstring(content)  # noqa: S314 - a score of our own making
    if root.tag != "score-partwise":
        raise ValueError(f"its root is <{root.tag}>, not <score-partwise>")
    identification = root.find("identification")
    if identification is None:
        identification = ElementTree.Element("identification")
        root.insert(sum(child.tag in BEFORE_IDENTIFICATION for child in root), identification)
    rights, origin = _lines(labels)
    place = sum(child.tag in {"creator", "rights"} for child in identification)
    if rights:
        element = ElementTree.Element("rights")
        element.text = rights
        identification.insert(place, element)
        place += 1
    encoding = identification.find("encoding")
    if encoding is None:
        encoding = ElementTree.Element("encoding")
        identification.insert(place, encoding)
    ElementTree.SubElement(encoding, "encoding-description").text = origin
    ElementTree.indent(identification, level=1)
    return (DOCUMENT_TYPE + ElementTree.tostring(root, encoding="unicode") + "\n").encode()
