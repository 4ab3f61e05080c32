// SPDX-License-Identifier: Apache-2.0
// The catalog that is compiled in, and the questions that it answers.
#include <bringup/catalog/catalog.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace bringup::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Catalog, CompiledInRowsLoad) {
  const auto catalog = load(compiled_in());
  ASSERT_TRUE(catalog) << catalog.error().message();
  EXPECT_GT(catalog->gpus.size(), 800U);
  EXPECT_EQ(catalog->branches.front().number, 470);
  EXPECT_EQ(catalog->floor(13)->driver.text, "580.65.06");
  EXPECT_EQ(catalog->floor(12)->driver.text, "525.60.13");
}

TEST(Catalog, EveryRowSaysWhereItComesFrom) {
  for (const WheelSet& wheels : built_in().wheels) {
    EXPECT_FALSE(wheels.from.source.empty());
    EXPECT_EQ(wheels.from.as_of.size(), 10U);
  }
  for (const Gpu& gpu : built_in().gpus) EXPECT_FALSE(gpu.from->source.empty());
}

// What the goal asks for by default must not be a set of which one part refuses to import.
TEST(Catalog, TheTrioThatDoesNotImportIsMarked) {
  bool marked = false;
  for (const WheelSet& wheels : built_in().wheels) {
    if (wheels.torch.text == "2.15.0" && wheels.index == "pypi" && wheels.torchaudio) marked = !wheels.works;
  }
  EXPECT_TRUE(marked);
}

TEST(Catalog, NamesAFunctionByItsSubsystemFirst) {
  const Catalog& catalog = built_in();
  EXPECT_EQ(catalog.gpu_name(0x1e78, 0x10de, 0x13d9), "Quadro RTX 6000");
  EXPECT_EQ(catalog.gpu_name(0x1e78, 0x10de, 0x13d8), "Quadro RTX 8000");
  EXPECT_EQ(catalog.gpu_name(0x2684, 0x1043, 0x1234), "GeForce RTX 4090");
  EXPECT_EQ(catalog.gpu_name(0xfffe, 0x10de, 0x0001), "");
}

struct Words {
  const char* words;
  unsigned id;
};
void PrintTo(const Words& words, std::ostream* out) {
  *out << words.words;
}

class FindGpu : public testing::TestWithParam<Words> {};

TEST_P(FindGpu, KnowsTheProductThatIsMeant) {
  const auto found = built_in().find_gpu(GetParam().words);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ((*found)->device_id, GetParam().id) << (*found)->name;
}

INSTANTIATE_TEST_SUITE_P(
    Words, FindGpu,
    testing::Values(Words{"RTX 4090", 0x2684}, Words{"4090", 0x2684}, Words{"rtx4090", 0x2684},
                    Words{"NVIDIA GeForce RTX 4090", 0x2684}, Words{"RTX 4090 D", 0x2685},
                    Words{"5090", 0x2b85}, Words{"5090 Laptop", 0x2c18}, Words{"RTX 3090", 0x2204},
                    Words{"RTX 3090 Ti", 0x2203}, Words{"2080 Ti", 0x1e04}, Words{"GTX 1080", 0x1b80},
                    Words{"GTX 980", 0x13c0}, Words{"V100 SXM2 32GB", 0x1db5},
                    Words{"V100 SXM2 16GB", 0x1db1}, Words{"V100 PCIe 32GB", 0x1db6}, Words{"T4", 0x1eb8},
                    Words{"K80", 0x102d}, Words{"A100", 0x20b0}, Words{"A100 80GB PCIe", 0x20b5},
                    Words{"A100-SXM4-80GB", 0x20b2}, Words{"A40", 0x2235}, Words{"L40S", 0x26b9},
                    Words{"H100", 0x2330}, Words{"H100 PCIe", 0x2331}, Words{"H100 NVL", 0x2321},
                    Words{"H200", 0x2335}, Words{"H200 NVL", 0x233b}, Words{"H20", 0x2329},
                    Words{"B200", 0x2901}, Words{"10de:2b85", 0x2b85}, Words{"2b85", 0x2b85}));

// "2080" is also the id of a spare GA100.
TEST(FindGpu, TakesANumberForANameBeforeAnId) {
  const auto found = built_in().find_gpu("2080");
  ASSERT_TRUE(found);
  EXPECT_THAT((*found)->name, HasSubstr("RTX 2080"));
}

TEST(FindGpu, OffersTheNearestName) {
  const auto found = built_in().find_gpu("RTX 4900");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::usage);
  EXPECT_THAT(found.error().message(),
              HasSubstr("no GPU in the catalog is called 'RTX 4900' (did you mean 'RTX "));
}

TEST(FindGpu, RefusesWhatNoGpuIs) {
  for (const char* words : {"", "   ", "NVIDIA", "Radeon RX 7900", "10de:fffe", "10de:zzzz", "10de:"}) {
    const auto found = built_in().find_gpu(words);
    ASSERT_FALSE(found) << words;
    EXPECT_EQ(found.error().code(), Errc::usage);
  }
}

WheelSet wheels(std::vector<ComputeCapability> sm, std::optional<ComputeCapability> ptx = std::nullopt) {
  WheelSet out;
  out.sm = std::move(sm);
  out.ptx = ptx;
  return out;
}

TEST(Covers, MachineCodeRunsOnTheSameMajorFromItsMinorUp) {
  const WheelSet set = wheels({{8, 0}, {8, 6}, {10, 0}, {12, 0}});
  EXPECT_TRUE(covers(set, {8, 0}));
  EXPECT_TRUE(covers(set, {8, 9}));   // Ada has no code of its own
  EXPECT_TRUE(covers(set, {10, 3}));  // B300
  EXPECT_TRUE(covers(set, {12, 1}));  // GB10
  EXPECT_FALSE(covers(set, {7, 5}));
  EXPECT_FALSE(covers(set, {9, 0}));
  EXPECT_FALSE(covers(set, {11, 0}));  // between two majors that are there
  EXPECT_FALSE(covers(wheels({{8, 6}}), {8, 0}));
}

