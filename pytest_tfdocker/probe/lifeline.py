# What ends PID 1, and with it all that runs in the container: the end of its standard input, or time.
import os
import signal
import threading


def hold(deadline_seconds):
    end_after(deadline_seconds)
    threading.Thread(target=follow, daemon=True).start()


def end_after(seconds):
    """0: never."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(4))
    signal.alarm(seconds)


def follow():
    while os.read(0, 4096):
        pass
    os._exit(3)
