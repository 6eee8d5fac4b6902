"""A side of the benchmark, in Python: worker.rs says what it writes and when."""

import json
import resource
import statistics
import sys
import time


def say(**answer):
    print(json.dumps(answer), flush=True)


def serve(work):
    """Calls `work` for every line of input, for as many seconds as the line says. It may return a number."""
    value = work()
    say(ready=True)
    for request in sys.stdin:
        end, times = time.perf_counter() + float(request), []
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            value = work()
            times.append((time.perf_counter() - start) * 1e3)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts in KiB
        say(ms=statistics.median(times), peak_mb=round(peak), value=value)