TEST(Covers, PtxIsCompiledForAnythingNewerAndNothingOlder) {
  const WheelSet set = wheels({{9, 0}}, ComputeCapability{9, 0});
  EXPECT_TRUE(covers(set, {12, 0}));
  EXPECT_FALSE(covers(set, {8, 9}));
}

TEST(VariantCuda, ReadsTheLastDigitAsTheMinor) {
  EXPECT_EQ(variant_cuda("cu130")->text, "13.0");
  EXPECT_EQ(variant_cuda("cu118")->text, "11.8");
  EXPECT_EQ(variant_cuda("cu92")->text, "9.2");
  for (const char* none : {"cpu", "cu", "cu1", "cuda", "cu13x", "rocm6.2", ""})
    EXPECT_FALSE(variant_cuda(none)) << none;
}

// Names lost the branch at 590, where a pinning package keeps it.
TEST(DriverPackages, CarryTheBranchBefore590AndPinItFromThereOn) {
  const VendorRepo& ubuntu = *built_in().repo("ubuntu-24.04");
  EXPECT_THAT(driver_packages(ubuntu, 570, true), ElementsAre("nvidia-open-570"));
  EXPECT_THAT(driver_packages(ubuntu, 580, true), ElementsAre("nvidia-open-580"));
  EXPECT_THAT(driver_packages(ubuntu, 580, false), ElementsAre("cuda-drivers-580"));
  EXPECT_THAT(driver_packages(ubuntu, 590, true), ElementsAre("nvidia-open"));
  EXPECT_THAT(driver_pins(ubuntu, 590), ElementsAre("nvidia-driver-pinning-590"));
  EXPECT_THAT(driver_pins(ubuntu, 580), testing::IsEmpty());
  EXPECT_THAT(driver_packages(ubuntu, 595, false), ElementsAre("cuda-drivers"));
}

TEST(DriverPackages, OfRhelComeFromAModuleStream) {
  const VendorRepo& rhel = *built_in().repo("rhel-9");
  EXPECT_THAT(driver_packages(rhel, 595, true), ElementsAre("nvidia-open"));
  EXPECT_EQ(filled(rhel.dnf_module_open, "branch", "595"), "nvidia-driver:595-open");
  EXPECT_EQ(filled(rhel.dnf_module_proprietary, "branch", "580"), "nvidia-driver:580-dkms");
}

// Neither names nor streams tell the branch: patterns lock it.
TEST(DriverPackages, OfRhel10AndFedoraAreLocked) {
  for (const char* os : {"rhel-10", "fedora-44"}) {
    const VendorRepo& repo = *built_in().repo(os);
    EXPECT_THAT(driver_locks(repo, 580, false), ElementsAre("*nvidia*580*", "cuda-drivers*580*"));
    EXPECT_THAT(driver_locks(repo, 595, true), ElementsAre("*nvidia*595*", "nvidia-open*595*"));
  }
  EXPECT_THAT(driver_locks(*built_in().repo("rhel-9"), 580, true), testing::IsEmpty());
  EXPECT_EQ(built_in().archive("rhel-10")->lock_plugin, "python3-dnf-plugin-versionlock");
  EXPECT_EQ(built_in().archive("fedora-44")->lock_plugin, "");  // dnf 5 has it built in
}

TEST(Archives, SayWhichOfTheirPartsWereTried) {
  const Archive& debian12 = *built_in().archive("debian-12");
  EXPECT_EQ(known_of(debian12, "driver"), Known::tried);
  EXPECT_EQ(known_of(debian12, "driver_open"), Known::read);
  EXPECT_EQ(known_of(*built_in().archive("debian-13"), "python"), Known::tried);
  EXPECT_EQ(known_of(*built_in().archive("debian-13"), "driver"), Known::read);
}

// A copy of a catalog whose files are gone still has its texts.
TEST(Catalog, KeepsTheTextsOfItsRows) {
  std::optional<Catalog> copy;
  {
    Files files = compiled_in();
    const auto loaded = load(files);
    ASSERT_TRUE(loaded);
    copy = *loaded;
    for (auto& [name, text] : files) text.assign(text.size(), '?');
  }
  EXPECT_EQ(copy->gpu(0x2684)->name, "GeForce RTX 4090");
  EXPECT_EQ(copy->gpu_name(0x1e78, 0x10de, 0x13d9), "Quadro RTX 6000");
  EXPECT_EQ(copy->gpu(0x2684)->from->source, built_in().gpu(0x2684)->from->source);
  EXPECT_EQ(copy->listed, built_in().listed);
}

TEST(Repositories, Debian13IsSignedWithItsOwnKey) {
  EXPECT_EQ(built_in().repo("debian-12")->fingerprint, "EB693B3035CD5710E231E123A4B469963BF863CC");
  EXPECT_EQ(built_in().repo("debian-13")->fingerprint, "02182E60104FCDC26EAE1B8597A5D4CB8793F200");
}

TEST(ComputeCapability, IsTwoNumbers) {
  EXPECT_EQ(ComputeCapability::parse("8.9")->text(), "8.9");
  for (const char* bad : {"89", "8", "8.", ".9", "8.9.1", "8.10", "21.0", "x.y", ""})
    EXPECT_FALSE(ComputeCapability::parse(bad)) << bad;
}

}  // namespace
}  // namespace bringup::catalog
