"""What all tests need of the process that they run in."""

from __future__ import annotations

import signal

# A shell starts a job in the background with SIGINT ignored, which bpcli respects: the tests of Ctrl-C could
# then not be told apart from a broken Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
