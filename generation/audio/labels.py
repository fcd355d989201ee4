"""What a file says of itself to whoever opens it: title, rights, and that the music was made by a machine.

The three kinds of tags are written here: a hundred lines instead of a package under the GPL. Sources: ID3v2.3.0
(id3.org, 1999), Vorbis comment field recommendations (Xiph.Org), FLAC format (RFC 9639), RIFF (Microsoft, 1991).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

Container = Literal["WAV", "FLAC", "MP3"]

AI_STATEMENT = "AI-generated music"
AI_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media made by a model that was trained on examples."""

FLAC_PADDING, FLAC_COMMENT, FLAC_LAST = 1, 4, 0x80


@dataclass(frozen=True, slots=True)
class Labels:
    """The readable tags of a file; empty texts are left out.

    ``licence`` names the terms, ``licensee`` the kind of licensee (never the person), ``verify_url`` the page that
    says whether the licence is in force.
    """

    title: str = ""
    artist: str = "Soloscore"
    copyright_id: str = ""
    licence: str = ""
    licensee: str = ""
    verify_url: str = ""
    comment: str = AI_STATEMENT

    @property
    def copyright(self) -> str:
        """The line of rights; empty for a piece that nobody has licensed."""
        return f"Copyright ID {self.copyright_id}" if self.copyright_id else ""


def tagged(audio: bytes, *, labels: Labels, container: Container) -> bytes:
    """Return an audio file that has no tags of its own with ``labels``: as ID3v2.3, or as comments in FLAC."""
    if container == "FLAC":
        return _with_comments(audio, labels=labels)
    return id3_tag(labels) + audio


def append_id3(wav: BinaryIO, *, labels: Labels) -> None:
    """Add ``labels`` as ID3v2.3 to an open RIFF file, as its last chunk."""
    tag = id3_tag(labels)
    wav.seek(0, io.SEEK_END)
    wav.write(b"id3 " + struct.pack("<I", len(tag)) + tag + bytes(len(tag) % 2))
    size = wav.tell() - 8
    wav.seek(4)
    wav.write(struct.pack("<I", size))


def id3_tag(labels: Labels) -> bytes:
    """Return ``labels`` as an ID3v2.3 tag."""
    frames = [
        _frame(b"TIT2", labels.title),
        _frame(b"TPE1", labels.artist),
        _frame(b"TCOP", labels.copyright),
        _frame(b"COMM", labels.comment, description=""),
        *(_frame(b"TXXX", text, description=name) for name, text in _further(labels).items()),
    ]
    if labels.verify_url:
        url = labels.verify_url.encode("latin-1", "replace")
        frames.append(b"WCOP" + struct.pack(">IH", len(url), 0) + url)
    body = b"".join(frames)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + body


def _further(labels: Labels) -> dict[str, str]:
    """The fields that ID3 has no frames for."""
    fields = {
        "digitalSourceType": AI_SOURCE_TYPE,
        "copyrightId": labels.copyright_id,
        "license": labels.licence,
        "licensee": labels.licensee,
        "verify": labels.verify_url,
    }
    return {name: text for name, text in fields.items() if text}


def _frame(kind: bytes, text: str, *, description: str | None = None) -> bytes:
    """Return a text frame, as Latin-1 where it is plain and as UTF-16 otherwise; nothing for an empty text."""
    if not text:
        return b""
    if text.isascii():
        encoding, mark, codec, end = b"\0", b"", "ascii", b"\0"
    else:
        encoding, mark, codec, end = b"\1", b"\xff\xfe", "utf-16-le", b"\0\0"
    content = mark + text.encode(codec)
    if description is not None:
        content = mark + description.encode(codec) + end + content
    if kind == b"COMM":
        content = b"eng" + content
    content = encoding + content
    return kind + struct.pack(">IH", len(content), 0) + content


def _with_comments(flac: bytes, *, labels: Labels) -> bytes:
    """Put Vorbis comments behind the first metadata block, in the place of those there and of any padding."""
    blocks: list[tuple[int, bytes]] = []
    vendor = b""
    at, last = 4, 0
    while not last:
        last, kind = flac[at] & FLAC_LAST, flac[at] & ~FLAC_LAST
        content = flac[at + 4 : at + 4 + int.from_bytes(flac[at + 1 : at + 4])]
        at += 4 + len(content)
        if kind == FLAC_COMMENT:
            vendor = content[4 : 4 + int.from_bytes(content[:4], "little")]
        elif kind != FLAC_PADDING:
            blocks.append((kind, content))
    fields = {
        "TITLE": labels.title,
        "ARTIST": labels.artist,
        "COPYRIGHT": labels.copyright,
        "COMMENT": labels.comment,
        **{name.upper(): text for name, text in _further(labels).items()},
    }
    comments = [f"{name}={text}".encode() for name, text in fields.items() if text]
    content = _sized(vendor) + struct.pack("<I", len(comments)) + b"".join(map(_sized, comments))
    blocks.insert(1, (FLAC_COMMENT, content))
    head = b"".join(bytes((kind,)) + len(content).to_bytes(3) + content for kind, content in blocks[:-1])
    kind, content = blocks[-1]
    return b"fLaC" + head + bytes((kind | FLAC_LAST,)) + len(content).to_bytes(3) + content + flac[at:]


def _sized(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text
