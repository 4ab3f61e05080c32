// SPDX-License-Identifier: Apache-2.0
// The table, continued: systems, the sources that answer, the driver that is there.
#include "unit/resolve/row.hpp"

namespace bringup::testing_support {
namespace {

constexpr const char* kGcc11 = "gcc = \"11\"";
constexpr const char* kGcc12 = "gcc = \"12\"\nglibc = \"2.36\"";
constexpr const char* kGcc13 = "gcc = \"13\"\nglibc = \"2.39\"";
constexpr const char* kGcc14 = "gcc = \"14\"\nglibc = \"2.41\"";
constexpr const char* kOwn = "distro pypi";  // the distribution's archive and PyPI

// Debian's own archive stops at 535 (12) and 550 (13): no CUDA 13 (580), and no Blackwell (570).
INSTANTIATE_TEST_SUITE_P(
    Debian, Cases,
    testing::Values(
        Row{"Debian12OwnArchiveWithRtx4090", "4x RTX 4090", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | toolkit install 11.8 distro | python uv 3.11 | torch "
            "2.10.0+cu128 pypi | torchvision 0.25.0+cu128 pypi | torchaudio 2.10.0+cu128 pypi | notice "
            "driver-end-of-life | notice source-nvidia | notice toolkit"},
        Row{"Debian12OwnArchiveWithA100", "8x A100", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | torch 2.10.0+cu128 pypi"},
        // The open modules listed it only in 575; the proprietary ones always drove it.
        Row{"Debian12OwnArchiveWithT4", "T4", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | torch 2.10.0+cu128 pypi"},
        Row{"Debian12OwnArchiveWithV100", "V100", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | toolkit install 11.8 distro | torch 2.10.0+cu128 pypi"},
        Row{"Debian12OwnArchiveWithGtx1080", "GTX 1080", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | torch 2.7.1+cu126 pypi"},
        Row{"Debian12OwnArchiveWithH100", "8x H100", "debian-12", kOwn, kGcc12, "",
            "driver install 535 proprietary distro | torch 2.10.0+cu128 pypi"},
        Row{"Debian12OwnArchiveWithH200", "8x H200", "debian-12", kOwn, kGcc12, "",
            "conflict: branch 535 does not list the PCI id 10de:2335 | NVIDIA's repository (nvidia) does "
            "not"},
        Row{"Debian12OwnArchiveWithRtx5090", "RTX 5090", "debian-12", kOwn, kGcc12, "",
            "conflict: up to Hopper, not Blackwell | NVIDIA's repository (nvidia) does not answer"},
        Row{"Debian12OwnArchiveWithK80", "K80", "debian-12", kOwn, kGcc12, "",
            "conflict: not Kepler | NVIDIA's repository (nvidia) does not answer"},
        Row{"Debian12WithThePyTorchIndexToo", "4x RTX 4090", "debian-12", "distro pypi pytorch", kGcc12, "",
            "driver install 535 proprietary distro | torch 2.11.0+cu128 pytorch"},
        Row{"Debian12EverythingReachable", "4x RTX 4090", "debian-12", "all", kGcc12, "",
            "driver install 595 open nvidia | toolkit install 13.0 nvidia | python uv 3.11 | torch "
            "2.14.1+cu130 "
            "pypi | without notice driver-end-of-life"},
        Row{"Debian12EverythingReachableWithV100", "V100", "debian-12", "all", kGcc12, "",
            "driver install 580 proprietary nvidia | toolkit install 12.6 nvidia | torch 2.11.0+cu126 "
            "pytorch"},
        Row{"Debian12WithoutGpu", "", "debian-12", kOwn, kGcc12, "",
            "driver none | toolkit none | python uv 3.11 | torch 2.14.1+cu130 pypi | notice "
            "cuda-wheels-on-cpu"},
        Row{"Debian13OwnArchiveWithRtx4090", "4x RTX 4090", "debian-13", kOwn, kGcc14, "",
            "driver install 550 proprietary distro | toolkit install 12.4 distro | python uv 3.13 | torch "
            "2.10.0+cu128 pypi | notice driver-end-of-life | notice python-fallback"},
        Row{"Debian13OwnArchiveWithH200", "8x H200", "debian-13", kOwn, kGcc14, "",
            "driver install 550 proprietary distro | torch 2.10.0+cu128 pypi"},
        Row{"Debian13OwnArchiveWithH200Nvl", "H200 NVL", "debian-13", kOwn, kGcc14, "",
            "conflict: branch 550 does not list | NVIDIA's repository (nvidia) does not answer"},
        Row{"Debian13OwnArchiveWithB200", "8x B200", "debian-13", kOwn, kGcc14, "",
            "conflict: up to Hopper, not Blackwell | NVIDIA's repository (nvidia) does not answer"},
        Row{"Debian13OwnArchiveWithMix", "V100 + RTX 4090", "debian-13", kOwn, kGcc14, "",
            "driver install 550 proprietary distro | torch 2.10.0+cu128 pypi"},
        Row{"Debian13EverythingReachable", "2x RTX 5090", "debian-13", "all", kGcc14, "",
            "driver install 595 open nvidia | toolkit install 13.0 nvidia | python uv 3.13 | torch "
            "2.14.1+cu130 "
            "pypi"},
        // nvcc 12.6 takes gcc 13 at most; 12.8 takes 14.
        Row{"Debian13CompilerMovesTheToolkit", "V100", "debian-13", "all", kGcc14, "",
            "driver install 580 proprietary nvidia | toolkit install 12.8 nvidia | torch 2.11.0+cu126 "
            "pytorch"},
        Row{"Debian13WithoutGpu", "", "debian-13", "all", kGcc14, "",
            "driver none | toolkit none | python uv 3.13 | torch 2.11.0+cpu pytorch | without notice "
            "cuda-wheels-on-cpu"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Others, Cases,
    testing::Values(
        Row{"Ubuntu2204HasPython310", "4x RTX 4090", "ubuntu-22.04", "all", kGcc11, "",
            "driver install 595 open nvidia | toolkit install 13.0 nvidia | python uv 3.10 | torch "
            "2.14.1+cu130 "
            "pypi | notice python-fallback"},
        Row{"Ubuntu2204WithV100", "V100", "ubuntu-22.04", "all", kGcc11, "",
            "driver install 580 proprietary nvidia | toolkit install 12.6 nvidia | torch 2.11.0+cu126 "
            "pytorch"},
        Row{"Ubuntu2404WithoutGpu", "", "ubuntu-24.04", "all", kGcc13, "",
            "driver none | toolkit none | python uv 3.12 | torch 2.11.0+cpu pytorch"},
        Row{"Ubuntu2404WithoutNvidiasRepository", "RTX 4090", "ubuntu-24.04", kOwn, kGcc13, "",
            "conflict: no driver of the distribution's archive for ubuntu-24.04 | NVIDIA's repository "
            "(nvidia)"},
        Row{"Rocky94IsRhel9", "8x A100", "rocky-9.4", "all", kGcc11, "",
            "driver install 595 open nvidia | toolkit install 13.0 nvidia | python uv 3.11 | torch "
            "2.14.1+cu130 "
            "pypi | notice dkms-from-epel"},
        Row{"Alma9IsRhel9", "V100", "almalinux-9", "all", kGcc11, "",
            "driver install 580 proprietary nvidia | toolkit install 12.6 nvidia | torch 2.11.0+cu126 "
            "pytorch"},
        Row{"Rhel9", "2x RTX 5090", "rhel-9.6", "all", kGcc11, "",
            "driver install 595 open nvidia | python uv 3.11 | torch 2.14.1+cu130 pypi"},
        Row{"Rhel9WithK80", "K80", "rhel-9", "all", kGcc11, "",
            "driver install 470 proprietary nvidia | toolkit install 11.8 nvidia | torch 2.5.1+cu118 "
            "pytorch"},
        Row{"Rhel8", "A100", "rhel-8.10", "all", kGcc11, "",
            "driver install 595 open nvidia | python uv 3.11 | torch 2.14.1+cu130 pypi"},
        // Its repository names no branch and has no module streams: dnf's versionlock keeps it.
        Row{"Rhel10", "A100", "rhel-10", "all", kGcc14, "",
            "driver install 595 open nvidia | python uv 3.12 | notice dkms-from-epel"},
        Row{"Rocky10HoldsWhatVoltaNeeds", "V100", "rocky-10.1", "all", kGcc14, "",
            "driver install 580 proprietary nvidia | torch 2.11.0+cu126 pytorch"},
        // dkms is in its own archive.
        Row{"Fedora44", "RTX 4090", "fedora-44", "all", "gcc = \"16\"\nglibc = \"2.43\"", "",
            "driver install 595 open nvidia | toolkit install 13.4 nvidia | python uv 3.14 | without notice "
            "dkms-from-epel"},
        Row{"Fedora44HoldsWhatVoltaNeeds", "V100", "fedora-44", "all", "glibc = \"2.43\"", "",
            "driver install 580 proprietary nvidia"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Sources, Cases,
    testing::Values(
        Row{"WithoutPyTorchIndexOnlyTheDefaultVariants", "V100", "ubuntu-24.04", "nvidia distro pypi", kGcc13,
            "", "driver install 580 proprietary nvidia | torch 2.10.0+cu128 pypi | notice source-pytorch"},
        Row{"WithoutPyTorchIndexPascal", "P100", "ubuntu-24.04", "nvidia distro pypi", kGcc13, "",
            "driver install 580 proprietary nvidia | torch 2.7.1+cu126 pypi"},
        Row{"WithoutPyTorchIndexNothingChangesForAda", "RTX 4090", "ubuntu-24.04", "nvidia distro pypi",
            kGcc13, "",
            "driver install 595 open nvidia | torch 2.14.1+cu130 pypi | without notice source-pytorch"},
        Row{"WithoutPyPiTheIndexAndVenv", "RTX 4090", "ubuntu-24.04", "nvidia distro pytorch", kGcc13, "",
            "driver install 595 open nvidia | python venv 3.12 | torch 2.11.0+cu130 pytorch | notice "
            "source-pypi"},
        Row{"WithoutAnyIndex", "RTX 4090", "ubuntu-24.04", "nvidia distro", kGcc13, "",
            "conflict: environment dl: torch | PyPI (pypi) does not answer | PyTorch index (pytorch) does "
            "not"},
        Row{"WithoutTheArchiveNoPython", "RTX 4090", "ubuntu-24.04", "nvidia pypi pytorch", kGcc13, "",
            "conflict: no Python that could make environment dl | the distribution's archive (distro) does "
            "not"},
        Row{"WithoutAnything", "", "debian-12", "", kGcc12, "",
            "conflict: environment dl: torch | PyPI (pypi) does not | PyTorch index (pytorch) does not"}),
    name_of);

std::string loaded(const char* more, const char* version, const char* flavour) {
  return std::string(more) + "\ndriver = { version = \"" + version + "\", flavour = \"" + flavour + "\" }";
}

INSTANTIATE_TEST_SUITE_P(
    Loaded, Cases,
    testing::Values(
        Row{"Open580OnH200Stays", "2x H200", "ubuntu-24.04", "all", loaded(kGcc13, "580.159.04", "open"), "",
            "driver keep 580 open keep | toolkit install 13.0 nvidia | torch 2.14.1+cu130 pypi"},
        Row{"Proprietary580OnA100Stays", "A100", "ubuntu-24.04", "all",
            loaded(kGcc13, "580.159.04", "proprietary"), "", "driver keep 580 proprietary keep"},
        Row{"OldBranchThatWorksStaysWithANotice", "4x RTX 4090", "debian-12", "all",
            loaded(kGcc12, "535.183.01", "proprietary"), "",
            "driver keep 535 proprietary keep | toolkit install 12.8 nvidia | torch 2.11.0+cu128 pytorch | "
            "notice "
            "driver-end-of-life"},
        Row{"OldBranchWithPyPiOnly", "4x RTX 4090", "debian-12", kOwn,
            loaded(kGcc12, "535.183.01", "proprietary"), "",
            "driver keep 535 proprietary keep | torch 2.10.0+cu128 pypi"},
        Row{"Branch550WithPyPiOnly", "H200", "ubuntu-22.04", kOwn, loaded(kGcc11, "550.163.01", "open"), "",
            "driver keep 550 open keep | torch 2.10.0+cu128 pypi"},
        Row{"Branch570OnBlackwell", "RTX 5090", "ubuntu-24.04", kOwn, loaded(kGcc13, "570.211.01", "open"),
            "", "driver keep 570 open keep | torch 2.10.0+cu128 pypi"},
        Row{"Branch470SpeaksCuda11", "A100", "ubuntu-22.04", "all",
            loaded(kGcc11, "470.256.02", "proprietary"), "",
            "driver keep 470 proprietary keep | toolkit install 11.8 nvidia | torch 2.7.1+cu118 pytorch"},
        Row{"Branch470WithPyPiOnlyMustGo", "A100", "ubuntu-22.04", "nvidia distro pypi",
            loaded(kGcc11, "470.256.02", "proprietary"), "",
            "driver upgrade 595 open nvidia | torch 2.14.1+cu130 pypi"},
        Row{"TooOldForTheGpu", "H200", "ubuntu-22.04", "all", loaded(kGcc11, "535.183.01", "proprietary"), "",
            "driver upgrade 595 open nvidia"},
        Row{"ProprietaryOnBlackwellMustGo", "RTX 5090", "ubuntu-24.04", "all",
            loaded(kGcc13, "580.159.04", "proprietary"), "", "driver upgrade 595 open nvidia"},
        Row{"OpenOnVoltaMustGo", "V100", "ubuntu-24.04", "all", loaded(kGcc13, "580.159.04", "open"), "",
            "driver upgrade 580 proprietary nvidia"},
        Row{"TooNewForVolta", "V100", "ubuntu-24.04", "all", loaded(kGcc13, "595.71.05", "proprietary"), "",
            "driver upgrade 580 proprietary nvidia | notice driver-older"},
        Row{"FirstListedLaterInItsBranch", "10de:3182", "ubuntu-24.04", "all",
            loaded(kGcc13, "580.65.06", "open"), "", "driver upgrade 595 open nvidia"},
        Row{"UnknownBranchIsNotGuessed", "RTX 4090", "ubuntu-24.04", "all",
            loaded(kGcc13, "390.157", "proprietary"), "", "driver upgrade 595 open nvidia"},
        // 13.x needs 580.65.06 and nothing older of its branch.
        Row{"JustBelowTheFloorOfCuda13", "RTX 4090", "ubuntu-24.04", kOwn,
            loaded(kGcc13, "575.57.08", "open"), "", "driver keep 575 open keep | torch 2.10.0+cu128 pypi"},
        Row{"JustAtTheFloorOfCuda13", "RTX 4090", "ubuntu-24.04", kOwn, loaded(kGcc13, "580.65.06", "open"),
            "", "driver keep 580 open keep | torch 2.14.1+cu130 pypi"}),
    name_of);

}  // namespace
}  // namespace bringup::testing_support
