"""Metrics, the held-out protocol, reports."""
