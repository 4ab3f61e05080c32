// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <unit/report/two_gpus.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using nlohmann::json;
using testing::StartsWith;

// Every key that the document has, however little is known.
const std::set<std::string> kTopKeys{"schema",     "machine",  "gpus",         "other_functions", "counts",
                                     "counts_how", "nvml",     "driver",       "packages",        "toolkits",
                                     "pythons",    "managers", "environments", "shells",          "disks",
                                     "sources",    "unknown",  "boot",         "user_sites"};

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

json facts_of(const facts::Machine& machine) {
  return json::parse(report::facts_json(machine));
}

TEST(FactsJson, BeginsWithItsSchema) {
  EXPECT_THAT(report::facts_json({}), StartsWith("{\n  \"schema\": \"bringup.facts/1\",\n"));
}

TEST(FactsJson, SaysForWhichKernelAModuleWasBuiltWhereItsFileSays) {
  facts::Machine machine;
  machine.driver.modules = {
      {.kernel = "6.1.0-28", .path = "/a.ko", .built_for = "6.1.0-25", .versioned = true},
      {.kernel = "6.1.0-28", .path = "/b.ko.xz"}};
  const json modules = facts_of(machine)["driver"]["modules"];
  EXPECT_EQ(modules[0]["built_for"], "6.1.0-25");
  EXPECT_EQ(modules[0]["symbol_versions"], true);
  EXPECT_EQ(modules[1]["built_for"], nullptr);
  EXPECT_EQ(modules[1]["symbol_versions"], nullptr);
}

TEST(FactsJson, HasEveryKeyForAnEmptyMachineAndForAFullOne) {
  const json empty = facts_of({});
  const json full = facts_of(full_machine("words"));
  EXPECT_EQ(keys_of(empty), kTopKeys);
  EXPECT_EQ(keys_of(full), kTopKeys);
  for (const char* object : {"machine", "counts", "counts_how", "driver", "boot", "packages", "shells"})
    EXPECT_EQ(keys_of(empty[object]), keys_of(full[object])) << object;
  EXPECT_EQ(keys_of(empty["machine"]["os"]), keys_of(full["machine"]["os"]));
  EXPECT_EQ(keys_of(empty["machine"]["kernel"]), keys_of(full["machine"]["kernel"]));
  EXPECT_EQ(keys_of(full["counts"]), (std::set<std::string>{"pci", "driver", "nvml", "cuda", "pytorch"}));
  for (const char* key : {"os", "kernel", "arch", "glibc", "secure_boot"})
    EXPECT_TRUE(full["machine"].contains(key)) << key;
}

TEST(FactsJson, AGpuHasTheSameKeysWhetherItIsKnownOrNot) {
  facts::Machine bare;
  bare.pci = {{.address = "0000:01:00.0", .kind = facts::PciKind::gpu}};
  facts::Machine shown_by_nvml_alone;
  shown_by_nvml_alone.nvml = facts::NvmlSnapshot{.gpus = {{.index = 0, .pci = "0000:01:00.0"}}};
  const std::set<std::string> keys = keys_of(facts_of(full_machine("words"))["gpus"][0]);
  EXPECT_EQ(keys_of(facts_of(bare)["gpus"][0]), keys);
  EXPECT_EQ(keys_of(facts_of(shown_by_nvml_alone)["gpus"][0]), keys);
  for (const char* key :
       {"pci", "device_id", "name", "architecture", "compute_capability", "memory_bytes", "kernel_driver"})
    EXPECT_TRUE(keys.contains(key)) << key;
}

// Where the document is null, with its place as "unknown" spells it.
void nulls_of(const json& value, const std::string& at, std::set<std::string>& out) {
  if (value.is_null()) out.insert(at);
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) nulls_of(inner, at.empty() ? key : at + "." + key, out);
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      nulls_of(value[i], at + "[" + std::to_string(i) + "]", out);
  }
}

TEST(FactsJson, EveryNullOfAnUnknownFactIsListedWithAReason) {
  facts::Machine m;
  m.pci = {{.address = "0000:01:00.0", .kind = facts::PciKind::gpu},
           {.address = "0000:01:00.1", .kind = facts::PciKind::audio}};
  m.nvml = facts::NvmlSnapshot{.gpus = {{.index = 0, .pci = "0000:01:00.0"}}};
  m.sources = {{.name = "pypi", .url = "https://pypi.org/simple/"}};
  const json document = facts_of(m);
  std::set<std::string> listed;
  for (const json& one : document["unknown"]) {
    EXPECT_FALSE(one["why"].get<std::string>().empty()) << one;
    EXPECT_TRUE(listed.insert(one["fact"].get<std::string>()).second) << one;
  }
  std::set<std::string> nulls;
  nulls_of(document, "", nulls);
  for (const std::string& fact : listed) EXPECT_TRUE(nulls.contains(fact)) << fact;
  // What is null because there is nothing, and not because it could not be read.
  const std::set<std::string> nothing{"machine.os.version", "machine.os.codename",
                                      "machine.os.name",    "machine.kernel.command_line",
                                      "machine.hypervisor", "machine.user.name",
                                      "machine.user.home",  "gpus[0].nvml.name",
                                      "gpus[0].nvml.uuid",  "other_functions[0].name",
                                      "counts_how.pci",     "counts_how.driver",
                                      "counts_how.nvml",    "counts_how.cuda",
                                      "counts_how.pytorch", "nvml.driver_version",
                                      "nvml.nvml_version",  "nvml.cuda_version",
                                      "nvml.library_path",  "driver.foreign_installer",
                                      "packages.manager",   "packages.archive_signed_by",
                                      "boot.loader",        "sources[0].mirror"};
  for (const std::string& place : nulls)
    EXPECT_TRUE(listed.contains(place) || nothing.contains(place)) << place;
  EXPECT_TRUE(listed.contains("counts.cuda"));
  EXPECT_TRUE(listed.contains("gpus[0].kernel_driver"));
}

TEST(FactsJson, NothingIsUnknownOfAFullMachine) {
  facts::Machine m = full_machine("words");
  m.sources.pop_back();
  EXPECT_EQ(facts_of(m)["unknown"], json::array());
}

TEST(FactsJson, WritesNumbersAsNumbers) {
  const json document = facts_of(two_gpus());
  EXPECT_EQ(document["counts"]["pci"], 2);
  EXPECT_EQ(document["counts"]["cuda"], 1);
  EXPECT_TRUE(document["counts"]["pytorch"].is_null());
  EXPECT_EQ(document["gpus"][0]["memory_bytes"], 150754820096U);
  EXPECT_EQ(document["gpus"][0]["device_id"], "10de:2335");
  EXPECT_EQ(document["gpus"][0]["link"]["max_width"], 16);
  EXPECT_EQ(document["machine"]["memlock_bytes"], -1);
  EXPECT_EQ(document["machine"]["secure_boot"], false);
  EXPECT_EQ(document["nvml"]["cuda_version"], "13.0");
  EXPECT_EQ(document["sources"][0]["answered_seconds"], 0.045);
  EXPECT_TRUE(document["sources"][1]["answered_seconds"].is_null());
}

TEST(FactsJson, NoneBoundIsNotUnknown) {
  facts::Machine m = two_gpus();
  m.pci[0].kernel_driver = std::optional<std::string>{};
  const json document = facts_of(m);
  EXPECT_TRUE(document["gpus"][0]["kernel_driver"].is_null());
  for (const json& one : document["unknown"]) EXPECT_NE(one["fact"], "gpus[0].kernel_driver");
}

}  // namespace
