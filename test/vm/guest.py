"""A running guest: guest.run() boots a machine, runs one command in it as root, hands on what the
command writes and returns its exit status.

This file owns the QEMU process and the temporary folder and leaves neither behind. What the machine
is made of is machine.py, what happens in it before the command starts is init.
"""
import ctypes
import itertools
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import arch
import machine

STATUS_TIMEOUT = 124
STATUS_DIED = 125


def stray_dma(text, made_of=arch.ALL[arch.NATIVE]):
    """The lines of QEMU's that report a stray DMA, each once: a trace has one for each access."""
    pattern = re.compile(made_of.stray_dma)
    return list(dict.fromkeys(line for line in text.splitlines() if pattern.search(line)))


def exit_on_signals():
    """Makes the usual signals unwind the stack, which ends the guest and removes its folder."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def leave(signum, _frame):
        for each in signals:  # a second one must not interrupt the unwinding
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + signum)

    for each in signals:
        signal.signal(each, leave)


def run(options, command, output, log):
    """Runs COMMAND in a guest and returns the exit status.

    COMMAND is a list of words; one word alone is a line of shell. OUTPUT is called with the bytes
    that the command writes, LOG with lines about the guest itself.
    """
    for attempt in (1, 2):
        with Guest(options, command, output, log) as guest:
            status = guest.run()
        if attempt == 2 or not guest.died_early():
            return status
        log("it is started once more")


class Guest:
    """One boot. A context manager: leaving it ends QEMU and removes the temporary folder."""

    def __init__(self, options, command, output, log):
        self.options = options
        self.command = command
        self.output = output
        self.log = log
        self.qemu = None
        self.seconds = 0
        self.reports = {}  # what init reported: {"start": [...], "exit": [...]}
        self.in_time = True
        self.tmp = tempfile.mkdtemp(prefix="nvio-vm.")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kill()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def run(self):
        out, status = self._start()
        begin = time.monotonic()  # not earlier: the kernel may just have been built
        with out, status:
            self._follow(out, status, begin)
            self.seconds = time.monotonic() - begin
            self._kill()
            # QEMU has written the end of the output before it showed us the status.
            while data := receive(out):
                self.output(data)
        return self._verdict()

    def died_early(self):
        """Whether another try makes sense: QEMU's own 1 says that its arguments are wrong."""
        return "start" not in self.reports and (not self.in_time or self.qemu.returncode != 1)

    def _start(self):
        """Starts QEMU; returns our ends of the sockets for the command's output and the status."""
        out, out_far = socket.socketpair()
        status, status_far = socket.socketpair()
        fds = (out_far.fileno(), status_far.fileno())
        argv = machine.build(self.options, self.command, self.tmp, *fds)
        if self.options.verbose:
            self.log("+ " + shlex.join(argv))
        libc = ctypes.CDLL(None)
        with out_far, status_far, open(self._path("stderr"), "wb") as stderr:
            try:
                self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stderr,
                                             stderr=stderr, pass_fds=fds,
                                             preexec_fn=lambda: die_with_parent(libc))
            except OSError as e:
                raise machine.MachineError(f"cannot run {argv[0]}: {e.strerror}") from e
        return out, status

    def _time_limit(self):
        """Seconds for what the guest does at present: a boot that hangs is known to by then."""
        limits = [self.options.timeout]
        if "start" not in self.reports:
            limits.append(self.options.boot_timeout)
        return min(limits)

    def _follow(self, out, status, begin):
        """Hands the output on until the status is there, QEMU has ended or time is up."""
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            selector.register(status, selectors.EVENT_READ)
            while "exit" not in self.reports and selector.get_map():
                left = begin + self._time_limit() - time.monotonic()
                if left <= 0:
                    self.in_time = False
                    return
                for key, _ in selector.select(left):
                    data = receive(key.fileobj)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is out:
                        self.output(data)
                    else:
                        text += data
                        self.reports = parse_reports(text)

    def _kill(self):
        """Ends QEMU: politely, for it removes its QMP socket then, but not for long."""
        if not self.qemu or self.qemu.poll() is not None:
            return
        self.qemu.terminate()
        try:
            self.qemu.wait(10)
        except subprocess.TimeoutExpired:
            self.qemu.kill()
            self.qemu.wait()

    def _verdict(self):
        """Says what there is to say about this boot; returns its exit status."""
        stray = self._log_stderr()
        ended = "exit" in self.reports
        if self.options.verbose or not ended:
            self._log_console()
        if ended:
            status = int(self.reports["exit"][0])
            self._log_timing(status)
        elif self.in_time:
            status = STATUS_DIED
            when = "while its command ran"
            if "start" not in self.reports:
                when = "before its command started"
            self.log(f"the guest died {when} (QEMU's status: {self.qemu.returncode})")
        else:
            status = STATUS_TIMEOUT
            what = "" if "start" in self.reports else ", before its command started"
            self.log(f"timeout after {self._time_limit():g} s{what}")
        if bool(stray) == self.options.expect_stray_dma:
            return status
        self.log("stray DMA: " + "; ".join(stray) if stray else "there was no stray DMA")
        return 1

    def _log_stderr(self):
        """Shows what QEMU printed; returns its lines about stray DMA, there or in the trace."""
        text = self._read("stderr")
        for line, again in itertools.groupby(text.splitlines()):
            if "terminating on signal 15" not in line:  # that was us
                nr = len(list(again))
                self.log(f"qemu: {line}" + (f" ({nr} times)" if nr > 1 else ""))
        return stray_dma(text + self._read("trace"), arch.machine(self.options))

    def _log_console(self):
        for line in self._read("console")[-16384:].splitlines():
            self.log("console: " + line)

    def _log_timing(self, status):
        if self.options.verbose:
            init, start = self.reports["start"]
            self.log(f"status {status}; guest's clock: init at {init} s, command from {start} to "
                     f"{self.reports['exit'][1]} s; {self.seconds:.2f} s in all")

    def _path(self, name):
        return os.path.join(self.tmp, name)

    def _read(self, name):
        """A file of the temporary folder; QEMU may have died before it made it."""
        try:
            with open(self._path(name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


def parse_reports(text):
    """The status port's whole lines, as {first word: the others}."""
    lines = text.decode().split("\n")[:-1]
    return {line.split()[0]: line.split()[1:] for line in lines}


def receive(sock):
    """What has arrived; nothing at the end, which is a reset when QEMU left something unread."""
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


def die_with_parent(libc):
    """In the child: no QEMU outlives a harness that was killed (PR_SET_PDEATHSIG is 1)."""
    libc.prctl(1, signal.SIGKILL)
