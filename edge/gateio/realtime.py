"""Ask for the real-time class and for memory that stays put; live without, and say so once."""

import ctypes
import logging
import os

log = logging.getLogger(__name__)

# Above everything of ours, below the kernel's own interrupt threads (50).  Measured: pulse ends within 5 ms at p99
# beside a busy neighbour (hardware.md §3.5).
FIFO_PRIORITY = 20

MCL_CURRENT, MCL_FUTURE = 1, 2


def become_realtime() -> list[str]:
    """What was refused, in plain words; empty when all was granted.  For the calling thread and its children."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except OSError as error:
        refused.append(
            f"real-time scheduling was refused ({error.strerror}): pulses may end late on a busy machine; "
            "give the service CAP_SYS_NICE"
        )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        why = os.strerror(ctypes.get_errno())
        refused.append(f"locking memory was refused ({why}): raise LimitMEMLOCK for the service")
    for sentence in refused:
        log.warning("%s", sentence)
    return refused
