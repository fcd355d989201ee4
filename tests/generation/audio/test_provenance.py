"""Where a file comes from is said in it, signed, and read the same by us and by a reader of another make."""

from __future__ import annotations

import datetime
import http.server
import random
import struct
import subprocess
import sys
import threading
import zlib
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from generation.audio import certificates
from generation.audio.certificates import Credentials, expiry_of, make_credentials, root_of
from generation.audio.errors import CredentialsUnusable, EncodingFailed
from generation.audio.files import dithered, encode_mp3, write_flac24, write_wav24
from generation.audio.labels import AI_SOURCE_TYPE, Labels
from generation.audio.provenance import Provenance, Signer, read_provenance, sign, try_out
from tests.generation.audio.c2pa_by_hand import Broken, manifest_store, validate

LABELS = Labels(
    title="Dämmerung in E♭",
    copyright_id="SLS-0042-0042-0042",
    licence="Exclusive licence 2026-11",
    licensee="one exclusive licensee",
    verify_url="https://soloscore.example/certificates/SLS-0042-0042-0042/",
)
MADE_AT = datetime.datetime(2026, 11, 22, 15, 30, tzinfo=datetime.UTC)
KINDS = ("wav", "flac", "mp3")


@pytest.fixture(scope="module")
def pair():
    return make_credentials(organisation="Soloscore")


