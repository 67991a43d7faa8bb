"""Message types, as names only: messages are plain objects with the real ones' attributes."""


class JointState:
    """See the real one."""


class Image:
    """See the real one."""
