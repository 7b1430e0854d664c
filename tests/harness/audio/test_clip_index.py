from pathlib import Path

import numpy as np
import pytest
import xxhash

from harness.audio.clip_index import ENTRY, NOT_KEPT, ClipIndex, HeldClips, StoredClip, undamaged, unpacked
from harness.audio.sound_checks import Sound

SOUND = Sound(largest=0.75, channels=0.5, mono=0.25)


def clip(number: int, **fields: int) -> StoredClip:
    sized = {"place": 10 * number, "length": number} | fields
    return StoredClip(
        key(number),
        digest=bytes([number] * 16),
        file_digest=bytes([number + 1] * 16),
        louder=number % 3,
        sound=SOUND,
        **sized,
    )


def key(number: int) -> bytes:
    """Keys 0 to 9 differ in the first half, 10 and more only in the second."""
    return bytes([*range(6), number if number < 10 else 0, 7, *range(7), number])


@pytest.fixture
def index(tmp_path: Path) -> ClipIndex:
    index = ClipIndex(tmp_path / "index")
    for number in (5, 3, 8, 1):
        index.add(clip(number))
    return index


def test_clips_are_found_by_their_keys(index: ClipIndex) -> None:
    entries, there = index.find([key(number) for number in (1, 2, 3, 9, 8, 0)])
    assert there.tolist() == [True, False, True, False, True, False]
    assert [unpacked(entry.tobytes()) for entry in entries[there]] == [clip(1), clip(3), clip(8)]


def test_keys_with_an_equal_first_half_are_told_apart(index: ClipIndex) -> None:
    index.add(clip(10))
    _, there = index.find([key(10), key(11)])
    assert there.tolist() == [True, False]


def test_a_few_are_found_among_many(tmp_path: Path) -> None:
    many = [StoredClip(xxhash.xxh3_128_digest(bytes([n])), n, n, bytes(16), bytes(16), 0, SOUND) for n in range(200)]
    index = ClipIndex(tmp_path / "index")
    index.file.write_bytes(b"".join(one.packed() for one in many))
    entries, there = index.find([many[77].key, bytes(16), many[3].key])
    assert there.tolist() == [True, False, True]
    assert entries["length"][there].tolist() == [77, 3]
    _, there = index.find([bytes(16)])
    assert not there.any()


def test_of_two_entries_the_later_counts(index: ClipIndex) -> None:
    for place in (77, 78, NOT_KEPT):
        index.add(clip(3, place=place))
        (entry,), _ = index.find([key(3)])
        assert unpacked(entry.tobytes()) == clip(3, place=place)


def test_nothing_is_found_where_nothing_is(tmp_path: Path, index: ClipIndex) -> None:
    _, there = ClipIndex(tmp_path / "none").find([key(1)])
    assert there.tolist() == [False]
    _, there = index.find([])
    assert there.tolist() == []


def test_an_entry_that_was_cut_is_written_over(index: ClipIndex) -> None:
    with index.file.open("ab") as file:
        file.write(b"a part")
    _, there = index.find([key(1)])
    assert there.all()
    index.add(clip(2))
    assert index.file.stat().st_size == 5 * 88
    (entry,), _ = index.find([key(2)])
    assert unpacked(entry.tobytes()) == clip(2)


def test_each_flipped_bit_of_an_entry_is_noticed(index: ClipIndex) -> None:
    (entry,), _ = index.find([key(1)])
    packed = entry.tobytes()
    flipped = []
    for bit in range(8 * len(packed)):
        content = bytearray(packed)
        content[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(content))
    entries = np.frombuffer(b"".join([packed, *flipped]), entry.dtype)
    assert undamaged(entries).tolist() == [True] + [False] * len(flipped)


def test_held_clips_are_those_that_were_held_last() -> None:
    held = HeldClips()
    paths = [Path(f"{number}.wav") for number in range(6)]
    entries = np.frombuffer(b"".join(clip(number).packed() for number in range(7)), ENTRY)
    held.hold(paths[:4], entries[:4])
    held.hold([paths[1], paths[5]], entries[[6, 5]])
    assert [unpacked(one.tobytes()).length for one in held.of([paths[5], paths[1], paths[0], paths[1]])] == [5, 6, 0, 6]
    with pytest.raises(KeyError, match="4.wav"):
        held.of([paths[0], paths[4]])
