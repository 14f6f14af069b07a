import os
import signal
import threading

import pytest

from deepsynth.core.control import Control, pause_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_pause_and_handlers_are_put_back(number):
    before = signal.getsignal(number)
    control = Control()
    with pause_on_signals(control):
        os.kill(os.getpid(), number)
        assert control.should_pause()
    assert signal.getsignal(number) is before


def test_a_second_interrupt_stops_at_once():
    with pytest.raises(KeyboardInterrupt), pause_on_signals(Control()):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with pause_on_signals(Control()):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