@pytest.fixture(scope="module")
def signer(pair):
    return Signer(credentials=pair, composer="piano-1", made_at=MADE_AT)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A third of a second of noise in each kind of file, labelled but not signed."""
    folder = tmp_path_factory.mktemp("plain")
    noise = np.random.default_rng(1).normal(0, 0.1, (14_700, 2)).astype(np.float32)
    samples = dithered(sound=noise, seed=1)
    write_wav24(samples=samples, path=folder / "a.wav", labels=LABELS)
    write_flac24(samples=samples, path=folder / "a.flac", labels=LABELS)
    encode_mp3(source=folder / "a.wav", path=folder / "a.mp3", kilobits=320, labels=LABELS)
    return folder


@pytest.fixture(scope="module")
def signed(plain, signer, tmp_path_factory):
    """The same files, signed: bytes by kind."""
    folder = tmp_path_factory.mktemp("signed")
    for kind in KINDS:
        path = folder / f"a.{kind}"
        path.write_bytes((plain / path.name).read_bytes())
        sign(path=path, labels=LABELS, signer=signer)
    return {kind: (folder / f"a.{kind}").read_bytes() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_finds_every_hash_and_signature_right(signed, pair, kind):
    said = validate(signed[kind], root=root_of(pair.chain))
    assert said.created == {
        "action": "c2pa.created",
        "when": MADE_AT,
        "digitalSourceType": AI_SOURCE_TYPE,
        "softwareAgent": {"name": "Soloscore composer", "version": "piano-1"},
    }
    assert said.claim["dc:title"] == said.metadata["dc:title"] == LABELS.title
    assert said.claim["claim_generator_info"]["name"] == "Soloscore"
    assert said.metadata["dc:identifier"] == LABELS.copyright_id
    assert said.metadata["dc:rights"] == f"Copyright ID {LABELS.copyright_id}"
    assert said.metadata["dc:description"] == "AI-generated music"
    assert said.metadata["xmpRights:UsageTerms"] == LABELS.licence
    assert said.metadata["xmpRights:WebStatement"] == LABELS.verify_url
    assert said.metadata["Iptc4xmpExt:DigitalSourceType"] == AI_SOURCE_TYPE


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_of_the_sound_is_found_by_both_readers(signed, pair, kind, tmp_path):
    data = bytearray(signed[kind])
    # In the middle of the sound: the manifest stands at the end of WAV and at the start of the others.
    place = len(data) // 2 + (0 if kind == "wav" else 2000)
    start, length, _ = manifest_store(bytes(data))
    assert not start <= place < start + length
    data[place] ^= 1
    with pytest.raises(Broken, match="the file was changed"):
        validate(bytes(data), root=root_of(pair.chain))
    (tmp_path / "flipped").write_bytes(data)
    found = read_provenance(tmp_path / "flipped", chain=pair.chain)
    assert (found.verdict, found.reason) == ("altered", "The file was changed after it was signed.")


@pytest.mark.parametrize(
    ("what", "message", "reason"),
    [
        (b'SLS-0042-0042-0042/"', "was changed", "What the manifest says was changed"),
        (b"dc:title", "does not fit", "The signature does not fit"),
    ],
    ids=["assertion", "claim"],
)
def test_another_word_in_the_manifest_is_found_by_both_readers(signed, pair, tmp_path, what, message, reason):
    start, _, store = manifest_store(signed["mp3"])
    place = start + store.rindex(what)
    data = signed["mp3"][:place] + what.swapcase() + signed["mp3"][place + len(what) :]
    with pytest.raises(Broken, match=message):
        validate(data, root=root_of(pair.chain))
    (tmp_path / "reworded.mp3").write_bytes(data)
    found = read_provenance(tmp_path / "reworded.mp3", chain=pair.chain)
    assert found.verdict == "altered"
    assert found.reason.startswith(reason)


def test_a_manifest_moved_to_another_file_does_not_hold(signed, plain, pair, tmp_path):
    _, _, store = manifest_store(signed["wav"])
    other = bytearray((plain / "a.wav").read_bytes())
    other[5000] ^= 1
    chunk = b"C2PA" + struct.pack("<I", len(store)) + store + bytes(len(store) % 2)
    other[4:8] = struct.pack("<I", len(other) - 8 + len(chunk))
    (tmp_path / "other.wav").write_bytes(bytes(other) + chunk)
    assert read_provenance(tmp_path / "other.wav", chain=pair.chain).verdict == "altered"


@pytest.mark.parametrize("kind", KINDS)
def test_we_read_what_we_signed_under_whatever_name(signed, pair, kind, tmp_path):
    (tmp_path / "renamed.txt").write_bytes(signed[kind])
    assert read_provenance(tmp_path / "renamed.txt", chain=pair.chain) == Provenance(
        verdict="ours",
        reason="The file is as we signed it.",
        title=LABELS.title,
        copyright_id=LABELS.copyright_id,
        verify_url=LABELS.verify_url,
        source_type=AI_SOURCE_TYPE,
        composer="Soloscore composer piano-1",
        made_at="2026-11-22T15:30:00Z",
        signed_by="Soloscore",
    )


def test_signing_changes_neither_sound_nor_tags(signed, plain, tmp_path):
    import mutagen

    for kind in KINDS:
        path = tmp_path / f"a.{kind}"
        path.write_bytes(signed[kind])
        before, after = (soundfile.read(one, dtype="int32")[0] for one in (plain / path.name, path))
        assert np.array_equal(before, after)
        tags = {name: value for name, value in mutagen.File(path).tags.items() if "GEOB" not in name}
        assert tags == dict(mutagen.File(plain / path.name).tags.items())


def test_what_a_stranger_signs_is_not_ours_even_under_our_name(plain, pair, tmp_path):
    for name in ("Somebody", "Soloscore"):
        stranger = make_credentials(organisation=name)
        path = tmp_path / f"{name}.wav"
        path.write_bytes((plain / "a.wav").read_bytes())
        sign(path=path, labels=LABELS, signer=Signer(credentials=stranger, composer="piano-1"))
        found = read_provenance(path, chain=pair.chain)
        assert (found.verdict, found.signed_by) == ("foreign", name)
        with pytest.raises(Broken, match="does not fit"):
            validate(path.read_bytes(), root=root_of(pair.chain))
        # A public root has signed others than us.
        leaf_of_ours = pair.chain[: pair.chain.index(b"-----END")] + b"-----END CERTIFICATE-----\n"
        mixed = leaf_of_ours + root_of(stranger.chain)
        assert read_provenance(path, chain=mixed).verdict == ("ours" if name == "Soloscore" else "foreign")


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"", "none"),
        (b"R", "none"),
        (b"RIFF", "unreadable"),
        (b"%PDF-1.7 not audio", "none"),
        (b"fLaC", "unreadable"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7fGEOB", "none"),
        (b"RIFF\xff\xff\xff\xffWAVEC2PA\xff\xff\xff\x7fjumb", "unreadable"),
    ],
)
def test_what_is_no_sound_has_no_provenance(tmp_path, content, verdict):
    (tmp_path / "file").write_bytes(content)
    found = read_provenance(tmp_path / "file")
    assert found.verdict == verdict
    assert found.reason


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    assert read_provenance(tmp_path / "nowhere").verdict == "unreadable"


def test_an_unsigned_file_says_nothing(plain):
    assert {read_provenance(plain / f"a.{kind}").verdict for kind in KINDS} == {"none"}


@pytest.mark.parametrize("seed", range(6))
def test_damage_gives_an_answer_and_never_passes_for_ours(signed, pair, tmp_path, seed):
    draw = random.Random(seed)
    data = bytearray(signed[KINDS[seed % 3]])
    if seed < 3:
        del data[draw.randrange(100, len(data) - 1) :]
    else:
        start, length, _ = manifest_store(bytes(data))
        data[start : start + length] = draw.randbytes(length)
    (tmp_path / "damaged").write_bytes(data)
    assert read_provenance(tmp_path / "damaged", chain=pair.chain).verdict in {
        "altered",
        "none",
        "unreadable",
    }


def test_a_tag_that_would_fill_the_memory_is_given_up(tmp_path):
    """One frame of 250 MB, packed into a quarter of a megabyte; without a limit it takes 770 MiB."""

    def size(number):
        return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))

    packer = zlib.compressobj(9, wbits=-15)
    million = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">I", (250_000_000 % 65521) << 16 | 1)
    packed = b"x\xda" + 250 * million + b"\x03\0" + checksum
    frame = b"GEOB" + size(len(packed) + 4) + b"\0\x09" + size(250_000_000) + packed
    (tmp_path / "bomb.mp3").write_bytes(b"ID3\x04\0\0" + size(len(frame)) + frame + bytes(1000))
    watched = (
        "import pathlib, resource, sys; from generation.audio.provenance import read_provenance; "
        "print(read_provenance(pathlib.Path(sys.argv[1])).verdict, "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)"
    )
    said = subprocess.run(
        [sys.executable, "-c", watched, tmp_path / "bomb.mp3"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert said[0] in {"none", "unreadable"}
    assert int(said[1]) < 300


def test_a_manifest_kept_elsewhere_is_never_fetched(plain, pair, tmp_path):
    import c2pa

    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", pair.chain, pair.key, None))
        with (
            c2pa.Context.from_dict({"verify": {"verify_after_sign": False}}, signer=signer) as context,
            c2pa.Builder({"title": "elsewhere"}, context=context) as builder,
            (plain / "a.mp3").open("rb") as source,
            (tmp_path / "elsewhere.mp3").open("w+b") as target,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/manifest.c2pa")
            builder.sign("audio/mpeg", source, target)
        found = read_provenance(tmp_path / "elsewhere.mp3")
        server.shutdown()
    assert b"/manifest.c2pa" in (tmp_path / "elsewhere.mp3").read_bytes()
    assert asked == []
    assert found.verdict == "none"


def test_what_is_none_of_the_three_kinds_is_not_signed(tmp_path, signer):
    (tmp_path / "score.mid").write_bytes(b"MThd and more")
    with pytest.raises(
        EncodingFailed, match=r"score\.mid could not be signed: it is neither WAV, FLAC nor MP3"
    ):
        sign(path=tmp_path / "score.mid", labels=LABELS, signer=signer)
    assert (tmp_path / "score.mid").read_bytes() == b"MThd and more"


def test_the_pair_we_make_signs_for_twenty_years(pair):
    try_out(pair)
    years = (expiry_of(pair) - datetime.datetime.now(datetime.UTC)).days / 365
    assert years == pytest.approx(20, abs=0.1)
    assert "PRIVATE" not in repr(pair)


def stranger_key(pair):
    return replace(pair, key=make_credentials(organisation="Soloscore").key)


def stranger_root(pair):
    other = make_credentials(organisation="Soloscore")
    return replace(pair, chain=pair.chain.replace(root_of(pair.chain), root_of(other.chain)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda pair: replace(pair, chain=b"no certificate"), "chain cannot be read"),
        (lambda pair: replace(pair, key=b"no key"), "key cannot be read"),
        (stranger_key, "not that of the first certificate"),
        (stranger_root, "is not signed by the next certificate"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_what_to_do(pair, spoil, message):
    with pytest.raises(CredentialsUnusable, match=message):
        expiry_of(spoil(pair))


def test_an_expired_pair_is_refused(monkeypatch, plain, tmp_path):
    monkeypatch.setattr(certificates, "LIFETIME", -datetime.timedelta(minutes=1))
    expired = make_credentials(organisation="Soloscore")
    with pytest.raises(CredentialsUnusable, match="not today; renew them"):
        expiry_of(expired)
    path = tmp_path / "a.wav"
    path.write_bytes((plain / "a.wav").read_bytes())
    with pytest.raises(EncodingFailed, match=r"a\.wav could not be signed: .*not valid"):
        sign(path=path, labels=LABELS, signer=Signer(credentials=expired, composer="piano-1"))
    assert path.read_bytes() == (plain / "a.wav").read_bytes()


def test_a_certificate_for_another_purpose_is_refused(monkeypatch):
    purposes = certificates.ExtendedKeyUsageOID
    monkeypatch.setattr(purposes, "EMAIL_PROTECTION", purposes.SERVER_AUTH)
    with pytest.raises(CredentialsUnusable, match="does not sign"):
        try_out(make_credentials(organisation="Soloscore"))


def test_a_kind_of_key_that_we_do_not_sign_with_is_named(pair):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(CredentialsUnusable, match="P-256 or P-384, or Ed25519"):
        try_out(Credentials(chain=pair.chain, key=key))
