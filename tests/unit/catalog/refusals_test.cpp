// SPDX-License-Identifier: Apache-2.0
// Rows that must not load: each is put into the files that are compiled in, and the error names file and
// line.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

namespace bringup::catalog {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

struct Refusal {
  std::string name;
  std::string file;
  std::string before;  // the first occurrence of this
  std::string after;   // becomes this
  std::string error;   // and this is said
};
void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.file << ": " << refusal.after;
}

std::string named(const testing::TestParamInfo<Refusal>& info) {
  return info.param.name;
}

class Refuses : public testing::TestWithParam<Refusal> {};

TEST_P(Refuses, TheRowByFileAndLine) {
  const Refusal& refusal = GetParam();
  Files files = compiled_in();
  std::string& text = files[refusal.file];
  const std::size_t at = text.find(refusal.before);
  ASSERT_NE(at, std::string::npos) << "the row that is damaged here is gone";
  text.replace(at, refusal.before.size(), refusal.after);
  const auto loaded = load(files);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), Errc::malformed);
  EXPECT_THAT(loaded.error().message(), HasSubstr(refusal.error));
  EXPECT_THAT(loaded.error().message(), MatchesRegex(refusal.file + ":[0-9]+: .*"));
}

const std::string kB = "branches.toml";
const std::string kW = "wheels.toml";
const std::string kG = "gpus.tsv";
const std::string kF = "first_driver.tsv";
const std::string kT = "toolkits.toml";
const std::string kA = "archives.toml";
const std::string kR = "repos.toml";
const std::string kC = "companions.toml";
const std::string kS = "stacks.toml";
const std::string kSigners = "signers.toml";  // no table of facts: parse_trusted_keys() reads it

