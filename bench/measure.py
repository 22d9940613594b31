"""Runs one command and says what it cost: wall time, CPU, peak memory. Nothing
else runs meanwhile, and what a command prints goes to files, not through us.

Memory is what wait4(2) gives: the peak of the largest single process among the
command and all it waited for, so of a pipeline it is the largest member, not the
sum. A process that is started shares the memory of who starts it until exec, and
the kernel counts that; hence no figure is below our own peak (`memory_floor`).
"""

import dataclasses
import os
import resource
import signal
import time


class Wrong(Exception):
    """A command failed, or its result is not what it must be. Ends the benchmark."""


@dataclasses.dataclass(frozen=True)
class Sample:
    wall: float  # seconds
    user: float
    system: float
    memory: int  # bytes
    size: int | None = None  # of the result, bytes

    @property
    def cpu(self):
        return self.user + self.system


def memory_floor():
    """The least that Sample.memory can say, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Runner:
    """Starts commands with one environment, one at a time; on the way out the one that runs is killed."""

    def __init__(self, work, environment):
        self.environment = environment
        self.out = os.path.join(work, "stdout")
        self.err = os.path.join(work, "stderr")
        self.seconds = 3600  # longer than any command takes; what hangs must not hang CI
        self._search = environment["PATH"].split(":")

    def path_of(self, program):
        """Where PATH has `program`, or None."""
        if "/" in program:
            return program if os.access(program, os.X_OK) else None
        found = (os.path.join(place, program) for place in self._search)
        return next((path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)), None)

    def run(self, command, environment=None, exits=(0,)):
        """Runs `command` (a list of words) and waits. What it printed is in `self.out` and `self.err`.

        Throws Wrong when it exits with anything that is not in `exits`.
        """
        path = self.path_of(command[0])
        if path is None:
            raise Wrong(f"there is no program {command[0]}")
        everything = self.environment | (environment or {})
        create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self.out, create & ~os.O_CLOEXEC, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, self.err, create & ~os.O_CLOEXEC, 0o600),
        ]
        begun = time.perf_counter()
        # A group of its own: Ctrl-C comes to us, and we end all of it.
        pid = os.posix_spawn(path, command, everything, file_actions=streams, setpgroup=0)
        signal.alarm(self.seconds)
        try:
            _, status, usage = os.wait4(pid, 0)
            ended = time.perf_counter()
        except BaseException:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        finally:
            signal.alarm(0)
        code = os.waitstatus_to_exitcode(status)
        if code not in exits:
            how = f"exited with {code}" if code >= 0 else f"was killed by signal {-code}"
            raise Wrong(f"{how}: {' '.join(command)}\n{self.errors()}")
        return Sample(ended - begun, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024)

    def output(self):
        """What the last command printed, without the last line's end; for short output."""
        with open(self.out, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16).rstrip("\n")

    def errors(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16)[-2000:].rstrip("\n")

    def ask(self, command, environment=None):
        """What a short command prints."""
        self.run(command, environment)
        return self.output()


def rounds(runner, contenders, count, say):
    """Runs all contenders `count` times round robin (A B C A B C) and returns {name: [Sample...]}.

    Before each run the contender prepares, which is not timed; after its first one the result is checked; after each
    one it cleans up.
    """
    samples = {contender.name: [] for contender in contenders}
    for number in range(count):
        for contender in contenders:
            try:
                contender.prepare()
                sample = runner.run(contender.command, contender.environment, contender.exits)
                if contender.size:
                    sample = dataclasses.replace(sample, size=contender.size())
                if number == 0 and contender.check:
                    contender.check(runner.output())
                contender.clean()
            except Wrong as wrong:
                raise Wrong(f"{contender.name}: {wrong}") from None
            samples[contender.name].append(sample)
            say(f"  {number + 1}/{count} {contender.name}: {sample.wall:.3f} s")
    return samples


def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
