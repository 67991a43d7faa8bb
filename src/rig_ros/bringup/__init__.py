"""Which nodes a deployment has, and how they are started and kept alive."""
