"""The compatibility policy, whole: what we speak, and how far back we still understand."""

WIRE_VERSION = 1
WIRE_VERSION_MIN = 1


def common_version(theirs: int, theirs_min: int) -> int | None:
    """The version both ends can talk at, or None when they cannot (sync.md §3.6)."""
    version = min(WIRE_VERSION, theirs)
    return version if version >= max(WIRE_VERSION_MIN, theirs_min) else None
