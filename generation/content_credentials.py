"""The pair that signs our previews and what owners get (C2PA): from the settings, or made here in development.

``C2PA_CERT`` and ``C2PA_KEY`` name a certificate chain and its key. Where neither is set, both lie in a folder of
their own beside the keys for certificates; development makes them when they are first needed, production never does
by itself (``manage.py make_c2pa_key``).
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from generation.audio.certificates import Credentials, make_credentials
from generation.audio.errors import CredentialsUnusable

CHAIN, KEY = "chain.pem", "key.pem"
TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


def credentials() -> Credentials:
    """Return the pair that signs now. Raises ``CredentialsUnusable`` where there is none."""
    chosen = (settings.C2PA_CERT, settings.C2PA_KEY)
    folder = own_folder()
    if not any(chosen) and not settings.PRODUCTION and not folder.exists():
        make_own()
    paths = [Path(path or folder / name) for path, name in zip(chosen, (CHAIN, KEY), strict=True)]
    try:
        chain, key = (path.read_bytes() for path in paths)
    except OSError as error:
        raise CredentialsUnusable(
            f"the C2PA pair cannot be read: {error}; run manage.py make_c2pa_key, or set SOLOSCORE_C2PA_CERT "
            "and SOLOSCORE_C2PA_KEY to PEM files"
        ) from error
    return Credentials(chain=chain, key=key)


def make_own() -> Path:
    """Make a pair in the folder of our own and return that folder; a pair that is there already stays.

    The folder appears whole: of two processes, the first one's pair stays.
    """
    folder = own_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = make_credentials(organisation=settings.SITE_NAME)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (work / CHAIN).write_bytes(made.chain)
        (work / KEY).touch(mode=0o600)
        (work / KEY).write_bytes(made.key)
        work.rename(folder)
    except OSError as error:
        if error.errno not in TAKEN:
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def own_folder() -> Path:
    """Return where our own pair lies, whether it is there or not."""
    return Path(settings.SIGNING_KEYS_DIR) / "c2pa"
