"""What every node shares: topics, conversions, parameters, life cycle, diagnostics."""
