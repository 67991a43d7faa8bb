"""A recording cut at any byte gives back every whole step, and the original stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import Writer
from recorded_streams import Streams
from rosbags.highlevel import AnyReader

from rig_ros.control import task as tasks
from rig_ros.episodes import schema
from rig_ros.episodes.assembler import assemble
from rig_ros.episodes.reading import find_episodes, read_messages
from rig_ros.episodes.recovery import recover, recover_file, recover_unfinished
from rig_ros.episodes.store import EpisodeWriter
from rig_ros.errors import DataError

STEPS = 6


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Streams, list[int]]:
    """Content of a recording, its streams, and the file size after each completed step."""
    folder = tmp_path_factory.mktemp('whole')
    streams = Streams(steps=STEPS, size=48).build()
    writer = EpisodeWriter(folder, 'e1')
    sizes: list[int] = []
    for number, (topic, cdr) in enumerate(streams.messages):
        writer.write(topic, cdr, number)
        if schema.local_name(topic) == schema.COMMAND:
            sizes.append(writer.size)
    return writer.finish().path.read_bytes(), streams, sizes


def _check_cut(folder: Path, whole: tuple[bytes, Streams, list[int]], cut: int, name: str) -> None:
    content, streams, sizes = whole
    folder.mkdir(exist_ok=True)
    source = folder / name
    source.write_bytes(content[:cut])
    report = recover_file(source)
    assert source.read_bytes() == content[:cut]
    expected = sum(size <= cut for size in sizes)
    if report.target is None:
        assert expected == 0
        assert list(folder.iterdir()) == [source]
        return
    found = [(m.topic, m.cdr) for m in read_messages(report.target)]
    assert found == streams.messages[:len(found)]
    commands = sum(schema.local_name(t) == schema.COMMAND for t, _ in found)
    assert commands >= expected
    assert not [p for p in folder.iterdir() if p.name.endswith('.tmp')]


@given(share=st.floats(0, 1))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_recover_keeps_every_whole_step_cut_anywhere(
        tmp_path_factory: pytest.TempPathFactory, whole: tuple[bytes, Streams, list[int]],
        share: float):
    cut = round(share * len(whole[0]))
    _check_cut(tmp_path_factory.mktemp('cut') / 'e1', whole, cut, 'e1.mcap.part')


@pytest.mark.parametrize('name', ['e1.mcap', 'e1.mcap.part'])
def test_recover_keeps_every_whole_step_cut_beside_each_step(
        tmp_path: Path, whole: tuple[bytes, Streams, list[int]], name: str):
    content, _, sizes = whole
    cuts = {size + offset for size in sizes for offset in (-1, 0, 1, 9, 40)}
    cuts |= {0, 1, 8, 9, 30, len(content) - 1, len(content) - 8, len(content) - 9}
    for cut in sorted(c for c in cuts if 0 <= c < len(content)):
        _check_cut(tmp_path / str(cut), whole, cut, name)


def test_recovered_recording_opens_everywhere_and_assembles(
        tmp_path: Path, whole: tuple[bytes, Streams, list[int]]):
    content, _, sizes = whole
    folder = tmp_path / 'run' / 'e1'
    folder.mkdir(parents=True)
    (folder / 'e1.mcap.part').write_bytes(content[:sizes[4] + 5])
    (report,) = recover(tmp_path)
    assert report.outcome == 'restored'
    assert report.file is not None
    assert report.file.commands == 5
    with AnyReader([folder]) as reader:
        assert reader.message_count == sum(report.file.counts.values())
    task = tasks.load('reach')
    episode = assemble(folder, task)
    assert (episode.outcome, episode.steps) == ('cut', 4)
    assert episode.dropped['step in flight at the end'] == 1


def test_a_second_recover_changes_nothing(tmp_path: Path):
    Streams().build().record(tmp_path, 'e1').close()
    assert [r.outcome for r in recover_unfinished(tmp_path)] == ['restored']
    before = {p: p.read_bytes() for p in (tmp_path / 'e1').iterdir()}
    assert recover_unfinished(tmp_path) == []
    assert {r.outcome for r in recover(tmp_path)} == {'intact', 'restored before'}
    assert {p: p.read_bytes() for p in (tmp_path / 'e1').iterdir()} == before


def test_a_damaged_finished_file_is_restored_beside_it(tmp_path: Path):
    file = Streams().build().write(tmp_path, 'e1')
    content = file.path.read_bytes()
    file.path.write_bytes(content[:len(content) // 2])
    with pytest.raises(DataError, match=r'cut at byte.*rig_ros recover'):
        list(read_messages(file.path))
    (report,) = recover(file.path)
    assert report.target == file.path.with_name('e1.recovered.mcap')
    assert find_episodes(tmp_path) == [report.target]
    assert len(file.path.read_bytes()) == len(content) // 2


def test_a_flipped_bit_costs_its_own_step_only(tmp_path: Path):
    file = Streams(steps=8).build().write(tmp_path, 'e1')
    with file.path.open('rb') as stream:
        chunk = make_reader(stream).get_summary().chunk_indexes[4]
    content = bytearray(file.path.read_bytes())
    content[chunk.chunk_start_offset + chunk.chunk_length - 50] ^= 0x10
    file.path.write_bytes(content)
    with pytest.raises(DataError, match='rig_ros recover'):
        list(read_messages(file.path))
    (report,) = recover(file.path)
    assert report.file is not None
    assert report.file.commands == 7
    assert 'damaged' in report.findings[0]


def test_missing_metadata_is_written_again(tmp_path: Path):
    file = Streams().build().write(tmp_path, 'e1')
    metadata = file.path.with_name('metadata.yaml')
    metadata.unlink()
    (report,) = recover(tmp_path)
    assert report.outcome == 'intact'
    with AnyReader([file.path.parent]) as reader:
        assert reader.message_count == sum(file.counts.values())


def test_raises_error_if_there_is_nothing_of_that_name(tmp_path: Path):
    with pytest.raises(DataError, match='does not exist'):
        recover(tmp_path / 'none')
    other = tmp_path / 'notes.txt'
    other.write_text('x')
    with pytest.raises(DataError, match=r'notes\.txt'):
        recover(other)


def test_a_message_without_its_channel_is_damage(tmp_path: Path):
    """Fuzzing: a damaged chunk took the channel along, and reading left as KeyError."""
    path = tmp_path / 'e.mcap.part'
    with path.open('wb') as stream:
        writer = Writer(stream, use_chunking=False)
        writer.start()
        writer.add_message(7, 0, b'', 0)
        stream.flush()
    with pytest.raises(DataError, match='channel 7 has no definition'):
        list(read_messages(path))


def test_a_chunk_that_says_it_is_longer_than_memory_is_damage(tmp_path: Path):
    """Fuzzing: a length of 2^63 bytes left as OverflowError."""
    file = Streams(steps=3).build().write(tmp_path)
    content = bytearray(file.path.read_bytes())
    at = content.index(b'zstd') + 4
    content[at:at + 8] = b'\xff' * 8
    source = tmp_path / 'x.mcap.part'
    source.write_bytes(content)
    report = recover_file(source)
    assert any('OverflowError' in finding for finding in report.findings)
    assert report.target is not None
