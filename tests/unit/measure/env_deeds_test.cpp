// SPDX-License-Identifier: Apache-2.0
// What PyTorch is there for, done by a torch that is made up: each deed told with its figures, each failure
// its own.
#include <bringup/measure/measure.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_torch.hpp"
#include <algorithm>
#include <csignal>
#include <thread>

namespace bringup::measure::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing_support::Variable;

class Deeds : public Env {
 protected:
  facts::EnvProof done(std::chrono::milliseconds deadline = 60s, EnvDepth depth = EnvDepth::standard) const {
    auto proof = prove({"torch"}, deadline, depth);
    EXPECT_TRUE(proof) << proof.error().message();
    return proof ? *proof : facts::EnvProof{};
  }
  static facts::EnvDeed the(const facts::EnvProof& proof, std::string_view name, int index = -1) {
    for (const facts::EnvDeed& deed : proof.deeds) {
      if (deed.name == name && deed.index == index) return deed;
    }
    ADD_FAILURE() << "nothing was told of " << name << " " << index;
    return {};
  }
  static void expect_done(const facts::EnvDeed& deed) {
    ASSERT_TRUE(deed.seconds) << deed.name << ": " << deed.seconds.error().message();
    EXPECT_GT(*deed.seconds, 0);
  }
};

TEST_F(Deeds, AreDoneOnTheCpuWhereThereIsNoGpu) {
  torch();
  const facts::EnvProof proof = done();
  EXPECT_THAT(proof.deeds, SizeIs(4));
  for (const facts::EnvDeed& deed : proof.deeds) expect_done(deed);
  EXPECT_EQ(the(proof, "training").loss->steps, 20);
  EXPECT_LT(the(proof, "training").loss->last, the(proof, "training").loss->first);
  EXPECT_EQ(the(proof, "all-reduce").how, "gloo");
  EXPECT_EQ(the(proof, "all-reduce").ranks, 2);
  ASSERT_THAT(the(proof, "all-reduce").reduced, SizeIs(1));
  EXPECT_EQ(the(proof, "all-reduce").reduced[0].bytes, 4U << 20U);
  EXPECT_EQ(the(proof, "data loader").workers, 2);
  EXPECT_GT(the(proof, "data loader").shared_memory.value_or(0), 0U);
  EXPECT_EQ(the(proof, "compile").how, "C++");
  EXPECT_FALSE(proof.cut_short);
}

TEST_F(Deeds, AreDoneOnEachGpu) {
  torch();
  const Variable visible("CUDA_VISIBLE_DEVICES", "0,1");
  const facts::EnvProof proof = done();
  for (const facts::EnvDeed& deed : proof.deeds) expect_done(deed);
  for (const int gpu : {0, 1}) {
    EXPECT_EQ(the(proof, "training", gpu).how, "bf16");
    EXPECT_EQ(the(proof, "compile", gpu).how, "Triton");
  }
  EXPECT_EQ(the(proof, "all-reduce").how, "NCCL 2.27.3");
  EXPECT_EQ(the(proof, "all-reduce").ranks, 2);
  EXPECT_THAT(proof.deeds, SizeIs(6)) << "the CPU trains only where no GPU does";
}

TEST_F(Deeds, AreNoneAtTheLevelQuick) {
  torch();
  EXPECT_THAT(done(60s, EnvDepth::quick).deeds, IsEmpty());
}

TEST_F(Deeds, AreMoreAtTheLevelFull) {
  torch();
  const Variable visible("CUDA_VISIBLE_DEVICES", "0,1");
  const facts::EnvProof proof = done(60s, EnvDepth::full);
  EXPECT_EQ(the(proof, "training", 1).loss->steps, 300);
  ASSERT_THAT(the(proof, "all-reduce").reduced, SizeIs(5));
  EXPECT_EQ(the(proof, "all-reduce").reduced[4].bytes, 256U << 20U);
}

TEST_F(Deeds, TrainInFp16OnAGpuWithoutBf16) {
  torch("cuda.get_device_capability = lambda index: (7, 0)");
  const Variable visible("CUDA_VISIBLE_DEVICES", "0");
  EXPECT_EQ(the(done(), "training", 0).how, "fp16");
}

TEST_F(Deeds, GetTheUsersOwnWordOnNvls) {
  torch("cuda.nccl.version = lambda: os.environ.get('NCCL_NVLS_ENABLE')");
  const Variable visible("CUDA_VISIBLE_DEVICES", "0,1");
  const Variable nvls("NCCL_NVLS_ENABLE", "0");
  EXPECT_EQ(the(done(), "all-reduce").how, "NCCL 0");
}

