#!/usr/bin/env python3
"""Counts the primes below a limit, and says so as it goes: a job that takes a few seconds.

Asked to stop (SIGTERM), it finishes the segment it is in, says how far it came, and ends.
"""

import argparse
import math
import signal
import sys
import time

SEGMENTS = 20

stop_asked = False


def ask_to_stop(signum, frame):
    global stop_asked
    stop_asked = True


def small_primes(limit):
    """The primes up to and including `limit`."""
    sieve = bytearray([1]) * (limit + 1)
    sieve[0:2] = bytes(2)
    for n in range(2, math.isqrt(limit) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n, is_prime in enumerate(sieve) if is_prime]


def count_primes(low, high, primes):
    """How many primes there are in low <= n < high; `primes` reach up to the root of high."""
    sieve = bytearray([1]) * (high - low)
    for n in range(low, min(high, 2)):
        sieve[n - low] = 0
    for p in primes:
        first = max(p * p, -(-low // p) * p)
        sieve[first - low :: p] = bytes(len(range(first, high, p)))
    return sum(sieve)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("limit", type=int, nargs="?", default=400_000_000)
    limit = parser.parse_args().limit
    if limit < SEGMENTS:
        parser.error(f"the limit must be at least {SEGMENTS}")

    # A job's output is a file: without this it would show up only in blocks.
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, ask_to_stop)

    begun = time.monotonic()
    print(f"counting the primes below {limit:,}")
    primes = small_primes(math.isqrt(limit))
    found = 0
    for segment in range(SEGMENTS):
        low, high = (limit * n // SEGMENTS for n in (segment, segment + 1))
        found += count_primes(low, high, primes)
        print(f"{(segment + 1) * 100 // SEGMENTS:3}%  {found:>10,} below {high:,}")
        if stop_asked:
            print("stopped before the end, as asked")
            return
    print(f"done in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
