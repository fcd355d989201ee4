"""What the bell and the schedule start."""

from __future__ import annotations

from marketplace.celery import app


@app.task(name="licensing.tasks.build_extra")
def build_extra(extra_id: int) -> None:
    """Build one queued extra; a second delivery finds it taken and does nothing."""
    from licensing.extra_files import build

    build(extra_id)


@app.task(name="licensing.tasks.sweep_extras")
def sweep_extras() -> None:
    """Take back what a dead worker held and ring again."""
    from licensing import extras

    extras.sweep_extras()


@app.task(name="licensing.tasks.finish_replacements")
def finish_replacements() -> None:
    """Build the files of certificates that replace others, and tell both sides."""
    from licensing import transfers

    transfers.finish_replacements()


@app.task(name="licensing.tasks.mail_complainants")
def mail_complainants() -> None:
    """Send the mails about complaints that are due."""
    from licensing import complaints

    complaints.mail_complainants()
