"""A worker without the bridge: the least of the protocol, and misbehaviour on order."""

import faulthandler
import mmap
import os
import re
import signal
import socket
import sys

CONTROL, PAGE, FAULTS = 3, 5, 6

faulthandler.enable(file=FAULTS)
faulthandler.register(signal.SIGUSR2, file=FAULTS, all_threads=True)
page = mmap.mmap(PAGE, 4096)
page[4 * 8] |= 1  # SIGUSR2 writes stacks


def spin_in_c():
    """Backtracks for ever, and never gives up the GIL."""
    re.match("(a+)+$", "a" * 64 + "b")


def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


orders = {
    b"c": spin_in_c,
    b"d": deaf,
    b"s": faulthandler._sigsegv,
    b"u": lambda: 1 / 0,
    b"m": lambda: bytearray(1 << 40),
    b"f": lambda: sys.exit(70),
    b"x": lambda: None,
}

control = socket.socket(fileno=CONTROL)
control.send(bytes([16]))
while True:
    kind, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    if kind != b"\x01":
        os._exit(0)
    with socket.socket(fileno=descriptors[0]) as connection:
        while order := connection.recv(1):
            connection.send(order)
            orders[order]()
