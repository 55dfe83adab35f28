"""What holds for every test."""

from __future__ import annotations

import signal

# Whoever is started in the background of a shell without job control has SIGINT ignored, and all it starts with it:
# tests that press Ctrl-C need a process that listens.
signal.signal(signal.SIGINT, signal.default_int_handler)
