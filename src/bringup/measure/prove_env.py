# SPDX-License-Identifier: Apache-2.0
"""Runs inside an environment: imports torch once, then does each part of prove_env_parts.py in forked processes.

The words behind -c are how much to do (quick, standard or full), the seconds after which all must be told, and the
modules to import. Each part is told when it begins and when it ends, a line of JSON each, so that whatever happens later
loses nothing. A part that hangs is killed, and one that dies is its own error; this process never touches CUDA.
"""
import ctypes
import json
import select
import signal
import tempfile

BEGAN = time.monotonic()
IN_GROUP_LEFT = 3  # seconds that the other ranks have for an error of their own after one failed
# How long a part may take when there is time enough; a cold disk and a cold cache are slow.
LIMITS = {"import": 120, "count": 60, "device": 90, "training": 90, "all-reduce": 90, "data loader": 60, "compile": 180}


def say(record):
    # An imported module may have written half a line, or put something else in the place of sys.stdout.
    sys.__stdout__.write("\nbringup-proof: %s\n" % json.dumps(record))
    sys.__stdout__.flush()


def told(error):
    """An error in few words: of a traceback that it carries, its last line says what went wrong."""
    words = str(error).strip() if isinstance(error, Unable) else "%s: %s" % (type(error).__name__, str(error).strip())
    if "Traceback (most recent call last)" in words:
        words = words.splitlines()[0] + " " + words.splitlines()[-1].strip()
    return words.encode("utf-8", "backslashreplace").decode("utf-8")[:1000]


def kind_of(error):
    """The class of an error: somebody is in the way (busy), there is no such thing here, or it went wrong."""
    words = told(error)
    if isinstance(error, Unable):
        return error.kind
    if "OutOfMemory" in words or "out of memory" in words or "busy or unavailable" in words:
        return "busy"
    if "TooOldForTriton" in words or "not supported on Python" in words:
        return "unsupported"
    return "failed"


def die_with_parent(signal_number=signal.SIGKILL):
    try:
        ctypes.CDLL(None).prctl(1, int(signal_number), 0, 0, 0)
    except Exception:  # without it only a parent that is killed outright leaves its children to their deadlines
        pass


