# SPDX-License-Identifier: Apache-2.0
# Run inside an environment with one argument, an import that compiles a CUDA extension where there is none. It compiles as its package
# wants it to; what ninja says is let through, and nothing of it outlives the process that asked.
import importlib
import os
import signal
import sys
import threading
import time


def watch(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
import torch.utils.cpp_extension as extension

load = extension.load


def loud(*words, **named):
    named["verbose"] = True
    return load(*words, **named)


extension.load = loud
importlib.import_module(sys.argv[1])
