# SPDX-License-Identifier: Apache-2.0
"""What an environment is made to do. prove_env.py, which follows this text, runs each of it in a process of its own.

Each function returns what it measured, as a dictionary, or raises. What it returns was found right: a result that is
wrong raises, and so does a compiler that is not there.
"""
import importlib
import importlib.util
import os
import shutil
import sys
import sysconfig
import time


class Unable(Exception):
    """It could not be tried, or not be judged: `kind` is the class of the reason."""

    def __init__(self, kind, words):
        super().__init__(words)
        self.kind = kind


def cuda_of(module, version):
    """The CUDA that a module was built for, as "13.0": from its own version module, or from "+cu130" in its version."""
    cuda = getattr(getattr(module, "version", None), "cuda", None)
    if isinstance(cuda, int):  # torchvision gives CUDA_VERSION: 13000
        return "%d.%d" % (cuda // 1000, cuda % 1000 // 10)
    if cuda is not None:
        return str(cuda)
    digits = version.partition("+cu")[2]
    return digits[:-1] + "." + digits[-1] if len(digits) > 1 and digits.isdigit() else None


def import_one(name):
    module = importlib.import_module(name)
    version = str(getattr(module, "__version__", ""))
    return {"version": version, "cuda": cuda_of(module, version)}


def count(torch):
    return {"count": torch.cuda.device_count()}


def begin_on(torch, index):
    """The device by its number, -1 for the CPU. Many processes run at once, so none takes all cores."""
    if index < 0:
        return "cpu"
    torch.set_num_threads(1)
    torch.cuda.set_device(index)
    return "cuda:%d" % index


def wait_for(torch, device):
    if device != "cpu":
        torch.cuda.synchronize(device)


def seed(torch):
    torch.manual_seed(time.time_ns() % (1 << 31))


def multiply(torch, index, size):
    """Seconds of one product of random matrices; 16 of its rows must agree with float64 within what float32 rounds."""
    device = begin_on(torch, index)
    torch.backends.cuda.matmul.allow_tf32 = False
    generator = torch.Generator(device="cpu").manual_seed(time.time_ns() % (1 << 31))
    left = torch.randn(size, size, generator=generator)
    right = torch.randn(size, size, generator=generator)
    rows = torch.randint(0, size, (16,), generator=generator)
    here_left, here_right = left.to(device), right.to(device)
    torch.matmul(here_left, here_right)  # the first one also loads the libraries
    wait_for(torch, device)
    began = time.perf_counter()
    product = torch.matmul(here_left, here_right)
    wait_for(torch, device)
    seconds = time.perf_counter() - began
    wanted = torch.matmul(left[rows].double(), right.double())
    worst = (product.cpu()[rows].double() - wanted).abs().max().item()
    # Sums of `size` products of normal numbers: float32 stays several times below this, TF32 is far above.
    allowed = 1e-6 * size
    if not worst <= allowed:
        raise ArithmeticError("wrong result: off by %g, at most %g is rounding" % (worst, allowed))
    return {"seconds": seconds}


def cpu_multiplies_bf16():
    """Whether the CPU has instructions for bf16; without them it is emulated, and slow."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            words = file.read().split()
    except OSError:
        return False
    return any(word in words for word in ("avx512_bf16", "amx_bf16", "bf16"))


def number_type(torch, device, index):
    """What to train in, and its name: bf16 where the hardware has it, else fp16 on a GPU and fp32 on the CPU."""
    if device == "cpu":
        return (torch.bfloat16, "bf16") if cpu_multiplies_bf16() else (torch.float32, "fp32")
    if tuple(torch.cuda.get_device_capability(index)) >= (8, 0):
        return torch.bfloat16, "bf16"
    return torch.float16, "fp16"


def small_transformer(torch, words, width):
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
    layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(nn.Embedding(words, width), layers, nn.Linear(width, words))


def loss_scaler(torch, name):
    """fp16 needs one, or its small gradients become zero."""
    if hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler("cuda", enabled=name == "fp16")
    return torch.cuda.amp.GradScaler(enabled=name == "fp16")


def train(torch, index, steps):
    """A small transformer learns which word stands for which, on new random words in each step."""
    began = time.perf_counter()
    device = begin_on(torch, index)
    if index < 0:
        torch.set_num_threads(min(4, os.cpu_count() or 1))
    seed(torch)
    words, width, lines = (64, 64, 8) if device == "cpu" else (64, 256, 64)
    kind, name = number_type(torch, device, index)
    model = small_transformer(torch, words, width).to(device)
    table = torch.randperm(words, device=device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    scaler = loss_scaler(torch, name)
    losses = []
    for _ in range(steps):
        tokens = torch.randint(0, words, (lines, 64), device=device)
        with torch.autocast(device.partition(":")[0], dtype=kind, enabled=name != "fp32"):
            guesses = model(tokens)
        loss = torch.nn.functional.cross_entropy(guesses.float().flatten(0, 1), table[tokens].flatten())
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
    losses = [float(loss) for loss in losses]
    seconds = time.perf_counter() - began
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    if not all(loss - loss == 0 for loss in losses):
        raise ArithmeticError("training in %s: a loss is not finite" % name)
    if not last < first:
        raise ArithmeticError("training in %s: the loss does not fall: %g at first, %g at last" % (name, first, last))
    return {"seconds": seconds, "how": name, "steps": steps, "first": first, "last": last}


def backend_name(torch, backend):
    if backend != "nccl":
        return backend
    version = torch.cuda.nccl.version()
    return "NCCL " + (".".join(map(str, version)) if isinstance(version, tuple) else str(version))


def reduce_once(torch, base, rank, device):
    """Seconds of one all-reduce, begun together."""
    tensor = base * (rank + 1)
    torch.distributed.barrier()
    wait_for(torch, device)
    began = time.perf_counter()
    torch.distributed.all_reduce(tensor)
    wait_for(torch, device)
    return tensor, time.perf_counter() - began


def all_reduce(torch, backend, rank, ranks, sizes, meeting):
    """The sum over all ranks of whole numbers, exact in each size; each rank is a process of its own."""
    import datetime

    began = time.perf_counter()
    distributed = torch.distributed
    if not distributed.is_available():
        raise Unable("unsupported", "this torch is built without torch.distributed")
    if backend == "nccl" and not distributed.is_nccl_available():
        raise Unable("unsupported", "this torch is built without NCCL")
    device = begin_on(torch, rank if backend == "nccl" else -1)
    if backend == "gloo":
        torch.set_num_threads(1)
        # All ranks are here: the name of this host need not lead anywhere.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        backend, init_method="file://" + meeting, rank=rank, world_size=ranks, timeout=datetime.timedelta(seconds=120))
    reduced = []
    for elements in sizes:
        base = torch.arange(elements, dtype=torch.int32, device=device) % 1009
        wanted = base * (ranks * (ranks + 1) // 2)
        for _ in range(2):  # the first one also connects the ranks
            tensor, seconds = reduce_once(torch, base, rank, device)
            if not torch.equal(tensor, wanted):
                raise ArithmeticError("a sum of %d numbers over %d ranks is wrong on rank %d" % (elements, ranks, rank))
        reduced.append([4 * elements, seconds])
    return {"seconds": time.perf_counter() - began, "how": backend_name(torch, backend), "ranks": ranks,
            "reduced": reduced}


class Rows:
    """Rows of numbers that follow from the row's own number, and the process that made each."""

    def __init__(self, torch, rows, numbers):
        self.torch, self.rows, self.numbers = torch, rows, numbers

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        if not 0 <= row < self.rows:
            raise IndexError(row)
        return self.torch.arange(row, row + self.numbers), os.getpid()


def load_data(torch, batches, begin_worker):
    """Two workers hand batches of 4 MiB over through shared memory; every number is compared."""
    try:
        return load_batches(torch, batches, begin_worker)
    except Exception as error:
        memory = os.statvfs("/dev/shm")
        free, whole = (blocks * memory.f_frsize / (1 << 20) for blocks in (memory.f_bavail, memory.f_blocks))
        raise RuntimeError("%s (/dev/shm has %.0f of %.0f MiB free)" % (told(error), free, whole)) from error


def load_batches(torch, batches, begin_worker):
    began = time.perf_counter()
    torch.set_num_threads(1)
    rows = Rows(torch, 4 * batches, 1 << 17)
    loader = torch.utils.data.DataLoader(rows, batch_size=4, num_workers=2, multiprocessing_context="fork",
                                         worker_init_fn=begin_worker)
    workers, seen = set(), 0
    for numbers, made_by in loader:
        wanted = torch.stack([rows[seen + at][0] for at in range(len(made_by))])
        if not torch.equal(numbers, wanted):
            raise ArithmeticError("batch %d came with other numbers than it was made of" % (seen // 4))
        if not numbers.is_shared():
            raise RuntimeError("batch %d did not come through shared memory" % (seen // 4))
        workers.update(int(worker) for worker in made_by)
        seen += len(made_by)
    if seen != len(rows) or len(workers) != 2 or os.getpid() in workers:
        raise RuntimeError("%d of %d rows came, from %d worker processes of 2" % (seen, len(rows), len(workers)))
    memory = os.statvfs("/dev/shm")
    return {"seconds": time.perf_counter() - began, "workers": len(workers),
            "shared_memory": memory.f_blocks * memory.f_frsize}


def missing_for_compiling(device):
    """What torch.compile needs beside torch and is not there, with the package that brings it; None when nothing is."""
    if device == "cpu":
        if shutil.which(os.environ.get("CXX", "g++")) is None:
            return "no C++ compiler: g++ is not in %s; install g++ (Fedora, RHEL: gcc-c++)" % os.environ["PATH"]
    else:
        if importlib.util.find_spec("triton") is None:
            return "no Triton in this environment: pip install triton"
        compiler = os.environ.get("CC")
        if not any(shutil.which(name) for name in ([compiler] if compiler else ["gcc", "clang"])):
            return "no C compiler for Triton: neither gcc nor clang is in %s; install gcc" % os.environ["PATH"]
    header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    if not os.path.exists(header):
        return "no %s: install python%d.%d-dev (Fedora, RHEL: python3-devel)" % ((header,) + sys.version_info[:2])
    return None


FUNCTION = """
import torch
def function(a, b):
    return torch.nn.functional.gelu(a * b + 1.0) * a
"""


def compile_function(torch, index, folder):
    """torch.compile of a function of two tensors, with empty caches; the result is that of the function itself."""
    began = time.perf_counter()
    device = begin_on(torch, index)
    own = os.path.join(folder, device.replace(":", ""))
    os.makedirs(own, exist_ok=True)
    # In a file, as a user's function is. What is compiled is left in no cache of the user's, and taken from none.
    path = os.path.join(own, "compiled_by_bringup.py")
    with open(path, "w", encoding="ascii") as file:
        file.write(FUNCTION)
    os.environ.update(TORCHINDUCTOR_CACHE_DIR=own, TRITON_CACHE_DIR=os.path.join(own, "triton"),
                      TORCHINDUCTOR_COMPILE_THREADS="1")
    spec = importlib.util.spec_from_file_location("compiled_by_bringup", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seed(torch)
    left, right = torch.randn(257, 129, device=device), torch.randn(257, 129, device=device)
    wanted = module.function(left, right)
    try:
        got = torch.compile(module.function, fullgraph=True)(left, right)
        wait_for(torch, device)
    except Exception as error:
        missing = missing_for_compiling(device)
        if missing is not None:
            raise Unable("absent", missing) from error
        raise
    if not torch.allclose(got, wanted, rtol=1e-4, atol=1e-5):
        raise ArithmeticError("the compiled function gives another result than the function itself")
    made = [os.path.join(place, name) for place, _, names in os.walk(own) for name in names]
    if not any(name.endswith(".so") or "triton" in name for name in made):
        raise RuntimeError("the function ran, and no machine code was made of it")
    return {"seconds": time.perf_counter() - began, "how": "Triton" if index >= 0 else "C++"}
