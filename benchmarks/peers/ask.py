"""Asks the worker for the keys on stdin, one a line, and prints the seconds until the last of them is done.

`python ask.py upright` has the pictures turned first.
"""

import sys
import time

from celery import group
from tasks import thumbnails

upright = "upright" in sys.argv
keys = sys.stdin.read().split()
start = time.perf_counter()
group(thumbnails.s(key, upright) for key in keys).apply_async().get(timeout=120)
print(time.perf_counter() - start)
