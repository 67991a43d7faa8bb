"""Picking problems out of a log that is still being written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig_ros.bringup.log_tail import LogTail


@pytest.mark.parametrize(('line', 'expected'), [
    ('[WARN] [1783.123456789] [camera]: no picture for 0.5 s', 'WARN no picture for 0.5 s'),
    ('[ERROR] [1783.1] [lab.guard]: stale', 'ERROR stale'),
    ('[FATAL] [1783.1] [sim]: gone', 'FATAL gone'),
    ('[ERROR] policy: bundle: not found', 'ERROR policy: bundle: not found'),
    ('[WARNING] [rig_ros.bundle]: old', 'WARNING old'),
])
def test_problem_lines_lose_time_and_logger(tmp_path: Path, line: str, expected: str):
    tail = LogTail(tmp_path / 'log')
    (tmp_path / 'log').write_text(f'[INFO] [1.0] [x]: fine\n{line}\nplain text\n')
    assert tail.problems() == [expected]
    assert tail.problems() == []


def test_what_was_there_before_is_not_read_again(tmp_path: Path):
    path = tmp_path / 'log'
    path.write_text('[ERROR] [1.0] [x]: of an earlier run\n')
    assert LogTail(path).problems() == []
    assert LogTail(path).last_words() == 'none'


def test_half_a_line_waits_for_its_end(tmp_path: Path):
    path = tmp_path / 'log'
    tail = LogTail(path)
    path.write_bytes(b'[ERROR] [1.0] [x]: no sp')
    assert tail.problems() == []
    with path.open('ab') as log:
        log.write(b'ace left\n')
    assert tail.problems() == ['ERROR no space left']


def test_last_words_prefer_the_last_problem_over_later_chatter(tmp_path: Path):
    tail = LogTail(tmp_path / 'log')
    (tmp_path / 'log').write_text('[ERROR] [1.0] [x]: the cause\n[INFO] [1.1] [x]: bye\n')
    assert tail.last_words() == 'the cause'
    (tmp_path / 'log').write_text('Traceback\nImportError: no module\n')
    assert tail.last_words() == 'ImportError: no module'
