"""Rows of work: one worker at a time takes one for a while, and it is tried until it is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)


class LeasedRow(models.Model):
    """A row of work. A worker that dies leaves it to the next one, when the lease has run out."""

    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    error = models.CharField(_("last error"), max_length=300, blank=True, default="")

    class Meta:
        abstract = True

    @classmethod
    def due(cls) -> models.QuerySet[Self]:
        """Return what is to be done now, the longest waiting first."""
        rows = cls._default_manager.filter(done_at=None, not_before__lte=timezone.now())
        return rows.order_by("not_before")

    def take(self, *, lease: timedelta) -> bool:
        """Take the row by one conditional UPDATE; its due date becomes the end of our lease."""
        until = timezone.now() + lease
        rows = type(self)._default_manager.filter(pk=self.pk, done_at=None, not_before=self.not_before)
        if rows.update(not_before=until, attempts=models.F("attempts") + 1) != 1:
            return False
        self.attempts, self.not_before = self.attempts + 1, until
        return True

    def put_off(self, error: Exception) -> str:
        """Have the row tried again later, in growing pauses, unless another worker took it; return what went wrong."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.attempts - 1, 12))
        text = f"{type(error).__name__}: {error}"[:300]
        rows = type(self)._default_manager.filter(pk=self.pk, not_before=self.not_before)
        rows.update(not_before=timezone.now() + pause, error=text)
        return text

    def finish(self) -> None:
        """Write down that the work is done."""
        type(self)._default_manager.filter(pk=self.pk).update(done_at=timezone.now(), error="")
