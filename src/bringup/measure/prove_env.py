# SPDX-License-Identifier: Apache-2.0
"""Run inside an environment: imports, counts and multiplies; prints one line of JSON behind a marker.

The words behind -c are the modules to import, torch first. Every failure is kept as text: this program itself never fails.
"""
import importlib
import json
import sys
import time


def told(error):
    return "%s: %s" % (type(error).__name__, error)


def imports(names):
    found = []
    for name in names:
        one = {"module": name, "version": None, "cuda": None, "error": None}
        try:
            module = importlib.import_module(name)
            one["version"] = str(getattr(module, "__version__", ""))
            inner = getattr(module, "version", None)
            cuda = getattr(inner, "cuda", None) if inner is not None else None
            if cuda is None and "+cu" in one["version"]:
                digits = one["version"].split("+cu")[1]
                cuda = digits[:-1] + "." + digits[-1] if digits.isdigit() else None
            one["cuda"] = str(cuda) if cuda is not None else None
        except BaseException as error:  # a refusal to import may be SystemExit as well
            one["error"] = told(error)
        found.append(one)
    return found


def multiply(torch, device, size):
    """Seconds of one product whose result agrees with float64 within what float32 sums allow."""
    generator = torch.Generator(device="cpu").manual_seed(time.time_ns() % (1 << 31))
    left = torch.randn(size, size, generator=generator)
    right = torch.randn(size, size, generator=generator)
    rows = torch.randint(0, size, (16,), generator=generator)
    here_left, here_right = left.to(device), right.to(device)
    here_left @ here_right
    if device != "cpu":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    product = here_left @ here_right
    if device != "cpu":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - began
    wanted = left[rows].double() @ right.double()
    worst = (product.cpu()[rows].double() - wanted).abs().max().item()
    allowed = 1e-5 * size
    if not worst <= allowed:
        raise ArithmeticError("wrong result: off by %g, at most %g is rounding" % (worst, allowed))
    return seconds


def devices(torch):
    found = []
    count = torch.cuda.device_count()
    for index in range(-1, count):
        device = "cpu" if index < 0 else "cuda:%d" % index
        one = {"index": index, "seconds": None, "error": None}
        try:
            one["seconds"] = multiply(torch, device, 1024 if index < 0 else 4096)
        except BaseException as error:
            one["error"] = told(error)
        found.append(one)
    return count, found


def main():
    answer = {"imports": imports(sys.argv[1:]), "device_count": None, "count_error": None, "devices": []}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        try:
            torch.backends.cuda.matmul.allow_tf32 = False
            answer["device_count"], answer["devices"] = devices(torch)
        except BaseException as error:
            answer["count_error"] = told(error)
    sys.stdout.write("\nbringup-proof: " + json.dumps(answer) + "\n")


main()
