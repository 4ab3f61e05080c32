#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a helper deals a model out over GPUs that are not there.

Usage: dealt_out.py RUN_COMMON
"""
import json
import sys
from types import SimpleNamespace

# smoke, free memory of each GPU, parts of the model, spreads, parts on each GPU
CASES = [(False, [140, 140], 66, True, [33, 33]),
         (False, [24 * 10**9, 8 * 10**9], 64, True, [48, 16]),
         (False, [10], 7, False, [7]),
         (True, [10], 7, True, [7]),
         (True, [1, 9], 8, True, [4, 4]),
         (False, [0, 10**10], 5, True, [0, 5]),
         (False, [0, 0], 5, True, [2, 3]),
         (False, [80, 80, 80, 80], 3, True, [1, 0, 1, 1]),
         (False, [10**9, 10**9], 0, True, [0, 0])]


def helper(path, smoke):
    words = sys.argv
    sys.argv = ["helper", json.dumps({"output": "", "smoke": smoke})]
    names = {}
    with open(path, encoding="utf-8") as file:
        exec(file.read(), names)
    sys.argv = words
    return names


def main():
    failures = 0
    for smoke, free, parts, spreads, wanted in CASES:
        torch = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: len(free), mem_get_info=lambda gpu: (free[gpu], 0)))
        names = helper(sys.argv[1], smoke)
        dealt = names["dealt_out"](torch, list(range(parts)))
        gpus = [gpu for _, gpu in dealt]
        told = (names["spreads"](torch), [gpus.count(gpu) for gpu in range(len(free))])
        if told != (spreads, wanted) or gpus != sorted(gpus) or [part for part, _ in dealt] != list(range(parts)):
            failures += 1
            print("FAIL %s parts over %s, smoke %s: wanted %s, got %s" % (parts, free, smoke, (spreads, wanted), told))
    for name in ("exllamav2", "exllamav3"):
        with open(sys.argv[1].replace("run_common", "run_" + name), encoding="utf-8") as file:
            if "    if spreads(torch):\n        deal_out_" + name not in file.read():
                failures += 1
                print("FAIL run_%s.py does not ask whether its model is dealt out" % name)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
