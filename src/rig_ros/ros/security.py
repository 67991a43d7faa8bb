"""Who may do what on the network, as a policy for SROS 2; made from the table of topics.

One enclave per process: a node has the rights of its line in the table and no others. Everybody
of the graph may listen to everything in it; a stranger, who has no keys, to nothing.

`ros2 security generate_artifacts` signs it. Names are relative, so that a namespace moves them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

from rig_ros.processes import ENCLAVES
from rig_ros.ros import topics

NODES = ('sim', 'sawyer', 'fake_robot', 'camera', 'encoder', 'goal', 'policy', 'guard', 'episode',
         'recorder', 'trainer', 'markers')
OPERATORS = ('operator', 'console')
"""Who may call every service and set parameters."""
CAMERA_DRIVER = 'camera_driver'
PROCESSES = (*NODES, *OPERATORS, CAMERA_DRIVER)
CALLS: dict[str, tuple[str, ...]] = {
    'episode': (topics.RESET, topics.GOAL_IMAGINE), 'recorder': (topics.EPISODE_STOP,),
    'sawyer': (topics.ESTOP_TRIP,)}
"""Services that nodes call."""
PARAMETER_SERVICES = ('describe_parameters', 'get_parameters', 'get_parameter_types',
                      'list_parameters', 'set_parameters', 'set_parameters_atomically')
LIFECYCLE_SERVICES = ('change_state', 'get_state', 'get_available_states',
                      'get_available_transitions', 'get_transition_graph')
VERSION = '0.2.0'
"""Of sros2's format."""


def publishers(by: str) -> set[str]:
    """Return the processes that a `by` of the table names."""
    if by == 'every node':
        return set(NODES)
    words = re.sub(r'\(.*?\)', '', by).replace('a camera driver', CAMERA_DRIVER)
    return {word.strip() for word in words.split(',')}


def published(process: str) -> list[str]:
    """Return the topics that a process may publish."""
    own = [topics.alive(process)] if process in NODES else []
    return [topic.name for topic in (*topics.ALL, *own) if process in publishers(topic.by)]


def requested(process: str) -> list[str]:
    """Return the services that a process may call."""
    if process not in OPERATORS:
        return list(CALLS.get(process, ()))
    inner = (*PARAMETER_SERVICES, *LIFECYCLE_SERVICES)
    return [*topics.SERVICES, *(f'{node}/{name}' for node in NODES for name in inner)]


def offered(process: str) -> list[str]:
    """Return the services that a process may answer."""
    return [name for name, (by, _) in topics.SERVICES.items() if process in publishers(by)]


def policy(namespace: str = '') -> str:
    """Return the policy as XML.

    Args:
        namespace: that the graph is started with.
    """
    root = ElementTree.Element('policy', version=VERSION)
    enclaves = ElementTree.SubElement(root, 'enclaves')
    for process in PROCESSES:
        enclave = ElementTree.SubElement(enclaves, 'enclave', path=f'{ENCLAVES}/{process}')
        profile = ElementTree.SubElement(
            ElementTree.SubElement(enclave, 'profiles'), 'profile',
            ns=f'/{namespace.strip("/")}', node=process)
        heard = [*(topic.name for topic in topics.ALL), *(f'alive/{node}' for node in NODES)]
        _allow(profile, 'topic', 'subscribe', [*heard, '/parameter_events'])
        _allow(profile, 'topic', 'publish',
               [*published(process), '/rosout', '/parameter_events', '~/transition_event'])
        _allow(profile, 'service', 'reply', [
            *offered(process),
            *(f'~/{name}' for name in (*PARAMETER_SERVICES, *LIFECYCLE_SERVICES))])
        _allow(profile, 'service', 'request', requested(process))
    ElementTree.indent(root)
    return f'{ElementTree.tostring(root, encoding="unicode")}\n'


def _allow(profile: ElementTree.Element, kind: str, right: str, names: Iterable[str]) -> None:
    names = sorted(names)
    if names:
        rules = ElementTree.SubElement(profile, f'{kind}s', {right: 'ALLOW'})
        for name in names:
            ElementTree.SubElement(rules, kind).text = name
