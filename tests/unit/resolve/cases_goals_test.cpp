// SPDX-License-Identifier: Apache-2.0
// The table, continued: what the goal pins, Python, glibc, Secure Boot and the architecture.
#include "unit/resolve/row.hpp"

namespace bringup::testing_support {
namespace {

// Ubuntu 24.04 with its compiler and everything reachable.
Row asked(std::string name, std::string gpus, std::string goal, std::string expected) {
  return {std::move(name), std::move(gpus), "ubuntu-24.04",     "all",
          "gcc = \"13\"",  std::move(goal), std::move(expected)};
}

Row on(Row row, std::string os, std::string gcc) {
  row.os = std::move(os);
  row.more = "gcc = \"" + gcc + "\"";
  return row;
}

std::string env(const std::string& packages) {
  return "[[env]]\nname = \"dl\"\npackages = [" + packages + "]\n";
}

const std::string kTrio210 = env("\"torch==2.10.0\", \"torchvision\", \"torchaudio\"");

INSTANTIATE_TEST_SUITE_P(
    Packages, Cases,
    testing::Values(
        asked("PinnedTorchBringsItsCompanions", "RTX 4090", kTrio210,
              "torch 2.10.0+cu128 pypi | torchvision 0.25.0+cu128 pypi | torchaudio 2.10.0+cu128 pypi"),
        asked("PinnedVariant", "RTX 4090", env("\"torch==2.10.0+cu126\", \"torchvision\", \"torchaudio\""),
              "torch 2.10.0+cu126 pytorch | torchvision 0.25.0+cu126 pytorch"),
        asked("PinnedShortVersionIsTheSame", "RTX 4090", env("\"torch==2.10\""), "torch 2.10.0+cu128 pypi"),
        asked("CandidateIsAnotherVersion", "RTX 4090", env("\"torch==2.10.0rc1\""),
              "conflict: torch==2.10.0rc1"),
        asked("PinnedTorchvisionDecidesTorch", "RTX 4090", env("\"torchvision==0.24.1\""),
              "torch 2.9.1+cu128 pypi | torchvision 0.24.1+cu128 pypi"),
        asked("WithoutTorchaudioTheNewestPair", "RTX 4090", env("\"torch\", \"torchvision\""),
              "torch 2.15.0+cu132 pypi | torchvision 0.29.2+cu132 pypi | without torchaudio"),
        asked("TheTrioOf215DoesNotImport", "RTX 4090",
              env("\"torch==2.15.0\", \"torchvision\", \"torchaudio\""),
              "conflict: RTX 4090 | torch==2.15.0 | torchaudio"),
        asked("NoSuchTorch", "RTX 4090", env("\"torch==9.9.9\""), "conflict: torch==9.9.9"),
        asked("TooOldATorchForBlackwell", "RTX 5090", env("\"torch==2.6.0\""),
              "conflict: has no code for it | torch==2.6.0"),
        asked("TooNewATorchForVolta", "V100", env("\"torch==2.15.0\""),
              "conflict: has no code for it | torch==2.15.0"),
        asked("LastTorchForVolta", "V100", env("\"torch==2.14.1\", \"torchvision\", \"torchaudio\""),
              "driver install 580 proprietary nvidia | torch 2.14.1+cu126 pytorch | notice wheels-inferred"),
        asked("OldTorchOnAda", "RTX 4090", env("\"torch==2.6.0\", \"torchvision\", \"torchaudio\""),
              "driver install 595 open nvidia | torch 2.6.0+cu124 pypi"),
        asked("OtherPackagesComeFromPyPi", "RTX 4090", env("\"torch\", \"numpy==1.26.4\", \"pillow\""),
              "numpy 1.26.4 pypi | pillow  pypi"),
        // The newest torchao does not import beside it, the next one does.
        asked("ACompanionThatWasTriedBesideThisTorch", "RTX 4090", env("\"torch==2.9.1\", \"torchao\""),
              "torch 2.9.1+cu128 pypi | torchao 0.15.0 pypi"),
        asked("NothingOfTorchIsAsked", "RTX 4090", env("\"numpy\""),
              "driver install 595 open nvidia | without torch | numpy  pypi"),
        asked("TwoEnvironmentsWithTwoTorches", "RTX 4090",
              kTrio210 + "[[env]]\nname = \"new\"\npackages = [\"torch==2.14.1\"]\n",
              "env dl install | torch 2.10.0+cu128 pypi | env new install | torch 2.14.1+cu130 pypi"),
        asked("OldDriverPinAndNewTorchPin", "RTX 4090",
              "driver = \"535\"\n" + env("\"torch==2.15.0\", \"torchvision\""),
              "conflict: driver = \"535\" | torch==2.15.0 | RTX 4090")),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Drivers, Cases,
    testing::Values(
        asked("Pinned580", "RTX 4090", "driver = \"580\"", "driver install 580 open nvidia"),
        asked("Pinned580OnVolta", "V100", "driver = \"580\"", "driver install 580 proprietary nvidia"),
        asked(
            "Pinned535IsPastItsEnd", "RTX 4090", "driver = \"535\"",
            "driver install 535 proprietary nvidia | torch 2.11.0+cu128 pytorch | notice driver-end-of-life"),
        asked("Pinned590", "RTX 4090", "driver = \"590\"", "driver install 590 open nvidia"),
        asked("Pinned595OnVolta", "V100", "driver = \"595\"", "conflict: not Volta | driver = \"595\""),
        asked("Pinned535OnH200", "H200", "driver = \"535\"", "conflict: 10de:2335 | driver = \"535\""),
        asked("Pinned570OnB300", "10de:3182", "driver = \"570\"", "conflict: 10de:3182 | driver = \"570\""),
        asked("PinnedToNoBranch", "RTX 4090", "driver = \"999\"", "conflict: RTX 4090 | driver = \"999\""),
        asked("NotManaged", "RTX 4090", "driver = \"none\"", "driver none | torch 2.14.1+cu130 pypi"),
        asked("NotManagedWithoutGpu", "", "driver = \"none\"", "driver none | torch 2.11.0+cpu pytorch"),
        asked("PinnedWithoutGpuNeedsNone", "", "driver = \"580\"", "driver none"),
        // Both places have it, and Debian's own was built and loaded: what was tried comes before what was
        // read.
        on(asked("Pinned535OnDebian12ComesFromItsArchive", "RTX 4090", "driver = \"535\"",
                 "driver install 535 proprietary distro | toolkit install 12.8 nvidia"),
           "debian-12", "12")),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Toolkits, Cases,
    testing::Values(
        asked("None", "RTX 4090", "toolkit = \"none\"", "toolkit none | without notice toolkit"),
        asked(
            "Pinned124", "RTX 4090", "toolkit = \"12.4\"",
            "driver install 595 open nvidia | toolkit install 12.4 nvidia | torch 2.14.1+cu130 pypi | notice "
            "toolkit"),
        asked("Pinned134", "RTX 4090", "toolkit = \"13.4\"",
              "toolkit install 13.4 nvidia | without notice toolkit"),
        asked("Pinned124OnBlackwell", "RTX 5090", "toolkit = \"12.4\"",
              "conflict: RTX 5090 | toolkit = \"12.4\""),
        asked("Pinned130OnVolta", "V100", "toolkit = \"13.0\"", "conflict: Tesla V100 | toolkit = \"13.0\""),
        asked("Pinned129OnVolta", "V100", "toolkit = \"12.9\"",
              "driver install 580 proprietary nvidia | toolkit install 12.9 nvidia"),
        asked("NoSuchToolkit", "RTX 4090", "toolkit = \"12.7\"", "conflict: does not know CUDA toolkit 12.7"),
        asked("CompilerTooNew", "RTX 4090", "toolkit = \"12.0\"", "conflict: gcc 13 | toolkit = \"12.0\""),
        asked("PinnedWithoutGpu", "", "toolkit = \"12.8\"", "driver none | toolkit install 12.8 nvidia"),
        on(asked("CompilerOld118", "RTX 4090", "toolkit = \"11.8\"", "toolkit install 11.8 nvidia"),
           "ubuntu-22.04", "11"),
        // nvcc 12.4 takes gcc 13 at most, but Debian's own package brings a compiler that it takes.
        on(asked("ArchiveBringsItsOwnCompiler", "RTX 4090", "toolkit = \"12.4\"",
                 "toolkit install 12.4 distro"),
           "debian-13", "14"),
        asked("ToolkitOf13NeedsAnewerDriver", "RTX 4090", "driver = \"535\"\ntoolkit = \"13.0\"",
              "conflict: driver = \"535\" | toolkit = \"13.0\" | RTX 4090")),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Pythons, Cases,
    testing::Values(
        on(asked("Wanted313IsDebian13s", "RTX 4090", "[python]\nversion = \"3.13\"",
                 "python uv 3.13 | torch 2.14.1+cu130 pypi | without notice python-fallback"),
           "debian-13", "14"),
        on(asked("Wanted313OnDebian12IsDownloaded", "RTX 4090", "[python]\nversion = \"3.13\"",
                 "python uv 3.13 | notice python-download"),
           "debian-12", "12"),
        asked("Wanted314IsDownloaded", "RTX 4090", "[python]\nversion = \"3.14\"",
              "python uv 3.14 | torch 2.14.1+cu130 pypi | notice python-download"),
        asked("Wanted39EndsAtTorch28", "RTX 4090", "[python]\nversion = \"3.9\"",
              "python uv 3.9 | torch 2.8.0+cu128 pypi"),
        asked("Wanted39AndNewTorch", "RTX 4090", "[python]\nversion = \"3.9\"\n" + env("\"torch==2.14.1\""),
              "conflict: python.version = \"3.9\" | torch==2.14.1"),
        asked("Wanted314AndOldTorch", "RTX 4090", "[python]\nversion = \"3.14\"\n" + env("\"torch==2.8.0\""),
              "conflict: python.version = \"3.14\" | torch==2.8.0"),
        asked("Wanted37NoWheelHas", "RTX 4090", "[python]\nversion = \"3.7\"",
              "conflict: python.version = \"3.7\" | environment dl: torch"),
        on(asked("VenvIsEnough", "RTX 4090", "[python]\nmanager = \"venv\"", "python venv 3.11"), "debian-12",
           "12"),
        on(asked("VenvBringsNoOtherPython", "RTX 4090", "[python]\nmanager = \"venv\"\nversion = \"3.13\"",
                 "conflict: python.manager = \"venv\" | python.version = \"3.13\" | environment dl: torch"),
           "debian-12", "12")),
    name_of);

Row with(Row row, const std::string& more) {
  row.more += "\n" + more;
  return row;
}

INSTANTIATE_TEST_SUITE_P(
    Machines, Cases,
    testing::Values(
        with(asked("Glibc217EndsAtTorch26", "RTX 4090", "", "torch 2.6.0+cu124 pypi"), "glibc = \"2.17\""),
        with(asked("Glibc227EndsAtTorch26", "RTX 4090", "", "torch 2.6.0+cu124 pypi"), "glibc = \"2.27\""),
        with(asked("Glibc228HasThemAll", "RTX 4090", "", "torch 2.14.1+cu130 pypi"), "glibc = \"2.28\""),
        with(asked("Glibc216HasNone", "RTX 4090", "", "conflict: glibc 2.16 | environment dl: torch"),
             "glibc = \"2.16\""),
        with(asked("Glibc217OnBlackwell", "RTX 5090", "",
                   "conflict: glibc 2.17 | environment dl: torch | RTX 5090"),
             "glibc = \"2.17\""),
        with(asked("SecureBootIsTold", "RTX 4090", "", "driver install 595 open nvidia | notice secure-boot"),
             "secure_boot = true"),
        with(asked("SecureBootWithoutGpu", "", "", "driver none | without notice secure-boot"),
             "secure_boot = true"),
        with(asked("WithoutSecureBoot", "RTX 4090", "", "without notice secure-boot"), "secure_boot = false"),
        with(asked("Aarch64HasNoPackagesInTheCatalog", "GH200", "", "conflict: architecture aarch64 | GH200"),
             "arch = \"aarch64\""),
        with(asked("Aarch64WithoutGpu", "", "", "conflict: architecture aarch64 | environment dl: torch"),
             "arch = \"aarch64\""),
        with(asked("WithoutKernelThereIsANotice", "RTX 4090", "", "notice no-kernel"), ""),
        with(asked("WithKernelThereIsNone", "RTX 4090", "", "without notice no-kernel"),
             "kernel = \"6.8.0-45-generic\"")),
    name_of);

}  // namespace
}  // namespace bringup::testing_support
