"""Memory that was freed, given back to the system."""

import ctypes
from functools import cache


@cache
def _malloc_trim() -> "ctypes._NamedFuncPointer | None":
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # another C library than glibc
        return None


def give_back() -> None:
    """Returns free pages to the system, where the C library can.

    A decoder's caches grow a token at a time; glibc keeps each size it has seen, in every thread's arena, and over
    hundreds of batches that came to three times the memory in use.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
