"""A short round of fuzzing on each target; the long one is run by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fuzzing

SLOW = ('recorder', 'files', 'bundles')


@pytest.mark.parametrize('name', sorted(fuzzing.SHARES))
def test_everything_is_taken_or_refused_with_a_named_error(name: str, tmp_path: Path):
    if name == 'conversions':
        pytest.importorskip('rclpy')
    ends, failures = fuzzing.run(name, 0, 15 if name in SLOW else 100, tmp_path)
    assert not failures, '\n'.join(failures[:3])
    assert sum(ends.values()) == (15 if name in SLOW else 100)


def test_a_wrong_kind_of_error_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(self: object, rng: object) -> None:
        raise KeyError('left as it is')

    monkeypatch.setattr(fuzzing.Targets, 'decoders', fail)
    _, failures = fuzzing.run('decoders', 5, 1, tmp_path)
    assert 'decoders, seed 5' in failures[0]
