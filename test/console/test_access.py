"""Hosts, origins, tokens, one operator."""

from __future__ import annotations

import pytest

from rig_ros.console.access import GRACE_S, AccessError, Gate, Helm
from rig_ros.errors import ConfigError

TOKEN = 't' * 24


@pytest.mark.parametrize('host', ['localhost:8080', '127.0.0.1:8080', '127.0.0.1', '[::1]:8080'])
def test_loopback_names_are_ours(host: str):
    Gate('127.0.0.1').check_host(host)


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:8080', 'localhost.evil.example',
                                  '192.168.1.5:8080', '', '[', 'user@evil.example'])
def test_a_foreign_name_that_resolves_here_is_refused(host: str):
    with pytest.raises(AccessError, match='host: got'):
        Gate('127.0.0.1').check_host(host)


def test_a_named_host_is_ours_when_allowed():
    gate = Gate('0.0.0.0', TOKEN, ['robot.lab'])
    gate.check_host('Robot.lab:8080')
    gate.check_host('192.168.1.5:8080')
    with pytest.raises(AccessError):
        gate.check_host('other.lab:8080')


@pytest.mark.parametrize('origin', [None, 'null', '', 'http://evil.example', 'http://localhost',
                                    'http://localhost:81', 'http://localhost:8080.evil.example'])
def test_requests_of_other_pages_are_refused(origin: str | None):
    with pytest.raises(AccessError, match='origin'):
        Gate('127.0.0.1').check_origin(origin, 'localhost:8080')


def test_own_page_may_ask():
    Gate('127.0.0.1').check_origin('http://localhost:8080', 'localhost:8080')


def test_beyond_loopback_a_long_token_is_needed():
    with pytest.raises(ConfigError, match='token: got none'):
        Gate('0.0.0.0')
    with pytest.raises(ConfigError, match='5 characters'):
        Gate('127.0.0.1', 'short')


def test_sessions_follow_the_token_and_end():
    now = [0.0]
    gate = Gate('0.0.0.0', TOKEN, clock=lambda: now[0])
    with pytest.raises(AccessError):
        gate.check_session(None)
    with pytest.raises(AccessError):
        gate.log_in(TOKEN + 'x')
    session = gate.log_in(TOKEN)
    gate.check_session(session)
    now[0] = 1e6
    with pytest.raises(AccessError, match='ended'):
        gate.check_session(session)


def test_one_operator_at_a_time():
    helm = Helm()
    with pytest.raises(AccessError, match='nobody'):
        helm.check('a')
    helm.take('a', 'Ann')
    helm.check('a')
    with pytest.raises(AccessError, match='Ann holds it'):
        helm.take('b', 'Bob')
    with pytest.raises(AccessError, match='Ann holds it'):
        helm.check('b')
    helm.release('b')
    assert helm.holder == 'a'
    helm.release('a')
    helm.take('b', 'Bob')


def test_control_waits_for_a_broken_connection_but_not_for_ever():
    now = [0.0]
    helm = Helm(lambda: now[0])
    helm.joined('a')
    helm.take('a', 'Ann')
    helm.left('a')
    now[0] = GRACE_S - 1
    helm.joined('a')
    now[0] = 10 * GRACE_S
    helm.check('a')
    helm.left('a')
    now[0] = 12 * GRACE_S
    helm.take('b', 'Bob')
    with pytest.raises(AccessError):
        helm.check('a')


def test_an_operator_who_came_back_before_the_dead_stream_ended_keeps_control():
    now = [0.0]
    helm = Helm(lambda: now[0])
    helm.joined('a')
    helm.take('a', 'Ann')
    helm.joined('a')
    helm.left('a')
    now[0] = 10 * GRACE_S
    helm.check('a')


def test_the_empty_key_never_holds_control():
    helm = Helm()
    with pytest.raises(AccessError):
        helm.check('')
