"""What can go wrong with ordering a piece, each with a code for programs and a message for people."""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.failures import failure, sentence


class GenerationError(Exception):
    """Any refusal of the generation services; ``status`` is the HTTP status that fits it."""

    code = "generation_error"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidOrder(GenerationError):
    """An order with values that cannot be composed; ``problems`` says by field what to change."""

    code = "invalid"
    status = 422

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = problems


class SeedBurned(InvalidOrder):
    """A piece of this very order was sold: its seed is never composed again."""

    code = "seed_burned"

    def __init__(self, seed: int | None) -> None:
        super().__init__({"seed": sentence(failure(self.code, seed=seed))})


class InvalidTitle(GenerationError):
    """A name for a piece that is empty, too long or has characters that cannot be seen."""

    code = "invalid_title"
    status = 422

    def __init__(self, title: str) -> None:
        super().__init__(
            _("“%(title)s” cannot be the name of a piece: give it 1 to 80 letters, digits or signs.")
            % {"title": title[:80]}
        )


class NoComposer(GenerationError):
    """The instrument exists, but no trained model is in use for it."""

    code = "no_composer"
    status = 503

    def __init__(self, instrument: str) -> None:
        super().__init__(
            _("Nothing can be composed for “%(instrument)s” at the moment: its composer is not installed.")
            % {"instrument": instrument}
        )


class TooManyCompositions(GenerationError):
    """This maker has as much in work, or has ordered as much today, as one maker may."""

    code = "too_many_compositions"
    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(GenerationError):
    """More is waiting than can be composed in a reasonable time."""

    code = "queue_full"
    status = 503

    def __init__(self) -> None:
        super().__init__(_("Many people are composing right now. Please try again in a few minutes."))
        self.retry_after = 120


class InvalidRating(GenerationError):
    """A rating is none of the five."""

    code = "invalid"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("Choose a rating from 1 (discordant) to 5 (melodious)."))


class NotAllowed(GenerationError):
    """The piece is in a state in which this cannot be done."""

    code = "not_allowed"
    status = 409
