"""What the browser is given: small, complete, and exactly what it says it is."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.urls import reverse

from tests.factories import a_listed_composition

STATIC = Path(settings.BASE_DIR) / "marketplace" / "static"
FIRST_VISIT_KIB = 150


def test_hashing_finds_every_file_that_a_stylesheet_names(tmp_path: Path) -> None:
    names = [str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()]
    source = FileSystemStorage(location=STATIC)
    target = ManifestStaticFilesStorage(location=tmp_path, base_url="/static/")
    for name in names:
        with source.open(name) as file:
            target.save(name, file)

    outcomes = list(target.post_process({name: (target, name) for name in names}))

    assert [outcome for _name, _hashed, outcome in outcomes if isinstance(outcome, Exception)] == []
    hashed = target.read_manifest() or ""
    assert "css/site.css" in hashed


@pytest.mark.parametrize("folder", ["bootstrap", "fonts"])
def test_vendored_files_are_the_ones_that_were_looked_at(folder: str) -> None:
    described = (STATIC / "vendor" / folder / "VENDORED.md").read_text()
    assert list((STATIC / "vendor" / folder).glob("LICENSE*"))

    for path in (STATIC / "vendor" / folder).iterdir():
        if path.suffix in {".css", ".js", ".woff2"}:
            assert hashlib.sha256(path.read_bytes()).hexdigest() in described, path.name


def test_no_file_names_another_server_to_load_from() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in {".css", ".js"}:
            text = path.read_text()
            assert not re.search(r"url\([\"']?(https?:)?//", text), path
            assert not re.search(r"\b(fetch|import)\(?\s*[\"']https?:", text), path


@pytest.mark.django_db
def test_the_first_visit_is_light(client: Client) -> None:
    for _number in range(3):
        a_listed_composition(peaks=[-90, 110] * 800, roll=[[n, n % 12, 2] for n in range(180)])

    page = client.get(reverse("home")).content
    named = set(re.findall(r"/static/([\w./-]+)", page.decode()))
    style = (STATIC / "css" / "site.css").read_text()
    named |= {name.removeprefix("../") for name in re.findall(r'url\("(\.\./[^"]+)"\)', style)}

    weight = len(page)
    for name in named:
        content = (STATIC / name).read_bytes()
        weight += len(content) if name.endswith(".woff2") else len(gzip.compress(content))
    assert weight <= FIRST_VISIT_KIB * 1024
    assert {"css/site.css", "js/player.js", "vendor/fonts/figtree.woff2"} <= named
