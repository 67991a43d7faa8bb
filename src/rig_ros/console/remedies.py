"""What a person can do about a problem that a node reports, in one sentence.

Nodes say what is wrong; many of their messages already end with the next step. This table adds it
where the message itself is short. Nothing here decides anything.
"""

from __future__ import annotations

import re

RULES: tuple[tuple[str, str, str], ...] = (
    (r'^guard: motion', r'e-stop', 'Look at the arm. When it is safe, clear the e-stop here.'),
    (r'^guard: motion', r'is gone', 'A process died or hangs. It starts again by itself; then '
                                    'press Start.'),
    (r'^guard: motion', r'outside', 'Press Reset; it brings the hand back into the workspace.'),
    (r'^guard: motion', r'no valid command', 'Look at the policy and the encoder below.'),
    (r'^guard: motion', r'old|stale|ms', 'The machine is too slow or its clocks differ. Look at '
                                         'the delays below.'),
    (r'^episode: ', r'goal was cleared', 'Choose a goal, then press Start.'),
    (r'^episode: ', r'no model', 'Load a model: Learning, Models.'),
    (r'^episode: ', r'camera silent', 'Check the camera and its cable.'),
    (r'^episode: ', r'reset failed', 'Look at the arm and its driver, then press Reset.'),
    (r'^episode: ', r'e-stop', 'Clear the e-stop when it is safe, then press Start.'),
    (r'^goal: ', r'two goals', 'Agree on one goal and send it again.'),
    (r'^goal: ', r'one colour', 'Check light and lens cap, then take the picture again.'),
    (r'^camera: ', r'', 'Check the camera, its cable and its driver.'),
    (r'^recorder: ', r'disk|space|free', 'Make room: move old episodes to another disk.'),
    (r': model', r'no model yet', 'Wait for the trainer, or load a model: Learning, Models.'),
    (r': model', r'refused', 'Use a model that was trained for this task.'),
    (r'', r'silent for', 'The process is gone or hangs. Look at its log below the run folder.'),
)
"""Pattern of the part's name, pattern of its message, remedy; the first that fits."""


def remedy(name: str, message: str) -> str:
    """Return what to do about a problem, '' when the message has to be enough."""
    for part, words, text in RULES:
        if re.search(part, name) and re.search(words, message, re.IGNORECASE):
            return text
    return ''
