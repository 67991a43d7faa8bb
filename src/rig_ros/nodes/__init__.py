"""One thin module per node."""