INSTANTIATE_TEST_SUITE_P(
    Branches, Refuses,
    testing::Values(
        Refusal{"NumberInAnotherUnit", kB, "number = 470", "number = 47", "not between 300 and 999"},
        Refusal{"NumberAsText", kB, "number = 470", "number = \"470\"", "not a whole number"},
        Refusal{"VersionOfAnotherBranch", kB, "latest = \"470.256.02\"", "latest = \"471.256.02\"",
                "is not of branch 470"},
        Refusal{"Unsorted", kB, "number = 510", "number = 469", "latest 510.108.03 is not of branch 469"},
        Refusal{"Twice", kB,
                "number = 510\ntype = \"PB\"\nreleased = \"2022-01-14\"\neol = \"2023-01-01\"\nlatest = "
                "\"510.108.03\"",
                "number = 470\ntype = \"PB\"\nreleased = \"2022-01-14\"\neol = \"2023-01-01\"\nlatest = "
                "\"470.108.03\"",
                "sorted and unique"},
        Refusal{"CudaBelowThatOfAnOlderBranch", kB, "max_cuda = \"11.6\"", "max_cuda = \"11.3\"",
                "max_cuda 11.3 is less than that of branch 470"},
        Refusal{"CudaInTheDriversUnit", kB, "max_cuda = \"11.6\"", "max_cuda = \"510.39\"",
                "no version of this kind"},
        Refusal{"UnknownType", kB, "type = \"LTSB\"", "type = \"LTS\"", "not LTSB, PB or NFB"},
        Refusal{"UnknownArchitecture", kB, "oldest = \"kepler\"", "oldest = \"keppler\"",
                "is no architecture"},
        Refusal{"NewestOlderThanOldest", kB, "newest = \"ampere\"", "newest = \"fermi\"", "newest is older"},
        Refusal{"OverAndWithoutSuccessor", kB, "successor = 580\n", "", "without successor"},
        Refusal{"SuccessorThatIsNone", kB, "successor = 580\n", "successor = 581\n",
                "the successor 581 of 470"},
        Refusal{"SuccessorThatIsItself", kB, "successor = 580\n", "successor = 470\n",
                "the successors lead in a ring: 470 -> 470"},
        Refusal{"SuccessorsInARing", kB, "number = 580\n", "number = 580\nsuccessor = 470\n",
                "the successors lead in a ring: 470 -> 580 -> 470"},
        Refusal{"SuccessorsInARingFurtherOn", kB, "number = 580\n", "number = 580\nsuccessor = 580\n",
                "the successors lead in a ring: 470 -> 580 -> 580"},
        Refusal{"EndThatIsNoDate", kB, "eol = \"2024-07-20\"", "eol = \"July 2024\"",
                "neither a day nor a month"},
        Refusal{"ReleaseInAMonth13", kB, "released = \"2021-07-19\"", "released = \"2021-13-19\"",
                "neither a day nor a month"},
        Refusal{"FloorInAnotherUnit", kB, "driver = \"450.80.02\"", "driver = \"11.8\"",
                "is no driver version"},
        Refusal{"FloorBelowThatOfAnOlderCuda", kB, "driver = \"525.60.13\"", "driver = \"440.60.13\"",
                "sorted, unique and rising"},
        Refusal{"WithoutSource", kB, "source = \"NVIDIA data-center", "sauce = \"NVIDIA data-center",
                "source is missing"},
        Refusal{"KnownInAnotherWord", kB, "known = \"read\"", "known = \"sure\"",
                "not tried, read or inferred"},
        Refusal{"AsOfThatIsNoDate", kB, "as_of = \"2026-11-23\"", "as_of = \"23.11.2026\"", "is no date"},
        Refusal{"UnknownKey", kB, "number = 470", "nummer = 1\nnumber = 470", "unknown key 'nummer'"},
        Refusal{"UnknownTable", kB, "[[branch]]", "[[brunch]]", "unknown table 'brunch'"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Wheels, Refuses,
    testing::Values(
        Refusal{"VariantWithoutFloor", kW, "variant = \"cu132\"", "variant = \"cu142\"",
                "no driver floor for CUDA 14"},
        Refusal{"VariantThatIsNone", kW, "variant = \"cu132\"", "variant = \"rocm6\"",
                "neither cpu nor cuNNN"},
        Refusal{"PlaceThatIsNone", kW, "index = \"pypi\"", "index = \"conda\"", "neither pypi nor pytorch"},
        Refusal{"NoPython", kW, "pythons = [\"3.11\", \"3.12\", \"3.13\", \"3.14\"]", "pythons = []",
                "pythons is empty"},
        Refusal{"CodeInAnotherUnit", kW, "sm = [\"7.5\",", "sm = [\"75\",", "which is no compute capability"},
        Refusal{"CudaWithoutCode", kW, "sm = [\"7.5\", \"8.0\", \"8.6\", \"9.0\", \"10.0\", \"12.0\"]\n", "",
                "a CUDA variant has an sm list"},
        Refusal{"GlibcInAnotherUnit", kW, "glibc = \"2.28\"", "glibc = \"228\"", "no version of this kind"},
        Refusal{"TorchInAnotherUnit", kW, "torch = \"2.15.0\"", "torch = \"215.0\"",
                "no version of this kind"},
        Refusal{"OlderTorchFirst", kW, "torch = \"2.15.0\"", "torch = \"2.1.0\"", "wheels are sorted"},
        Refusal{"Twice", kW, "torchaudio = \"2.11.0\"\nvariant = \"cu132\"", "variant = \"cu132\"",
                "stands twice"},
        Refusal{"WorksThatIsNeither", kW, "\nworks = false", "\nworks = \"no\"", "not true or false"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Gpus, Refuses,
    testing::Values(
        Refusal{"IdThatIsNotHexadecimal", kG, "\n0fc0\t", "\n0xfc0\t", "not four hexadecimal digits"},
        Refusal{"Unsorted", kG, "\n0fc0\t", "\n0fff\t", "sorted and unique"},
        Refusal{"UnknownArchitecture", kG, "\tKepler\t3.0", "\tKeppler\t3.0", "unknown architecture"},
        Refusal{"ComputeOfAnotherArchitecture", kG, "\tKepler\t3.0", "\tKepler\t8.0",
                "does not have compute capability"},
        Refusal{"ComputeInAnotherUnit", kG, "\tKepler\t3.0", "\tKepler\t30", "not of the form 8.9"},
        Refusal{"MemoryInMebibytes", kG, "Tesla K80\t12\t", "Tesla K80\t12288\t",
                "not between 1 and 1024 GiB"},
        Refusal{"TooFewColumns", kG, "\n0fc0\tGK107\t", "\n0fc0\t", "columns, expected 10"},
        Refusal{"NoName", kG, "\tGeForce GT 640 OEM\tGeForce", "\t\tGeForce", "name is missing"},
        Refusal{"KnownInAnotherWord", kG, "geforce\tread", "geforce\tmaybe", "not tried, read or inferred"},
        Refusal{"HeadWithoutSource", kG, "# source:", "# sauce:", "source is missing"},
        Refusal{"FirstDriverOfAnotherBranch", kF, "515.48.07\t520", "516.48.07\t520",
                "stands in the column of branch 515"},
        Refusal{"FirstDriverInAnotherUnit", kF, "515.48.07\t520", "51.5\t520", "is no driver version"},
        Refusal{"FirstDriverOfNoGpu", kF, "\n1e02\t", "\nfffe\t", "is no GPU of gpus.tsv"},
        Refusal{"FirstDriverTwice", kF, "\n1e04\t", "\n1e02\t", "stands twice"},
        Refusal{"ColumnOfNoBranch", kF, "device_id 515", "device_id 516", "is no driver branch"},
        Refusal{"SubsystemThatIsNone", "subsystems.tsv", "1028:129e", "1028", "no device and subsystem id"},
        Refusal{"SubsystemOfNoGpu", "subsystems.tsv", "\n1e78\t", "\n1e79\t", "1e79 is no GPU of gpus.tsv"},
        Refusal{"SubsystemTwice", "subsystems.tsv", "103c:129e", "1028:129e", "stands twice"},
        Refusal{"SubsystemUnsorted", "subsystems.tsv", "103c:129e", "1027:129e", "not in its order"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Places, Refuses,
    testing::Values(
        Refusal{"ToolkitUnsorted", kT, "version = \"12.0\"", "version = \"11.7\"", "sorted and unique"},
        Refusal{"ToolkitTwice", kT, "version = \"12.0\"", "version = \"11.8\"", "sorted and unique"},
        Refusal{"CompilerInAnotherUnit", kT, "host_gcc_max = 11", "host_gcc_max = 1100",
                "not between 4 and 40"},
        Refusal{"CompilerBelowThatOfAnOlderToolkit", kT, "host_gcc_max = 12", "host_gcc_max = 10",
                "host_gcc_max is less than that of 11.8"},
        Refusal{"ComputeUpsideDown", kT, "min_compute = \"3.5\"", "min_compute = \"9.5\"",
                "less than min_compute"},
        Refusal{"ArchiveUnsorted", kA, "os = \"debian-13\"", "os = \"debian-11\"", "sorted by os and unique"},
        Refusal{"ArchiveTwice", kA, "os = \"debian-13\"", "os = \"debian-12\"", "sorted by os and unique"},
        Refusal{"DriverWithoutPackages", kA, "driver_packages = [", "driver_open_packages_ = [",
                "go together"},
        Refusal{"ComponentWithoutItsArchive", kA, "codename = \"bookworm\"\n", "",
                "component needs codename and url"},
        Refusal{"TriedAndNotThere", kA, "tried = [\"python\"]", "tried = [\"pyhton\"]",
                "tried has 'pyhton', which is no part of this row"},
        Refusal{"LockWithoutTheBranch", kR, "lock_packages = [\"*nvidia*{branch}*\"",
                "lock_packages = [\"*nvidia*\"", "does not say {branch}"},
        Refusal{"LockForApt", kR, "pin_packages = [\"nvidia-driver-pinning-{branch}\"]",
                "pin_packages = [\"nvidia-driver-pinning-{branch}\"]\nlock_packages = [\"a{branch}\"]",
                "lock_packages are for dnf"},
        Refusal{"RepositoryUnsorted", kR, "os = \"debian-13\"", "os = \"debian-11\"",
                "sorted by os and unique"},
        Refusal{"FingerprintTooShort", kR, "fingerprint = \"EB69", "fingerprint = \"EB6",
                "not 40 upper-case"},
        Refusal{"FingerprintInLowerCase", kR, "fingerprint = \"EB69", "fingerprint = \"eb69",
                "not 40 upper-case"},
        Refusal{"KeyWithoutTls", kR, "key_url = \"https", "key_url = \"http", "is not https"},
        Refusal{"ManagerThatIsNone", kR, "manager = \"apt\"", "manager = \"pacman\"", "neither apt nor dnf"},
        Refusal{"SourceWithoutTls", "sources.toml", "url = \"https", "url = \"http", "is not https"},
        Refusal{"InstallerWithoutAHash", "installers.toml", "sha256 = \"81a5", "sha256 = \"81a",
                "not 64 lower-case"},
        Refusal{"InstallerOfNobody", "installers.toml", "name = \"miniconda\"", "name = \"anaconda\"",
                "is no source"},
        Refusal{"InstallerThatIsNoScript", "installers.toml", "aarch64.sh\"", "aarch64.exe\"",
                "does not end in .sh"},
        Refusal{"InstallerInAnotherUnit", "installers.toml", "size = 163179296", "size = 163", "not between"},
        Refusal{"InstallerTwice", "installers.toml", "arch = \"x86_64\"", "arch = \"aarch64\"",
                "sorted by name and arch"},
        Refusal{"SourceTwice", "sources.toml", "name = \"pypi\"", "name = \"miniforge\"",
                "sorted by name and unique"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Beside, Refuses,
    testing::Values(
        Refusal{"CompanionUnsorted", kC, "package = \"exllamav2\"", "package = \"zzz\"", "sorted by package"},
        Refusal{"CompanionTwice", kC, "version = \"0.15.0\"", "version = \"0.18.0\"",
                "the newest first, and unique"},
        Refusal{"CompanionOfATorchThatIsNone", kC, "works_with = [\"2.11.0\"", "works_with = [\"2.11.9\"",
                "torch 2.11.9 is in no row"},
        Refusal{"RequirementThatIsNone", kC, "also = [\"torchao==0.15.0\"]", "also = [\"torchao=0.15.0\"]",
                "is no package with or without a version"},
        Refusal{"CompanionOfItself", kC, "also = [\"tokenizers\"]", "also = [\"exllamav2\"]",
                "'exllamav2' names exllamav2 itself"},
        Refusal{"CompanionThatRefusesItsCompany", kC, "refuses = [\"torchao>0.15.0\"]",
                "refuses = [\"torchao>=0.15.0\"]",
                "'torchao==0.15.0' must be there and 'torchao>=0.15.0' must not"},
        Refusal{"StackForAnotherUse", kS, "use = \"train\"", "use = \"play\"", "expected train or generate"},
        Refusal{"StackThatCompilesAndDoesNotSayHow", kS, "imports = \"exllamav2.ext\"\n", "",
                "extension and imports stand together"},
        Refusal{"StackWhoseModuleIsNone", kS, "extension = \"exllamav2_ext\"", "extension = \"x; import os\"",
                "are names of Python's"},
        Refusal{"StackOfACudaWithoutAnExtension", kS,
                "extension = \"exllamav3_ext\"\nimports = \"exllamav3.ext\"\n", "",
                "min_cuda is about an extension"},
        Refusal{"StackOfACudaInAnotherUnit", kS, "min_cuda = \"12.4\"", "min_cuda = \"1204\"", "min_cuda"},
        Refusal{"StackOfAGpuInAnotherUnit", kS, "min_compute = \"6.0\"", "min_compute = \"sm_60\"",
                "is no compute capability"},
        Refusal{"StackUnsorted", kS, "name = \"torchtune\"", "name = \"zzz\"", "sorted by name"},
        Refusal{"StackTwice", kS, "name = \"torchtune\"", "name = \"trl\"", "sorted by name and unique"},
        Refusal{"StackWithoutTorch", kS, "packages = [\"torch\", \"torchvision\"",
                "packages = [\"torchvision\"", "no torch without a version"},
        Refusal{"StackPackageWithoutAVersion", kS, "trl==1.16.0", "trl>=1.16.0", "has no exact version"},
        Refusal{"StackOfATorchThatIsNone", kS, "torches = [\"2.11.0\"", "torches = [\"2.11.9\"",
                "torch 2.11.9 is in no row"},
        Refusal{"PypiToolkitWithoutARowOfItsOwn", kT, "version = \"13.4\"\npackages",
                "version = \"13.9\"\npackages", "toolkit 13.9 is in no row of its own"},
        Refusal{"PypiToolkitUnsorted", kT, "version = \"13.4\"\npackages", "version = \"12.9\"\npackages",
                "sorted, the newest first"},
        Refusal{"BrokenWithoutAReason", kT, "note = \"pip resolves", "note = \"\" # \"",
                "has a note that says why"},
        Refusal{"FabricNamedBeforeWithoutTheBranch", "fabric.toml", "renamed_from = 580\n", "",
                "old_packages and renamed_from go together"},
        Refusal{"FabricRenamedAtNoBranch", "fabric.toml", "renamed_from = 580", "renamed_from = 581",
                "is no driver branch"},
        Refusal{"FabricTwice", "fabric.toml", "name = \"imex\"", "name = \"fabricmanager\"",
                "sorted by name and unique"},
        Refusal{"KeyTwice", "keys.toml", "AE09FE4BBD223A84B2CCFCE3F60F4B3D7FA2AF80",
                "EB693B3035CD5710E231E123A4B469963BF863CC", "stands twice"},
        Refusal{"RepositoryWithAKeyOfNobody", kR, "EB693B3035CD", "EB693B3035CE", "is no key of keys.toml"},
        Refusal{"RepositoryWithARevokedKey", kR, "EB693B3035CD5710E231E123A4B469963BF863CC",
                "AE09FE4BBD223A84B2CCFCE3F60F4B3D7FA2AF80", "was revoked"},
        Refusal{"MirrorOfNothing", "mirrors.toml", "what = \"cuda\"", "what = \"cudax\"",
                "is nothing that is mirrored"},
        Refusal{"MirrorForPipWithoutAForm", "mirrors.toml", "form = \"links\"\n", "",
                "form is index or links"},
        Refusal{"MirrorWithoutTls", "mirrors.toml", "url = \"https", "url = \"http", "is not https"},
        Refusal{"MirrorTwice", "mirrors.toml", "profile = \"ustc\"\nwhat = \"miniforge\"",
                "profile = \"ustc\"\nwhat = \"conda\"", "sorted by profile and what"},
        Refusal{"ThresholdInAnotherUnit", "thresholds.toml", "unit = \"MiB\"", "unit = \"MB\"",
                "bar1-small is in MiB"},
        Refusal{"ThresholdThatCannotBeMeant", "thresholds.toml", "value = 87", "value = 360",
                "value = 360 is not between 60 and 110"},
        Refusal{"ThresholdOfNoRule", "thresholds.toml", "name = \"gpu-hot\"", "name = \"gpu-warm\"",
                "is not the next of the thresholds by name: gpu-hot"},
        Refusal{"ThresholdFromNowhere", "thresholds.toml", "source = \"NCCL", "sauce = \"NCCL",
                "source is missing"},
        Refusal{"CardOnABoardOfSwitches", kG, "H200 NVL\t141\t-", "H200 NVL\t141\tnvswitch", "is a card"},
        Refusal{"BoardInOtherWords", kG, "H200 NVL\t141\t-", "H200 NVL\t141\tyes", "neither nvswitch nor -"}),
    named);

TEST(Refuses, AFileThatIsNotThere) {
  for (const auto& [name, text] : compiled_in()) {
    if (name == kSigners) continue;
    Files files = compiled_in();
    files.erase(name);
    const auto loaded = load(files);
    ASSERT_FALSE(loaded) << name;
    EXPECT_EQ(loaded.error().message(), "the catalog has no file " + name);
  }
}

TEST(Refuses, AFileThatEndsTooEarly) {
  for (const auto& [name, text] : compiled_in()) {
    if (name == kSigners) continue;
    Files files = compiled_in();
    files[name] = text.substr(0, text.size() - 20);
    const auto loaded = load(files);
    ASSERT_FALSE(loaded) << name;
    EXPECT_THAT(loaded.error().message(), HasSubstr(name + ":"));
  }
}

struct Damage {
  const char* name;
  const char* file;
  const char* before;
  std::string after;
  const char* error;
};
void PrintTo(const Damage& damage, std::ostream* out) {
  *out << damage.name;
}

class RefusesBytes : public testing::TestWithParam<Damage> {};

// What was saved in another encoding is said by line, whichever reader would have come to it.
TEST_P(RefusesBytes, ByFileAndLine) {
  const Damage& damage = GetParam();
  Files files = compiled_in();
  std::string& text = files[damage.file];
  const std::size_t at = text.find(damage.before);
  ASSERT_NE(at, std::string::npos);
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  text.replace(at, std::string_view(damage.before).size(), damage.after);
  const auto loaded = load(files);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), Errc::malformed);
  EXPECT_EQ(loaded.error().message(), fmt::format("{}:{}: {}", damage.file, line, damage.error));
}

INSTANTIATE_TEST_SUITE_P(
    Encodings, RefusesBytes,
    testing::Values(Damage{"Latin1InATable", "gpus.tsv", "GeForce GT 640 OEM", "GeForce GT 640 \xdc",
                           "byte 0xdc has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"Latin1InANote", "wheels.toml", "torchaudio has no", "torchaudio h\xe4s no",
                           "byte 0xe4 has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"HalfACharacter", "subsystems.tsv", "Quadro RTX 8000", "Quadro \xe2\x82",
                           "byte 0xe2 has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"LongerThanItMustBe", "mirrors.toml", "ustc", "\xc0\xaf",
                           "byte 0xc0 has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"HalfAPairOfUtf16", "mirrors.toml", "ustc", "\xed\xa0\x80",
                           "byte 0xed has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"ALineOfDos", "gpus.tsv", "geforce\tread\n", "geforce\tread\r\n",
                           "byte 0x0d has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"WhatSteersATerminal", "xids.tsv", "GPU_HAS", "\x1b[2JGPU",
                           "byte 0x1b has no place here: expected UTF-8, and lines that end in LF"},
                    Damage{"AByteOfNothing", "first_driver.tsv", "515.48.07", std::string("515\0.07", 7),
                           "byte 0x00 has no place here: expected UTF-8, and lines that end in LF"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Refuses, ATableInUtf16) {
  for (const char* name : {"gpus.tsv", "wheels.toml", "messages.tsv"}) {
    Files files = compiled_in();
    std::string wide = "\xff\xfe";
    for (const char c : compiled_in().at(name)) wide += {c, '\0'};
    files[name] = wide;
    EXPECT_THAT(load(files).error().message(), HasSubstr(fmt::format("{}:1: byte 0xff", name)));
  }
}

// A product's name that lost its end would still be a name.
TEST(Refuses, ATableCutInItsLastLine) {
  Files files = compiled_in();
  std::string& text = files["subsystems.tsv"];
  const auto lines = std::count(text.begin(), text.end(), '\n');
  text.resize(text.size() - 3);
  EXPECT_EQ(load(files).error().message(),
            fmt::format("subsystems.tsv:{}: the last line has no end: the file was cut off", lines));
}

TEST(Loads, TomlWithTheLineEndsOfDosAndOtherAlphabets) {
  Files files = compiled_in();
  std::string& text = files["fabric.toml"];
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 2))
    text.insert(at, 1, '\r');
  std::string& notes = files["wheels.toml"];
  const std::string_view words = "torchaudio has no release";
  notes.replace(notes.find(words), words.size(), "\u042f \u4f60 \U0001F600");
  const auto loaded = load(files);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_THAT(loaded->wheels.front().note, HasSubstr("\u042f \u4f60 \U0001F600"));
}

// The line is that of the damaged row.
TEST(Refuses, WithTheRightLine) {
  Files files = compiled_in();
  std::string& text = files["gpus.tsv"];
  const std::size_t at = text.find("\n102d\t");
  ASSERT_NE(at, std::string::npos);
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 2;
  text.replace(at, 6, "\n102x\t");
  EXPECT_THAT(load(files).error().message(), HasSubstr(fmt::format("gpus.tsv:{}: device id '102x'", line)));
}

}  // namespace
}  // namespace bringup::catalog
