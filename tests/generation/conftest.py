"""Fixtures of the tests about composing."""

from tests.generation.stubs import studio

__all__ = ["studio"]
