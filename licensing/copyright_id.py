"""Copyright IDs: short, typeable, not to be guessed, and caught when mistyped.

``SLS-XXXX-XXXX-XXXX``: ten random characters (50 bits) and two check characters. The alphabet is Crockford's base 32
(https://www.crockford.com/base32.html: no I, L, O, U), the check is ISO/IEC 7064 MOD 1271-36, a pure system that
catches every single wrong character and every swap of two neighbours.
"""

from __future__ import annotations

import secrets

PREFIX = "SLS"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
VALUES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MODULUS = 1271
RANDOM_CHARACTERS = 10
LOOK_ALIKES = str.maketrans("OIL", "011")


def new_copyright_id() -> str:
    """Draw a new Copyright ID. Its uniqueness is the database's business."""
    while True:
        drawn = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
        check = check_characters(drawn)
        # The check may be any letter; one outside the alphabet would be read as a digit when typed.
        if set(check) <= set(ALPHABET):
            return _grouped(drawn + check)


def check_characters(text: str) -> str:
    """Return the two characters that make ``text`` plus them a multiple, plus one, of the modulus.

    >>> check_characters("ISO79")
    '3W'
    """
    remainder = 0
    for character in text:
        remainder = (remainder + VALUES.index(character)) * len(VALUES) % MODULUS
    high, low = divmod((1 - remainder * len(VALUES)) % MODULUS, len(VALUES))
    return VALUES[high] + VALUES[low]


def normalise(typed: str) -> str | None:
    """Return a Copyright ID as it is stored, from any way of typing it; None if it cannot be one."""
    text = "".join(character for character in typed.upper() if character.isalnum())
    text = text.removeprefix(PREFIX).translate(LOOK_ALIKES)
    if len(text) != RANDOM_CHARACTERS + 2 or not set(text) <= set(ALPHABET):
        return None
    drawn, check = text[:RANDOM_CHARACTERS], text[RANDOM_CHARACTERS:]
    return _grouped(text) if check_characters(drawn) == check else None


def _grouped(text: str) -> str:
    return "-".join([PREFIX, text[:4], text[4:8], text[8:]])
