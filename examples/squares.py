#!/usr/bin/env python3
"""Works, sleeps and prints: a script like many, which squares_background.py puts into the background."""

import sys
import time

for number in range(1, int(sys.argv[1]) + 1):
    print(f"{number} squared is {number * number}")
    time.sleep(float(sys.argv[2]))
print("done")
