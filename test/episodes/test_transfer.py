"""Recordings on their way to another machine: finished ones, whole, in order, resumed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from recorded_streams import Streams
from typer.testing import CliRunner

from rig_ros.cli import sync as verb
from rig_ros.episodes import curation
from rig_ros.episodes.inspection import survey
from rig_ros.episodes.reading import find_episodes
from rig_ros.episodes.transfer import sync
from rig_ros.errors import ConfigError, HardwareError

needs_rsync = pytest.mark.skipif(shutil.which('rsync') is None, reason='no rsync')


def recordings(folder: Path) -> Path:
    for name in ('e1', 'e2', 'gone'):
        Streams(steps=3).build().write(folder, name)
    curation.delete(folder / 'gone')
    Streams(steps=3).build().record(folder, 'open').close()
    return folder


@needs_rsync
def test_finished_recordings_arrive_whole_and_once(tmp_path: Path):
    source, target = recordings(tmp_path / 'a'), tmp_path / 'deep' / 'b'
    first = sync(source, str(target))
    assert (first.finished, sorted(first.sent)) == (2, ['e1/e1.mcap', 'e2/e2.mcap'])
    assert sorted(p.name for p in target.iterdir()) == ['e1', 'e2']
    assert sum(e.steps for e in survey(target).episodes) == 6
    assert sync(source, str(target)).sent == ()
    (target / 'e2' / 'e2.mcap').write_bytes(b'half')
    assert sync(source, str(target)).sent == ('e2/e2.mcap',)
    assert sync(tmp_path / 'deep', str(tmp_path / 'c')).finished == 2


@needs_rsync
def test_over_a_remote_shell_and_resumed_after_a_cut(tmp_path: Path):
    """The shell stands in for ssh: it drops the connection once, then connects."""
    source, target = recordings(tmp_path / 'a'), tmp_path / 'b'
    shell = tmp_path / 'shell'
    shell.write_text(f'#!/bin/sh\nshift\nif mkdir {tmp_path}/dropped 2>/dev/null\n'
                     'then exit 255\nfi\nexec "$@"\n')
    shell.chmod(0o755)
    with pytest.raises(HardwareError, match='run it again: it resumes'):
        sync(source, f'robot:{target}', str(shell))
    assert not target.is_dir() or not find_episodes(target)
    assert sync(source, f'robot:{target}', str(shell)).finished == 2
    assert sum(e.steps for e in survey(target).episodes) == 6


def test_metadata_goes_last_and_the_shell_is_passed_on(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source, log = recordings(tmp_path / 'a'), tmp_path / 'log'
    program = tmp_path / 'bin' / 'rsync'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncat >> {log}\necho >> {log}\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}{os.pathsep}{os.environ["PATH"]}')
    result = CliRunner().invoke(verb.app, [str(source), 'me@host:x', '--shell', 'ssh -p 7'])
    assert result.exit_code == 0, result.output
    first, second = (block for block in log.read_text().split('--times') if block)
    assert 'e1/e1.mcap' in first
    assert 'metadata.yaml' not in first
    assert 'e1/metadata.yaml' in second
    assert '--rsh ssh -p 7' in first
    assert 'me@host:x/' in first
    assert 'open' not in log.read_text().replace(str(tmp_path), '')


def test_without_rsync_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = recordings(tmp_path / 'a')
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ConfigError, match='apt-get install rsync'):
        sync(source, 'x')


def test_nothing_finished_is_nothing_to_do(tmp_path: Path):
    assert sync(tmp_path, 'x').sent == ()
