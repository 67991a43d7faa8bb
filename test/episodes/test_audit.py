"""What the audit of a recording finds."""

from __future__ import annotations

import pytest

from rig_ros.episodes import schema
from rig_ros.episodes.audit import Audit, Auditor, ClockWatch, from_record, spacing

SECOND = 10**9


def test_spacing_counts_pauses_above_one_and_a_half_intervals():
    found = spacing([0, SECOND, 2 * SECOND, 5 * SECOND, 6 * SECOND])
    assert (found.rate_hz, found.gaps, found.longest_gap_s) == (1.0, 1, 3.0)
    assert spacing([7]).rate_hz == 0.0
    assert spacing([7, 7]).gaps == 0


def test_a_good_recording_has_no_findings():
    auditor = Auditor()
    for number in range(10):
        for name in (schema.IMAGE, schema.COMMAND):
            auditor.see(name, SECOND + number * SECOND // 10, number + 1)
        auditor.see(schema.GOAL_PREVIEW)
    assert auditor.finish(set()).findings == []
    assert auditor.finish({schema.LATENT}).findings == ['no message on latent']
    assert auditor.streams == {schema.IMAGE, schema.COMMAND}


def test_a_publisher_that_starts_anew_is_no_loss():
    auditor = Auditor()
    for sequence in (7, 8, 1, 2, 5):
        auditor.see(schema.IMAGE, SECOND, sequence)
    assert auditor.finish(set()).lost == {schema.IMAGE: 2}


def test_stamps_back_in_time_are_told():
    auditor = Auditor()
    for stamp in (3, 4, 2, 5):
        auditor.see(schema.IMAGE, stamp * SECOND)
    assert '1 stamps back in time on camera/image' in auditor.finish(set()).findings


def test_clock_watch_tells_a_step_and_no_drift():
    watch = ClockWatch(5 * SECOND, 100.0)
    assert watch.jump_ns(6 * SECOND + 10**7, 101.0) == 0
    assert watch.jump_ns(8 * SECOND, 102.0) == pytest.approx(SECOND, abs=2 * 10**7)
    assert watch.jump_ns(9 * SECOND, 103.0) == 0
    assert watch.jump_ns(9 * SECOND, 104.0) == -SECOND


def test_records_survive_the_way_through_the_file_and_unknown_keys():
    audit = Audit({'latent': 3}, {'latent': 1}, silent=('ee_pose',), clock_jumps_s=(1.0,))
    assert from_record({**audit.as_record(), 'new': '1'}) == audit
    with pytest.raises(ValueError, match='Expecting'):
        from_record({'counts': '{'})