struct Fault {
  const char* name;
  const char* deed;
  Errc code;
  const char* says;
  const char* torch;  // what goes behind the fake
};

class AFault : public Deeds, public ::testing::WithParamInterface<Fault> {};
TEST_P(AFault, IsNamedAndLeavesTheOthersAlone) {
  torch(GetParam().torch);
  const facts::EnvProof proof = done(12s);
  EXPECT_THAT(proof.deeds, SizeIs(4));
  for (const facts::EnvDeed& deed : proof.deeds) {
    if (deed.name == GetParam().deed) {
      ASSERT_FALSE(deed.seconds) << deed.name;
      EXPECT_EQ(deed.seconds.error().code(), GetParam().code);
      EXPECT_THAT(deed.seconds.error().message(), HasSubstr(GetParam().says));
    } else {
      expect_done(deed);
    }
  }
  EXPECT_FALSE(proof.cut_short);
}
INSTANTIATE_TEST_SUITE_P(
    Found, AFault,
    ::testing::Values(
        Fault{"LossThatStays", "training", Errc::failed, "the loss does not fall: 4 at first, 4 at last",
              "def loss_of(step): return 4.0"},
        Fault{"LossThatIsNoNumber", "training", Errc::failed, "a loss is not finite",
              "def loss_of(step): return float('nan') if step == 7 else 4.0 / step"},
        Fault{"LossThatIsInfinite", "training", Errc::failed, "a loss is not finite",
              "def loss_of(step): return float('inf') if step == 1 else 4.0 / step"},
        Fault{"Crash", "training", Errc::failed, "was killed by signal 11 (SIGSEGV): last words",
              "def loss_of(step):\n  os.write(2, b'words\\nlast words\\n'); os.kill(os.getpid(), "
              "signal.SIGSEGV)"},
        Fault{"Departure", "training", Errc::failed, "ended with 5 and without an answer",
              "def loss_of(step): os._exit(5)"},
        Fault{"Hang", "training", Errc::timeout, "did not end within", "def loss_of(step): time.sleep(600)"},
        Fault{"NoMemory", "training", Errc::busy, "out of memory",
              "def loss_of(step): raise RuntimeError('CUDA out of memory')"},
        Fault{"WrongSum", "all-reduce", Errc::failed, "rank 1: ArithmeticError: a sum of 1048576 numbers",
              "def all_reduce(tensor): tensor.value = 3 if distributed.rank == 0 else 4\n"
              "distributed.all_reduce = all_reduce"},
        Fault{"RankThatDies", "all-reduce", Errc::failed, "rank 0: was killed by signal 9 (SIGKILL)",
              "def all_reduce(tensor):\n  if distributed.rank == 0: os.kill(os.getpid(), 9)\n  "
              "time.sleep(600)\n"
              "distributed.all_reduce = all_reduce"},
        Fault{"RankThatHangs", "all-reduce", Errc::timeout, "did not end within",
              "def all_reduce(tensor):\n  if distributed.rank == 1: time.sleep(600)\n  tensor.value = 3\n"
              "distributed.all_reduce = all_reduce"},
        Fault{"NoDistributed", "all-reduce", Errc::unsupported, "built without torch.distributed",
              "distributed.is_available = lambda: False"},
        Fault{"OtherNumbers", "data loader", Errc::failed, "batch 0 came with other numbers",
              "DataLoader.batch = lambda self, numbers: Whole([7])"},
        Fault{"NoSharedMemory", "data loader", Errc::failed, "did not come through shared memory",
              "DataLoader.batch = lambda self, numbers: Whole(numbers.value, shared=False)"},
        Fault{"OneWorker", "data loader", Errc::failed, "from 1 worker processes of 2",
              "DataLoader.workers = (1, 1)"},
        Fault{"OtherResult", "compile", Errc::failed, "gives another result",
              "def allclose(left, right, rtol, atol): return False"},
        Fault{"NothingCompiled", "compile", Errc::failed, "no machine code",
              "def compile(function, fullgraph): return function"},
        Fault{"NoCompiler", "compile", Errc::absent, "no C++ compiler: g++ is not in",
              "import shutil\nshutil.which = lambda name: None\n"
              "def compile(function, fullgraph): raise RuntimeError('InvalidCxxCompiler')"},
        Fault{"NoHeaders", "compile", Errc::absent, "/Python.h: install python3.",
              "import shutil, sysconfig\nshutil.which = lambda name: name\n"
              "sysconfig.get_paths = lambda: {'include': '/nowhere'}\n"
              "def compile(function, fullgraph): raise RuntimeError('CppCompileError')"},
        Fault{"NewPython", "compile", Errc::unsupported, "not supported on Python",
              "import shutil, sysconfig\nshutil.which = lambda name: name\n"
              "open(os.path.dirname(__file__) + '/Python.h', 'w').close()\n"
              "sysconfig.get_paths = lambda: {'include': os.path.dirname(__file__)}\n"
              "def compile(function, fullgraph): raise RuntimeError('Dynamo is not supported on Python "
              "3.99')"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Deeds, SayWhatTritonNeeds) {
  torch(
      "import shutil\nshutil.which = lambda name: None\n"
      "def compile(function, fullgraph): raise RuntimeError('no')");
  module("triton", "");
  const Variable visible("CUDA_VISIBLE_DEVICES", "0");
  const facts::EnvDeed without_compiler = the(done(), "compile", 0);
  ASSERT_FALSE(without_compiler.seconds);
  EXPECT_EQ(without_compiler.seconds.error().code(), Errc::absent);
  EXPECT_THAT(without_compiler.seconds.error().message(), HasSubstr("neither gcc nor clang"));
  std::filesystem::remove(directory_ / "modules/triton.py");
  const facts::EnvDeed without_triton = the(done(), "compile", 0);
  ASSERT_FALSE(without_triton.seconds);
  EXPECT_THAT(without_triton.seconds.error().message(), HasSubstr("no Triton in this environment"));
}

// Several processes of ours hold a GPU at once; alone it may have room.
TEST_F(Deeds, AreDoneAgainAloneWhenTheyWereInTheWayOfEachOther) {
  torch(R"(
def loss_of(step):
    mark = os.path.dirname(__file__) + "/tried"
    if not os.path.exists(mark):
        open(mark, "w").close()
        raise RuntimeError("CUDA out of memory")
    return 4.0 / step
)");
  expect_done(the(done(), "training"));
}

TEST_F(Deeds, ToldBeforeTheScriptIsKilledAreKept) {
  // The loader's process waits until the others have been told of, and then kills the script.
  torch(R"(
def batch(self, numbers):
    time.sleep(2)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
DataLoader.batch = batch
)");
  const facts::EnvProof proof = done();
  expect_done(the(proof, "training"));
  expect_done(the(proof, "all-reduce"));
  EXPECT_THAT(the(proof, "data loader").seconds.error().message(),
              HasSubstr("was killed by signal 9 (SIGKILL)"));
  ASSERT_TRUE(proof.cut_short);
  EXPECT_THAT(proof.cut_short->message(), HasSubstr("while data loader on the CPU"));
}

bool gone(int pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

TEST_F(Deeds, LeaveNoProcessBehindWhenTheScriptIsKilled) {
  torch(R"(
def loss_of(step):
    open(os.path.dirname(__file__) + "/pid", "w").write(str(os.getpid()))
    time.sleep(1)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
)");
  const facts::EnvProof proof = done();
  EXPECT_TRUE(proof.cut_short);
  int pid = 0;
  std::ifstream(directory_ / "modules/pid") >> pid;
  ASSERT_GT(pid, 1);
  for (int i = 0; i < 500 && !gone(pid); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(gone(pid));
}

class AnEnd : public Deeds, public ::testing::WithParamInterface<const char*> {};
TEST_P(AnEnd, LeavesNoFolderBehind) {
  const std::string compile =
      "def compile(function, fullgraph):\n"
      "  open(os.path.dirname(__file__) + '/folder', 'w').write(os.environ['TORCHINDUCTOR_CACHE_DIR'])\n";
  torch(compile + GetParam());
  (void)done();
  std::string folder;
  std::ifstream(directory_ / "modules/folder") >> folder;
  ASSERT_THAT(folder, StartsWith("/"));
  const std::filesystem::path whole = std::filesystem::path(folder).parent_path();
  for (int i = 0; i < 500 && std::filesystem::exists(whole); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(std::filesystem::exists(whole));
}

INSTANTIATE_TEST_SUITE_P(Ends, AnEnd,
                         ::testing::Values("  return function", "  os.kill(os.getppid(), signal.SIGKILL)",
                                           "  os.kill(os.getppid(), signal.SIGTERM); time.sleep(600)"));

}  // namespace
}  // namespace bringup::measure::testing
