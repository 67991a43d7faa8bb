"""Which bundle an episode uses: the newest one that every node has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NodeStatus:
    """What a node reports on `model/status`; empty texts mean none."""

    active: str = ''
    """Bundle in use."""
    active_encoder: str = ''
    """Its encoder id."""
    ready: str = ''
    """Bundle loaded beside it."""
    refused: str = ''
    """Last bundle that was refused."""
    reason: str = ''
    """Why it was."""

    @classmethod
    def of_values(cls, values: Mapping[str, str]) -> NodeStatus:
        """Read the key/values of a message; absent ones are empty."""
        return cls(*(values.get(key, '') for key in
                     ('active', 'active_encoder', 'ready', 'refused', 'reason')))


def choose_bundle(statuses: Mapping[str, NodeStatus], nodes: tuple[str, ...],
                  agreed: str) -> tuple[str | None, str]:
    """Return the bundle for the next episode and a note.

    Args:
        statuses: by node; nodes that have not reported are absent.
        nodes: whose agreement is needed.
        agreed: the bundle of the last successful swap: nodes keep it to go back to.

    Returns:
        The bundle id; '' when no node has any model; None while the nodes cannot agree.
    """
    absent = [node for node in nodes if node not in statuses]
    if absent:
        return None, f'waits for {absent} to report on model/status; do they run?'
    reports = [statuses[node] for node in nodes]
    active = [report.active for report in reports if report.active]
    ready = [report.ready for report in reports if report.ready]
    candidates = list(dict.fromkeys(ready + active))
    for bundle in candidates:
        if all(bundle in (report.active, report.ready) for report in reports):
            return bundle, f'bundle {bundle[:12]}'
    kept = all(agreed in (r.active, r.ready) or r.active for r in reports)
    if agreed and kept and agreed in candidates:
        return agreed, f'back to bundle {agreed[:12]}'
    refused = {report.refused for report in reports}
    if not active and all(bundle in refused for bundle in ready):
        return '', 'no model yet'
    held = {node: (statuses[node].active[:12] or 'none', statuses[node].ready[:12] or 'none')
            for node in nodes}
    return None, f'nodes hold different models (active, ready): {held}; waits until they agree'
