"""What holds a decoder down, all of it by the kernel: nothing here depends on the decoder's own code still running."""

import ctypes
import fcntl
import math
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """This process is killed when its parent ends, however that ends. Elsewhere than on Linux only once it is idle."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the analyzer ended before its decoder had started")


def confine(memory: int) -> None:
    """At most `memory` bytes of address space, no core dump, and no say in when to stop: that is the parent's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_AS, memory)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The kernel ends this process by SIGALRM after `seconds`, by SIGXCPU after as much CPU time of its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds) + 1)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit(resource.RLIMIT_CPU, resource.RLIM_INFINITY)


@contextmanager
def one_at_a_time(lock: int, needed: bool) -> Iterator[None]:
    """Holds the file `lock`, shared by all decoders of an analyzer, while the work is large. Freed by any death."""
    if not needed:
        yield
        return
    fcntl.lockf(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(lock, fcntl.LOCK_UN)


def _limit(of: int, soft: int) -> None:
    """Lowers or raises the soft limit, under a hard one that is not ours."""
    hard = resource.getrlimit(of)[1]
    allowed = soft if hard == resource.RLIM_INFINITY else hard if soft == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(of, (allowed, hard))
