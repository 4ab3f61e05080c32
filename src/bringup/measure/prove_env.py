# SPDX-License-Identifier: Apache-2.0
"""Run inside an environment: imports, counts and multiplies; prints one line of JSON behind a marker.

The words behind -c are the modules to import, torch first. Every failure that Python can catch is kept as text. For those
that it cannot (a crash, a hang) a line in front of each deed says what is being done.
"""
import importlib
import json
import sys
import time


def say(marker, text):
    # The imported module may have written half a line, or put something else in the place of sys.stdout.
    sys.__stdout__.write("\n%s: %s\n" % (marker, text))
    sys.__stdout__.flush()


def told(error):
    words = "%s: %s" % (type(error).__name__, error)
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def cuda_of(module, version):
    """The CUDA that a module was built for, as "13.0": from its own version module, or from "+cu130" in its version."""
    cuda = getattr(getattr(module, "version", None), "cuda", None)
    if isinstance(cuda, int):  # torchvision gives CUDA_VERSION: 13000
        return "%d.%d" % (cuda // 1000, cuda % 1000 // 10)
    if cuda is not None:
        return str(cuda)
    digits = version.partition("+cu")[2]
    return digits[:-1] + "." + digits[-1] if len(digits) > 1 and digits.isdigit() else None


def imports(names):
    found = []
    for name in names:
        say("bringup-doing", "importing " + name)
        one = {"module": name, "version": None, "cuda": None, "error": None}
        try:
            module = importlib.import_module(name)
            one["version"] = str(getattr(module, "__version__", ""))
            one["cuda"] = cuda_of(module, one["version"])
        except BaseException as error:  # a refusal to be imported may be SystemExit as well
            one["error"] = told(error)
        found.append(one)
    return found


def multiply(torch, device, size):
    """Seconds of one product of random matrices; 16 of its rows must agree with float64 within what float32 rounds."""
    generator = torch.Generator(device="cpu").manual_seed(time.time_ns() % (1 << 31))
    left = torch.randn(size, size, generator=generator)
    right = torch.randn(size, size, generator=generator)
    rows = torch.randint(0, size, (16,), generator=generator)
    here_left, here_right = left.to(device), right.to(device)
    torch.matmul(here_left, here_right)  # the first one also loads the libraries
    if device != "cpu":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    product = torch.matmul(here_left, here_right)
    if device != "cpu":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - began
    wanted = torch.matmul(left[rows].double(), right.double())
    worst = (product.cpu()[rows].double() - wanted).abs().max().item()
    # Sums of `size` products of normal numbers: float32 stays several times below this, TF32 is far above.
    allowed = 1e-6 * size
    if not worst <= allowed:
        raise ArithmeticError("wrong result: off by %g, at most %g is rounding" % (worst, allowed))
    return seconds


def multiply_everywhere(torch, count):
    torch.backends.cuda.matmul.allow_tf32 = False
    found = []
    for index in range(-1, count):
        device = "cpu" if index < 0 else "cuda:%d" % index
        say("bringup-doing", "multiplying matrices on " + device)
        one = {"index": index, "seconds": None, "error": None}
        try:
            one["seconds"] = multiply(torch, device, 1024 if index < 0 else 2048)
        except BaseException as error:
            one["error"] = told(error)
        found.append(one)
    return found


def main():
    answer = {"imports": imports(sys.argv[1:]), "device_count": None, "count_error": None, "devices": []}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        try:
            say("bringup-doing", "counting devices")
            answer["device_count"] = torch.cuda.device_count()
            answer["devices"] = multiply_everywhere(torch, answer["device_count"])
        except BaseException as error:
            answer["count_error"] = told(error)
    say("bringup-proof", json.dumps(answer))


main()
