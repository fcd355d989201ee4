"""What our commands share: a mistake is answered with one line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser


class OneLineCommand(BaseCommand):
    """A command that says what was wrong in one line on stderr: exit code 2 for an option, 1 for anything else."""

    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # argparse prints the whole usage before the message, which hides it.
        parser.print_usage = lambda file=None: None  # type: ignore[method-assign]
        return parser


def existing_folder(text: str) -> Path:
    """Turn an option into the path of a folder that is there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def existing_file(text: str) -> Path:
    """Turn an option into the path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return path


def new_file(text: str) -> Path:
    """Turn an option into a path that can be written: better to say so now than when all is measured."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{path} is a folder" if path.is_dir() else f"{path.parent} is not a folder"
        )
    return path


def add_corpus(parser: CommandParser) -> None:
    """Add the option that names the corpus."""
    parser.add_argument(
        "--corpus", required=True, type=existing_folder, metavar="DIR", help="with a manifest.csv"
    )


def stop(error: Exception) -> NoReturn:
    """End the command with an error's own words, on one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.filename:
        text = f"{error.filename}: {text}"
    raise CommandError(" ".join(text.split())) from error
