"""The mails that development writes to files instead of sending."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

SEPARATOR = b"-" * 79
"""What Django's file backend writes between two mails of one file."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as a person reads it; ``body`` is its plain text, ``html`` its HTML part if it has one."""

    to: str
    subject: str
    date: datetime
    body: str
    html: str


def newest_mails(folder: Path, *, at_most: int = 50) -> list[Mail]:
    """Read the newest mails of a folder, newest first. A missing folder is an empty mailbox."""
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    mails: list[Mail] = []
    for path in files:
        mails.extend(reversed(list(_mails_in(path))))
        if len(mails) >= at_most:
            break
    return sorted(mails, key=lambda mail: mail.date, reverse=True)[:at_most]


def _mails_in(path: Path) -> Iterator[Mail]:
    for text in path.read_bytes().split(SEPARATOR):
        if text.strip():
            message = email.message_from_bytes(text.strip(), policy=email.policy.default)
            plain = message.get_body(preferencelist=("plain", "html"))
            html = message.get_body(preferencelist=("html",))
            yield Mail(
                to=str(message["to"] or ""),
                subject=str(message["subject"] or ""),
                date=_date_of(message, path=path),
                body=plain.get_content().strip() if plain is not None else "",
                html=html.get_content() if html is not None else "",
            )


def _date_of(message: EmailMessage, *, path: Path) -> datetime:
    try:
        return parsedate_to_datetime(str(message["date"]))
    except (TypeError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
