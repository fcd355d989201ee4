"""Whatever is done to a register that was published is found."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.canonical import sha256_of
from licensing.chain import KINDS, Entry, Head, faults_of, lives_in, read_entries

IDS = [f"SLS-0000-0000-{number:04}" for number in range(4)]


def chained(entries: list[Entry]) -> list[Entry]:
    """The same entries, numbered and hashed as whoever rewrites a register would."""
    head, found = Head(), []
    for entry in entries:
        entry = replace(entry, number=head.number + 1, previous=head.hash)
        found.append(replace(entry, hash=entry.hashed()))
        head = Head(found[-1].number, found[-1].hash)
    return found


@st.composite
def registers(draw: st.DrawFn) -> list[Entry]:
    count = draw(st.integers(2, 9))
    return chained(
        [
            Entry(
                number=0,
                kind=draw(st.sampled_from(KINDS)),
                copyright_id=draw(st.sampled_from(IDS)),
                at=f"2026-11-{draw(st.integers(1, 30)):02}T12:00:00Z",
                digest=sha256_of(str(number).encode()),
                successor=draw(st.sampled_from(["", *IDS])),
                previous="",
            )
            for number in range(count)
        ]
    )


def head_of(entries: list[Entry]) -> Head:
    return Head(entries[-1].number, entries[-1].hash)


@given(registers())
def test_a_register_left_alone_has_no_fault_and_reads_as_it_was_written(entries: list[Entry]) -> None:
    assert faults_of(entries, head=head_of(entries)) == []
    assert list(read_entries("".join(f"{entry.line()}\n" for entry in entries))) == entries
    half = len(entries) // 2
    rest = entries[half:]
    assert faults_of(rest, after=head_of(entries[:half]), head=head_of(entries[:half])) == []


@given(registers(), st.data())
def test_any_edit_is_found_and_named(entries: list[Entry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from([field.name for field in fields(Entry)]))
    old = getattr(entries[place], name)
    new = data.draw(
        (st.integers(-3, 99) if name == "number" else st.text("0123456789abcdef", max_size=8)).filter(
            lambda it: it != old
        )
    )
    entries[place] = replace(entries[place], **{name: new})
    faults = faults_of(entries)
    assert any(fault.where == f"entry {entries[place].number}" for fault in faults)


@given(registers(), st.data())
def test_any_deletion_is_found(entries: list[Entry], data: st.DataObject) -> None:
    head = head_of(entries)
    del entries[data.draw(st.integers(0, len(entries) - 1))]
    assert faults_of(entries, head=head)


@given(registers(), st.data())
def test_any_new_order_is_found(entries: list[Entry], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(entries).filter(lambda other: list(other) != entries))
    assert faults_of(shuffled, head=head_of(entries))


@given(registers(), registers(), st.data())
def test_any_insertion_is_found(entries: list[Entry], others: list[Entry], data: st.DataObject) -> None:
    head = head_of(entries)
    stranger = data.draw(st.sampled_from([*entries, *others]))
    entries.insert(data.draw(st.integers(0, len(entries))), stranger)
    assert faults_of(entries, head=head)


@given(registers(), st.data())
def test_whoever_hashes_everything_anew_loses_the_head_that_was_published(
    entries: list[Entry], data: st.DataObject
) -> None:
    published = head_of(entries)
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = list(entries)
    forged[place] = replace(forged[place], digest=sha256_of(b"another"))
    forged = chained(forged)
    assert faults_of(forged) == []
    assert [str(fault) for fault in faults_of(forged, head=published)] == [
        f"entry {published.number}: the published hash {published.hash} is not in this register"
    ]


@pytest.mark.parametrize("line", ["", "{}", "[]", "x", '{"number": "1"}', "1", "null"])
def test_what_is_no_entry_is_refused_by_its_line(line: str) -> None:
    good = chained([Entry(0, "issued", IDS[0], "2026-11-22T12:00:00Z", "0" * 64, "", "")])[0].line()
    with pytest.raises(ValueError, match="Line 2 of the register"):
        list(read_entries(f"{good}\n{line}\n{good}"))


def life(*kinds: str) -> tuple[str, list[str]]:
    entries = chained([Entry(0, kind, IDS[0], "2026-11-22T12:00:00Z", "0" * 64, "", "") for kind in kinds])
    found = lives_in(entries)[IDS[0]]
    return found.status, [fault.what.removeprefix(f"{IDS[0]} ") for fault in found.faults]


@pytest.mark.parametrize(
    ("kinds", "status", "faults"),
    [
        (("issued",), "valid", []),
        (("issued", "signed", "suspended", "restored"), "valid", []),
        (("issued", "revoked", "signed"), "revoked", []),
        (("issued", "signed", "transferred"), "transferred", []),
        (("issued", "issued"), "valid", ["is issued a second time"]),
        (("issued", "signed", "signed"), "valid", ["is signed a second time"]),
        (("signed", "issued"), "valid", ["is signed before it is issued"]),
        (("issued", "revoked", "restored"), "valid", ["is restored after it was revoked"]),
        (("issued", "superseded", "transferred"), "transferred", ["is transferred after it was superseded"]),
    ],
)
def test_a_certificate_lives_as_its_kinds_allow(
    kinds: tuple[str, ...], status: str, faults: list[str]
) -> None:
    assert life(*kinds) == (status, faults)
