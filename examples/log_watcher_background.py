#!/usr/bin/env python3
"""The same watcher in the background, where it was put by PEP 3143's DaemonContext: a program that was
written for python-daemon has its import changed.

    python3 examples/log_watcher_background.py /var/log/syslog error /tmp/errors.log /tmp/watcher.pid
    kill "$(cat /tmp/watcher.pid)"
"""

import os
import sys

from log_watcher import watch

import outlive as daemon

path, word, found, pid_file = sys.argv[1:]
# A daemon works in the root folder.
path = os.path.abspath(path)

# SIGTERM ends it by SystemExit, so that it ends its tail(1) as well, and removes its pid file.
with daemon.DaemonContext(umask=0o022, stdout=open(found, "a"), pidfile=pid_file):
    watch(path, word)
