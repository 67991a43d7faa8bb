"""The model slot: verification, swap at the named reset, roll-back. With fake models."""

import hashlib
from types import SimpleNamespace

import pytest

from rig_ros.errors import ModelMismatch
from rig_ros.learning.slot import ModelSlot


def load(payload):
    if payload.startswith(b'bad'):
        raise ModelMismatch('smoke test: NaN')
    return SimpleNamespace(bundle_id=hashlib.sha256(payload).hexdigest(),
                           manifest=SimpleNamespace(encoder_id='enc-' + payload.decode()))


def announcement(payload, **changes):
    values = {'bundle_id': hashlib.sha256(payload).hexdigest(),
              'encoder_id': 'enc-' + payload.decode(), 'task': 'reach_xy',
              'size': str(len(payload)), 'step': '7', 'format_version': '1'}
    return {**values, **changes}


def deliver(slot, payload, **changes):
    values = announcement(payload, **changes)
    slot.announce(values)
    slot.receive(values['bundle_id'], payload)
    return values['bundle_id']


@pytest.fixture
def slot():
    slot = ModelSlot(load, 'reach_xy')
    slot.adopt(load(b'first'))
    return slot


@pytest.mark.parametrize('payload_first', [True, False])
def test_ready_then_swapped_by_name(slot, payload_first):
    values = announcement(b'second')
    calls = [lambda: slot.announce(values), lambda: slot.receive(values['bundle_id'], b'second')]
    for call in reversed(calls) if payload_first else calls:
        assert not call()
    assert slot.status.ready == values['bundle_id']
    assert slot.status.active_encoder == 'enc-first'
    assert slot.want(values['bundle_id'])
    assert slot.status.active_encoder == 'enc-second'
    assert slot.status.ready == ''


def test_other_names_and_empty_names_change_nothing(slot):
    deliver(slot, b'second')
    assert not slot.want('')
    assert not slot.want('f' * 64)
    assert slot.status.active_encoder == 'enc-first'


def test_bundle_wanted_before_it_came_is_taken_when_it_comes(slot):
    values = announcement(b'second')
    assert not slot.want(values['bundle_id'])
    slot.announce(values)
    assert slot.receive(values['bundle_id'], b'second')
    assert slot.status.active_encoder == 'enc-second'


@pytest.mark.parametrize(('changes', 'reason'), [
    ({'size': '3'}, 'truncated'), ({'task': 'push'}, "got 'push', allowed: 'reach_xy'"),
    ({'encoder_id': 'enc-other'}, 'encoder id'),
])
def test_raises_no_error_but_refuses_what_does_not_match(slot, changes, reason):
    bundle_id = deliver(slot, b'second', **changes)
    assert slot.status.refused == bundle_id
    assert reason in slot.status.reason
    assert slot.status.ready == ''
    assert not slot.want(bundle_id)
    assert slot.status.active_encoder == 'enc-first'


def test_wrong_sha_is_refused(slot):
    values = announcement(b'second')
    slot.announce(values)
    slot.receive(values['bundle_id'], b'sec0nd')
    assert 'sha256' in slot.status.reason
    assert slot.status.ready == ''


def test_model_that_fails_its_smoke_test_is_refused(slot):
    deliver(slot, b'bad')
    assert 'smoke test' in slot.status.reason
    assert slot.status.active_encoder == 'enc-first'


def test_refused_bundle_is_taken_when_published_whole(slot):
    deliver(slot, b'second', size='3')
    bundle_id = deliver(slot, b'second')
    assert slot.status.refused == ''
    assert slot.status.ready == bundle_id


def test_failure_in_use_rolls_back(slot):
    bundle_id = deliver(slot, b'second')
    slot.want(bundle_id)
    slot.fail('action is NaN')
    assert slot.status.active_encoder == 'enc-first'
    assert slot.status.refused == bundle_id
    assert 'action is NaN' in slot.status.reason
    slot.fail('again')
    assert slot.active is None


def test_reset_may_name_the_previous_bundle_again(slot):
    first = slot.status.active
    slot.want(deliver(slot, b'second'))
    assert slot.want(first)
    assert slot.status.active == first


def test_the_previous_bundle_published_again_is_ready_to_go_back_to(slot):
    first, second = slot.status.active, deliver(slot, b'second')
    slot.want(second)
    deliver(slot, b'first')
    assert slot.status.ready == first
    assert slot.want(first)
    assert (slot.status.active, slot.status.ready) == (first, '')
    assert slot.want(second)


def test_redelivery_of_the_active_bundle_changes_nothing(slot):
    slot.want(deliver(slot, b'second'))
    deliver(slot, b'second')
    assert slot.status.ready == ''
    assert slot.status.refused == ''


def test_a_newer_bundle_does_not_take_away_the_one_a_reset_is_about_to_name(slot):
    """It did: the policy could not follow encoder and goal, and the episode was aborted."""
    second, third = deliver(slot, b'second'), deliver(slot, b'third')
    assert slot.status.ready == third
    assert slot.want(second)
    assert slot.status.active_encoder == 'enc-second'
    assert slot.status.ready == third
    assert slot.want(third)
    assert slot.status.active_encoder == 'enc-third'


def test_the_overtaken_bundle_published_again_is_ready_again(slot):
    second, _ = deliver(slot, b'second'), deliver(slot, b'third')
    assert deliver(slot, b'second') == second
    assert slot.status.ready == second
    assert slot.want(second)