class Folder:
    """A folder of our own, that is taken away even when this process is killed outright: somebody waits for its end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bringup-proof-")
        end, Folder.held_open = os.pipe()
        if os.fork() == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nothing, number)
            os.close(Folder.held_open)
            os.read(end, 1)  # comes back when no process holds the other end any more
            self.remove()
            os._exit(0)
        os.close(end)

    def remove(self):
        for _ in range(10):
            shutil.rmtree(self.path, ignore_errors=True)
            if not os.path.exists(self.path):
                break
            time.sleep(0.1)  # a process that is being killed may still have made a file


class Process:
    """A forked process that does one work and writes its answer, or the error in its place, into a pipe."""

    def __init__(self, work):
        self.answer, self.heard = None, b""
        self.errors = tempfile.TemporaryFile()
        self.answers, write = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(work, write, parent)
        os.close(write)

    def become(self, work, write, parent):
        try:
            os.setpgid(0, 0)
            os.close(Folder.held_open)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with_parent()
            if os.getppid() != parent:
                os._exit(1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(self.errors.fileno(), 2)
            answer = work()
        except BaseException as error:  # a refusal to be imported may be SystemExit as well
            answer = {"error": told(error), "kind": kind_of(error)}
        os.write(write, json.dumps(answer).encode() + b"\n")
        # The others of a group may still need what this one shares with them; the parent ends them together.
        while True:
            signal.pause()

    def look(self):
        """Reads what there is; afterwards the answer, or the error of a death, is in self.answer."""
        if self.answer is not None:
            return
        if select.select([self.answers], [], [], 0)[0]:
            self.heard += os.read(self.answers, 65536)
        if self.heard.endswith(b"\n"):
            self.answer = json.loads(self.heard.decode())
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid != 0:
            self.pid = 0
            self.answer = {"error": self.death(status), "kind": "failed"}

    def death(self, status):
        code = os.WEXITSTATUS(status)
        words = "ended with %d and without an answer" % code
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            names = [one.name for one in signal.Signals if one == number]
            words = "was killed by signal %d%s" % (number, " (%s)" % names[0] if names else "")
        return words + self.last_words()

    def last_words(self):
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return ": " + lines[-1][:400] if lines else ""

    def end(self):
        """Ends it, and what it started."""
        if self.pid > 0:
            for kill in (os.killpg, os.kill):
                try:
                    kill(self.pid, signal.SIGKILL)
                except OSError:
                    pass
        os.close(self.answers)

    def reap(self):
        # One that hangs in the driver cannot be killed: it is left behind after a moment.
        until = time.monotonic() + 1
        while self.pid > 0 and time.monotonic() < until:
            if os.waitpid(self.pid, os.WNOHANG)[0] != 0:
                self.pid = 0
            else:
                time.sleep(0.005)


class Part:
    """One thing to be told: what it is about, and the works that are done for it, each in a process."""

    def __init__(self, name, about, works):
        self.name, self.about, self.works = name, about, works
        self.processes, self.result, self.tries = [], None, 0

    def begin(self, last_moment):
        if self.tries == 0:
            say(dict(self.about, begun=True))
        self.tries += 1
        self.limit = max(0.5, min(LIMITS[self.name], last_moment - time.monotonic()))
        self.ends = time.monotonic() + self.limit
        self.processes = [Process(work) for work in self.works]

    def look(self):
        for process in self.processes:
            process.look()
        failed = [process for process in self.processes if process.answer and process.answer.get("error")]
        now = time.monotonic()
        if failed:
            self.ends = min(self.ends, now + IN_GROUP_LEFT)
        if all(process.answer for process in self.processes) or (failed and now >= self.ends):
            self.result = self.joined(failed)
        elif now >= self.ends:
            late = next(process for process in self.processes if process.answer is None)
            words = "did not end within %.3g s, and was killed%s" % (self.limit, late.last_words())
            self.result = {"error": words, "kind": "timeout"}
        if self.result is not None:
            self.end()

    def joined(self, failed):
        if failed:
            rank = self.processes.index(failed[0])
            words = failed[0].answer["error"]
            return dict(failed[0].answer, error="rank %d: %s" % (rank, words) if len(self.works) > 1 else words)
        slowest = max(self.processes, key=lambda process: process.answer.get("seconds", 0))
        return slowest.answer

    def end(self):
        for process in self.processes:
            process.end()
        for process in self.processes:
            process.reap()
        self.processes = []


class Watch:
    """Runs parts, all at once, until each has its result or its error."""

    def __init__(self, seconds):
        self.last_moment = BEGAN + seconds - min(3.0, 0.2 * seconds)
        self.running, self.again, self.told = [], [], []

    def begin(self, parts):
        for part in parts:
            self.running.append(part)
            part.begin(self.last_moment)

    def wait(self, wanted=None):
        """Until `wanted` is told, or all are."""
        while self.running and (wanted is None or wanted not in self.told):
            for part in list(self.running):
                part.look()
                if part.result is not None:
                    self.running.remove(part)
                    self.take(part)
            time.sleep(0.01)

    def take(self, part):
        # Our own processes may have been in each other's way: such a part is done again when it is alone.
        if part.result.get("kind") == "busy" and part.tries == 1:
            part.result = None
            self.again.append(part)
        else:
            say(dict(part.about, **part.result))
            self.told.append(part)

    def finish(self):
        self.wait()
        for part in self.again:
            self.begin([part])
            self.wait()

    def end(self):
        for part in self.running:
            part.end()


def device_part(torch, index):
    return Part("device", {"device": index}, [lambda: multiply(torch, index, 1024 if index < 0 else 2048)])


def deed(name, index, works, **about):
    return Part(name, dict(about, deed=name, index=index), works)


def training_part(torch, depth, index):
    return deed("training", index, [lambda: train(torch, index, 300 if depth == "full" else 20 if index < 0 else 30)])


def cpu_parts(torch, depth):
    parts = [device_part(torch, -1)]
    if depth != "quick":
        parts.append(deed("data loader", -1, [lambda: load_data(torch, 64 if depth == "full" else 8,
                                                                lambda _: die_with_parent())]))
    return parts


def all_reduce_part(torch, depth, gpus, folder):
    ranks, backend = (gpus, "nccl") if gpus > 1 else (2, "gloo")
    sizes = [1 << 22 if backend == "nccl" else 1 << 20]
    if depth == "full":
        sizes = [1 << 8, 1 << 14, 1 << 18, 1 << 22] + ([1 << 26] if backend == "nccl" else [])

    part = deed("all-reduce", -1, [], how=backend, ranks=ranks)

    def work(rank):
        return lambda: all_reduce(torch, backend, rank, ranks, sizes, os.path.join(folder, "ranks%d" % part.tries))

    part.works = [work(rank) for rank in range(ranks)]
    return part


def compile_part(torch, index, folder):
    return deed("compile", index, [lambda: compile_function(torch, index, folder)])


def parts_by_count(torch, depth, gpus, folder):
    """What depends on how many GPUs there are."""
    parts = [device_part(torch, index) for index in range(gpus)]
    if depth != "quick":
        parts += [all_reduce_part(torch, depth, gpus, folder)]
        parts += [compile_part(torch, index, folder) for index in (range(gpus) if gpus > 0 else [-1])]
        parts += [training_part(torch, depth, index) for index in (range(gpus) if gpus > 0 else [-1])]
    return parts


def import_torch():
    """torch, or None when it cannot be imported: the only import that this process itself makes."""
    say({"import": "torch", "begun": True})
    try:
        answer = import_one("torch")
    except BaseException as error:
        answer = {"error": told(error), "kind": kind_of(error)}
    say(dict({"import": "torch"}, **answer))
    return sys.modules.get("torch") if "error" not in answer else None


def import_part(name):
    return Part("import", {"import": name}, [lambda: import_one(name)])


def run(watch, torch, depth, names, folder):
    watch.begin([import_part(name) for name in names if name != "torch"])
    if torch is not None:
        counting = Part("count", {"counting": True}, [lambda: count(torch)])
        watch.begin([counting] + cpu_parts(torch, depth))
        watch.wait(counting)
        gpus = (counting.result or {}).get("count")
        watch.begin(parts_by_count(torch, depth, gpus or 0, folder))
    watch.finish()


def main():
    die_with_parent(signal.SIGTERM)
    depth, seconds, names = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    # What stands beside this Python is found first, as after the environment's activation.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else compiling begins with starting a pool of processes
    watch = Watch(seconds)
    torch = import_torch() if "torch" in names else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Folder()
    try:
        run(watch, torch, depth, names, folder.path)
        say({"end": True})
    finally:
        watch.end()
        folder.remove()


main()
