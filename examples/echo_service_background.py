#!/usr/bin/env python3
"""The same service in the background. The command comes back when it can be connected to, with 0; if
that fails it prints why, and the exit code is 1.

    python3 examples/echo_service_background.py 127.0.0.1 7007 /tmp/echo.pid && echo "it is ready"
    kill "$(cat /tmp/echo.pid)"
"""

import sys

from echo_service import listen, serve

import outlive

host, port, pid_file = sys.argv[1:]

# Before any thread is started.
with outlive.daemonize(pid_file=pid_file, ready_timeout=30) as daemon:
    try:
        listener = listen(host, port)
    except OSError as error:
        daemon.failed(f"failed to listen at {host}:{port}: {error.strerror}")
    daemon.ready()
    serve(listener)
