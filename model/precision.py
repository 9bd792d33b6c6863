"""What large products are worked out in, and what this machine's processor is fast at."""

from functools import cache
from pathlib import Path

PRECISIONS = ("float32", "bfloat16")
CPU_INFO = Path("/proc/cpuinfo")
# products of bfloat16 that add up in float32: AVX-512 of AMD from Zen 4 and Intel from Cooper Lake, and AMX
BFLOAT16_FLAGS = frozenset(("avx512_bf16", "amx_bf16"))


@cache
def fastest_precision() -> str:
    """ "bfloat16" where the processor multiplies it in hardware, else "float32"."""
    return "bfloat16" if BFLOAT16_FLAGS & _cpu_flags() else "float32"


def _cpu_flags() -> frozenset[str]:
    """As Linux lists them; none elsewhere."""
    try:
        lines = CPU_INFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(flag for line in lines if line.startswith("flags") for flag in line.split(":", 1)[-1].split())
