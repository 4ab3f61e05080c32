// SPDX-License-Identifier: Apache-2.0
#pragma once
// A torch that counts, multiplies, trains, reduces, loads and compiles, well or badly, without being one; and
// the environment it lives in.

#include <bringup/measure/measure.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <support/environment.hpp>
#include <unistd.h>

namespace bringup::measure::testing {

// Matrices that are only their size, and numbers that are only their factor. What a test appends replaces a
// part.
inline constexpr const char* kTorch = R"(
import os, signal, time, types
print("noise that a module prints when it is imported", end="")
__version__ = "2.10.0+cu130"
version = types.SimpleNamespace(cuda="13.0")
bfloat16, float16, float32, int32 = "bf16", "fp16", "fp32", "int32"
Space = types.SimpleNamespace

class Number:
    def __init__(self, value): self.value = value
    def item(self): return self.value
class Matrix:
    def __init__(self, device="cpu", off=0.0): self.device, self.off = device, off
    def to(self, device):
        if device == "cuda:2": raise RuntimeError("CUDA error: no such thing\nsecond line \udc80")
        return Matrix(device, self.off)
    def cpu(self): return Matrix("cpu", self.off)
    def double(self): return self
    def __getitem__(self, rows): return self
    def __sub__(self, other): return Matrix("cpu", self.off - other.off)
    def __mul__(self, other): return self
    def __add__(self, other): return self
    def abs(self): return Matrix("cpu", abs(self.off))
    def max(self): return Number(self.off)
class Generator:
    def __init__(self, device): pass
    def manual_seed(self, seed): return self
def manual_seed(seed): pass
def set_num_threads(number): pass
def randn(rows, columns, generator=None, device="cpu"): return Matrix(device)
def matmul(left, right):
    assert not backends.cuda.matmul.allow_tf32
    return Matrix(left.device, {"cuda:1": float("nan"), "cuda:3": 0.01}.get(left.device, 0.0001 if left.device != "cpu" else 0.0))
visible = os.environ.get("CUDA_VISIBLE_DEVICES")
cuda = Space(device_count=lambda: len(visible.split(",")) if visible else 0, synchronize=lambda device: None,
             set_device=lambda index: None, get_device_capability=lambda index: (9, 0),
             nccl=Space(version=lambda: (2, 27, 3)))
backends = Space(cuda=Space(matmul=Space(allow_tf32=True)))

class Whole:
    def __init__(self, value=1, shared=True): self.value, self.shared = value, shared
    def __mul__(self, factor): return Whole(self.value * factor)
    def __mod__(self, other): return self
    def __getitem__(self, rows): return self
    def is_shared(self): return self.shared
    def flatten(self, *dimensions): return self
    def float(self): return self
def arange(first, end=None, dtype=None, device=None): return Whole(first if end is not None else 1)
def randint(low, high, shape, generator=None, device=None): return Matrix() if generator else Whole()
def randperm(words, device): return Whole()
def equal(left, right): return left.value == right.value
def stack(rows): return Whole([row.value for row in rows])

def loss_of(step): return 4.0 / step
class Loss:
    step = 0
    def __init__(self): Loss.step += 1; self.value = loss_of(Loss.step)
    def backward(self): pass
    def detach(self): return self
    def __float__(self): return float(self.value)
class Model:
    def __init__(self, *parts, **words): pass
    def to(self, device): return self
    def parameters(self): return []
    def __call__(self, tokens): return tokens
nn = Space(Sequential=Model, Embedding=Model, Linear=Model, TransformerEncoder=Model, TransformerEncoderLayer=Model,
           functional=Space(cross_entropy=lambda guesses, wanted: Loss(), gelu=lambda value: value))
class AdamW:
    def __init__(self, parameters, lr): pass
    def zero_grad(self, set_to_none): pass
optim = Space(AdamW=AdamW)
class GradScaler:
    def __init__(self, device, enabled): pass
    def scale(self, loss): return loss
    def step(self, optimizer): pass
    def update(self): pass
amp = Space(GradScaler=GradScaler)
class autocast:
    def __init__(self, device, dtype, enabled): pass
    def __enter__(self): pass
    def __exit__(self, *error): pass

class distributed:
    rank = ranks = None
    is_available = is_nccl_available = staticmethod(lambda: True)
    @staticmethod
    def init_process_group(backend, init_method, rank, world_size, timeout):
        assert init_method.startswith("file:///"), init_method
        distributed.rank, distributed.ranks = rank, world_size
    barrier = staticmethod(lambda: None)
    @staticmethod
    def all_reduce(tensor): tensor.value = distributed.ranks * (distributed.ranks + 1) // 2

class DataLoader:
    workers = (1, 2)
    def __init__(self, rows, batch_size, num_workers, multiprocessing_context, worker_init_fn): self.rows, self.size = rows, batch_size
    def __iter__(self):
        for first in range(0, len(self.rows), self.size):
            numbers = [self.rows[first + at][0] for at in range(self.size)]
            yield self.batch(stack(numbers)), [self.workers[at % 2] for at in range(self.size)]
    def batch(self, numbers): return numbers
utils = Space(data=Space(DataLoader=DataLoader))

def compile(function, fullgraph):
    assert fullgraph
    folder = os.environ["TORCHINDUCTOR_CACHE_DIR"]
    open(os.path.join(folder, "kernel.so"), "w").close()
    return function
def allclose(left, right, rtol, atol): return True
)";

class Env : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kPython, X_OK) != 0) GTEST_SKIP() << kPython << " is not there";
    std::string form = (std::filesystem::temp_directory_path() / "bringup-env-XXXXXX").string();
    ASSERT_NE(::mkdtemp(form.data()), nullptr);
    directory_ = form;
    // "python -I" looks only where the interpreter itself says; a launcher adds our modules to that
    put("python", std::string("#!") + kPython + R"( -IB
import runpy, sys
sys.path.insert(0, ")" +
                      (directory_ / "modules").string() + R"(")
assert sys.argv[1:4] == ["-I", "-B", "-c"], sys.argv
text = sys.argv[4]
sys.argv = ["-c"] + sys.argv[5:]
exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
)");
    std::filesystem::permissions(directory_ / "python", std::filesystem::perms::owner_all);
    std::filesystem::create_directory(directory_ / "modules");
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
  }
  void module(const std::string& name, const std::string& text) const {
    put("modules/" + name + ".py", text);
  }
  // The fake torch, with `more` behind it.
  void torch(const std::string& more = "") const { module("torch", std::string(kTorch) + more + "\n"); }
  facts::Reading<facts::EnvProof> prove(const std::vector<std::string>& modules,
                                        std::chrono::milliseconds deadline = std::chrono::seconds(60),
                                        EnvDepth depth = EnvDepth::quick) const {
    return prove_env({.path = "/env", .python = (directory_ / "python").string()}, modules, {}, deadline,
                     depth);
  }

  static constexpr const char* kPython = "/usr/bin/python3";
  std::filesystem::path directory_;
  testing_support::Variable visible_{"CUDA_VISIBLE_DEVICES", std::nullopt};
};

}  // namespace bringup::measure::testing
