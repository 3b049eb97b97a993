#!/usr/bin/env python3
"""A network service: whatever is sent to it comes back. It runs until Ctrl-C.

    python3 examples/echo_service.py 127.0.0.1 7007
"""

import socket
import sys
from threading import Thread


def listen(host: str, port: str) -> socket.socket:
    return socket.create_server((host, int(port)))


def serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


if __name__ == "__main__":
    serve(listen(*sys.argv[1:]))
