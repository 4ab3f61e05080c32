// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/messages.hpp>
#include <bringup/catalog/refresh.hpp>
#include <bringup/catalog/shown.hpp>
#include <bringup/catalog/thresholds.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

std::string yes_no(bool value) {
  return value ? "yes" : "no";
}
std::string text_of(const std::optional<Version>& version) {
  return version ? version->text : "";
}
std::string text_of(const std::optional<ComputeCapability>& compute) {
  return compute ? compute->text() : "";
}
std::string listed(const std::vector<std::string>& texts) {
  return base::join(texts, ", ");
}
std::string listed(const std::vector<ComputeCapability>& all) {
  std::vector<std::string> texts;
  texts.reserve(all.size());
  for (const ComputeCapability one : all) texts.push_back(one.text());
  return listed(texts);
}

const Provenance& provenance_of(const Provenance& from) {
  return from;
}
const Provenance& provenance_of(const std::shared_ptr<const Provenance>& from) {
  return *from;
}

template <typename Rows, typename F>
std::vector<Shown> each_row(const Rows& rows, F&& shown) {
  std::vector<Shown> out;
  out.reserve(rows.size());
  for (const auto& row : rows) {
    Shown one = shown(row);
    one.from = provenance_of(row.from);
    out.push_back(std::move(one));
  }
  return out;
}

Shown shown_gpu(const Gpu& gpu) {
  std::vector<std::string> first;
  for (const auto& [branch, version] : gpu.first_driver) first.push_back(version.text);
  return {.key = fmt::format("10de:{:04x}", gpu.device_id),
          .fields = {{"name", std::string(gpu.name)},
                     {"alias", std::string(gpu.alias)},
                     {"chip", std::string(gpu.chip)},
                     {"architecture", std::string(architecture_name(gpu.architecture))},
                     {"compute_capability", text_of(gpu.compute)},
                     {"memory", gpu.memory_bytes ? base::human_bytes(*gpu.memory_bytes) : ""},
                     {"nvswitch", yes_no(gpu.nvswitch)},
                     {"geforce", yes_no(gpu.geforce)},
                     {"first_drivers", listed(first)}},
          .from = {}};
}

Shown shown_branch(const Branch& branch) {
  return {.key = std::to_string(branch.number),
          .fields = {{"type", branch.type},
                     {"latest", branch.latest.text},
                     {"released", branch.released},
                     {"end_of_life", branch.eol.value_or("")},
                     {"successor", branch.successor ? std::to_string(*branch.successor) : ""},
                     {"max_cuda", branch.max_cuda.text},
                     {"oldest", std::string(architecture_name(branch.oldest))},
                     {"newest", std::string(architecture_name(branch.newest))},
                     {"open_modules", yes_no(branch.open_modules)}},
          .from = {}};
}

Shown shown_wheels(const WheelSet& set) {
  return {.key = wheels_key(set),
          .fields = {{"torch", set.torch.text},
                     {"torchvision", set.torchvision},
                     {"torchaudio", set.torchaudio.value_or("")},
                     {"variant", set.variant},
                     {"index", set.index},
                     {"pythons", listed(set.pythons)},
                     {"sm", listed(set.sm)},
                     {"ptx", text_of(set.ptx)},
                     {"glibc", set.glibc.text},
                     {"works", yes_no(set.works)},
                     {"note", set.note}},
          .from = {}};
}

Shown shown_archive(const Archive& archive) {
  return {.key = archive.os,
          .fields = {{"codename", archive.codename},
                     {"component", archive.component},
                     {"driver", text_of(archive.driver)},
                     {"driver_packages", listed(archive.driver_packages)},
                     {"driver_open_packages", listed(archive.driver_open_packages)},
                     {"headers_package", archive.headers_package},
                     {"toolkit", text_of(archive.toolkit)},
                     {"toolkit_packages", listed(archive.toolkit_packages)},
                     {"python", archive.python},
                     {"python_packages", listed(archive.python_packages)},
                     {"lock_plugin", archive.lock_plugin},
                     {"dkms_from", archive.dkms_from},
                     {"tried", listed(archive.tried)}},
          .from = {}};
}

Shown shown_repo(const VendorRepo& repo) {
  return {
      .key = repo.os,
      .fields = {{"manager", repo.manager},
                 {"url", repo.url},
                 {"key_url", repo.key_url},
                 {"fingerprint", repo.fingerprint},
                 {"driver_open_packages", listed(repo.driver_open_packages)},
                 {"driver_proprietary_packages", listed(repo.driver_proprietary_packages)},
                 {"pin_from_branch", repo.pin_from_branch == 0 ? "" : std::to_string(repo.pin_from_branch)},
                 {"pin_packages", listed(repo.pin_packages)},
                 {"lock_packages", listed(repo.lock_packages)},
                 {"old_driver_open_packages", listed(repo.old_driver_open_packages)},
                 {"old_driver_proprietary_packages", listed(repo.old_driver_proprietary_packages)},
                 {"dnf_module_open", repo.dnf_module_open},
                 {"dnf_module_proprietary", repo.dnf_module_proprietary},
                 {"toolkit_packages", listed(repo.toolkit_packages)},
                 {"headers_package", repo.headers_package}},
      .from = {}};
}

Shown shown_companion(const Companion& one) {
  return {.key = one.package + "==" + one.version,
          .fields = {{"works_with", listed(one.works_with)},
                     {"breaks_with", listed(one.breaks_with)},
                     {"also", listed(one.also)},
                     {"refuses", listed(one.refuses)},
                     {"note", one.note}},
          .from = {}};
}

Shown shown_stack(const Stack& one) {
  return {.key = one.name,
          .fields = {{"use", one.use},
                     {"summary", one.summary},
                     {"packages", listed(one.packages)},
                     {"torches", listed(one.torches)},
                     {"notice", one.notice},
                     {"extension", one.extension},
                     {"imports", one.imports},
                     {"min_cuda", one.min_cuda ? one.min_cuda->text : ""},
                     {"min_compute", one.min_compute ? one.min_compute->text() : ""}},
          .from = {}};
}

Shown shown_fabric(const FabricService& one) {
  return {.key = one.name,
          .fields = {{"needed_by", one.needed_by},
                     {"detect", one.detect},
                     {"packages", listed(one.packages)},
                     {"old_packages", listed(one.old_packages)},
                     {"renamed_from", one.renamed_from == 0 ? "" : std::to_string(one.renamed_from)},
                     {"same_version", yes_no(one.same_version)},
                     {"modules", listed(one.modules)},
                     {"service", one.service},
                     {"note", one.note}},
          .from = {}};
}

std::string rule_of(const std::string& rule) {
  return rule.empty() ? "" : "bringup explain " + rule;
}

std::vector<Shown> xid_rows(const Catalog& /*catalog*/) {
  return each_row(messages().xids, [](const Xid& one) {
    return Shown{.key = std::to_string(one.number),
                 .fields = {{"name", one.name},
                            {"points_at", std::string(blame_name(one.blame))},
                            {"cause", one.cause},
                            {"todo", one.todo},
                            {"rule", rule_of(one.rule)}},
                 .from = {}};
  });
}

std::vector<Shown> code_rows(const Catalog& /*catalog*/) {
  return each_row(messages().codes, [](const Code& one) {
    return Shown{.key = fmt::format("{}/{}", api_name(one.api), one.number),
                 .fields = {{"names", listed(one.names)},
                            {"message", one.message},
                            {"cause", one.cause},
                            {"todo", one.todo},
                            {"rule", rule_of(one.rule)}},
                 .from = {}};
  });
}

std::vector<Shown> message_rows(const Catalog& /*catalog*/) {
  return each_row(messages().signatures, [](const Signature& one) {
    return Shown{.key = one.id,
                 .fields = {{"cause", one.cause}, {"todo", one.todo}, {"rule", rule_of(one.rule)}},
                 .from = {}};
  });
}

std::vector<Shown> threshold_rows(const Catalog& /*catalog*/) {
  return each_row(thresholds(), [](const Threshold& one) {
    return Shown{.key = one.name,
                 .fields = {{"value", fmt::format("{:.0f} {}", one.value, one.unit)}, {"what", one.what}},
                 .from = {}};
  });
}

constexpr std::array kTables{
    Table{"gpus", "every NVIDIA GPU by PCI id",
          [](const Catalog& catalog) { return each_row(catalog.gpus, shown_gpu); }},
    Table{"branches", "driver branches: what they drive, and until when they have updates",
          [](const Catalog& catalog) { return each_row(catalog.branches, shown_branch); }},
    Table{"floors", "the least driver for each CUDA major version",
          [](const Catalog& catalog) {
            return each_row(catalog.floors, [](const CudaFloor& one) {
              return Shown{.key = fmt::format("cuda-{}", one.cuda_major),
                           .fields = {{"driver", one.driver.text}},
                           .from = {}};
            });
          }},
    Table{"toolkits", "CUDA toolkits: host compilers and GPUs that they compile for",
          [](const Catalog& catalog) {
            return each_row(catalog.toolkits, [](const Toolkit& one) {
              return Shown{.key = one.version.text,
                           .fields = {{"host_gcc_max", std::to_string(one.host_gcc_max)},
                                      {"min_compute", one.min_compute.text()},
                                      {"max_compute", one.max_compute.text()}},
                           .from = {}};
            });
          }},
    Table{"pypi-toolkits", "CUDA toolkits as PyPI has them, without root",
          [](const Catalog& catalog) {
            return each_row(catalog.pypi_toolkits, [](const PypiToolkit& one) {
              return Shown{.key = one.version.text,
                           .fields = {{"packages", listed(one.packages)},
                                      {"works", yes_no(one.works)},
                                      {"note", one.note}},
                           .from = {}};
            });
          }},
    Table{"wheels", "torch with its companions, by CUDA variant and index",
          [](const Catalog& catalog) { return each_row(catalog.wheels, shown_wheels); }},
    Table{"companions", "packages that break beside some releases of torch",
          [](const Catalog& catalog) { return each_row(catalog.companions, shown_companion); }},
    Table{"stacks", "packages that train or run models together",
          [](const Catalog& catalog) { return each_row(catalog.stacks, shown_stack); }},
    Table{"archives", "what each distribution's own archive carries",
          [](const Catalog& catalog) { return each_row(catalog.archives, shown_archive); }},
    Table{"repos", "NVIDIA's repository for each distribution",
          [](const Catalog& catalog) { return each_row(catalog.repos, shown_repo); }},
    Table{"sources", "places that software comes from",
          [](const Catalog& catalog) {
            return each_row(catalog.sources, [](const Source& one) {
              return Shown{.key = one.name, .fields = {{"url", one.url}}, .from = {}};
            });
          }},
    Table{"installers", "installers of conda, by their hash",
          [](const Catalog& catalog) {
            return each_row(catalog.installers, [](const Installer& one) {
              return Shown{.key = one.name + "/" + one.arch,
                           .fields = {{"version", one.version},
                                      {"file", one.file},
                                      {"sha256", one.sha256},
                                      {"terms", one.terms}},
                           .from = {}};
            });
          }},
    Table{"fabric", "services that NVLink fabrics need beside the driver",
          [](const Catalog& catalog) { return each_row(catalog.fabric, shown_fabric); }},
    Table{"keys", "keys that sign NVIDIA's repositories",
          [](const Catalog& catalog) {
            return each_row(catalog.keys, [](const SigningKey& one) {
              return Shown{.key = one.file,
                           .fields = {{"fingerprint", one.fingerprint},
                                      {"used_by", one.used_by},
                                      {"revoked", yes_no(one.revoked)}},
                           .from = {}};
            });
          }},
    Table{"mirrors", "mirrors of those places",
          [](const Catalog& catalog) {
            return each_row(catalog.mirrors, [](const Mirror& one) {
              return Shown{.key = one.profile + "/" + one.what,
                           .fields = {{"url", one.url}, {"form", one.form}, {"note", one.note}},
                           .from = {}};
            });
          }},
    Table{"thresholds", "from where on the doctor's rules speak", threshold_rows},
    Table{"xids", "numbers of the kernel module's errors, for explain", xid_rows},
    Table{"codes", "numbers and names of CUDA, NVML and NCCL, for explain", code_rows},
    Table{"messages", "messages by their form, for explain", message_rows},
};

// "variant" of "variant=cu130"; "" when the filter is a word anywhere, such as the key "torchao==0.15.0".
std::string_view field_of(std::string_view filter) {
  const std::size_t equals = filter.find('=');
  return equals == std::string_view::npos || filter.find("==") == equals ? "" : filter.substr(0, equals);
}

bool matches(const Shown& row, const std::string& filter) {
  if (const std::string_view name = field_of(filter); !name.empty()) {
    const std::string value = base::lower(std::string_view(filter).substr(name.size() + 1));
    if (name == "known") return known_name(row.from.known) == value;
    if (name == "as_of") return row.from.as_of == value;
    return std::ranges::any_of(row.fields, [&](const auto& field) {
      return field.first == name && base::contains(base::lower(field.second), value);
    });
  }
  const std::string word = base::lower(filter);
  return base::contains(base::lower(row.key), word) || row.from.as_of == word ||
         known_name(row.from.known) == word || std::ranges::any_of(row.fields, [&word](const auto& field) {
           return base::contains(base::lower(field.second), word);
         });
}

}  // namespace

std::span<const Table> tables() {
  return kTables;
}

Result<const Table*> find_table(std::string_view name) {
  const auto* at = std::ranges::find(kTables, name, &Table::name);
  if (at != kTables.end()) return at;
  std::vector<std::string> names;
  for (const Table& table : kTables) names.emplace_back(table.name);
  const auto near = base::nearest(name, names);
  return Error(Errc::usage, fmt::format("no table '{}'{}; 'bringup catalog' lists them", base::harmless(name),
                                        near ? fmt::format(" (did you mean '{}'?)", *near) : ""));
}

Result<std::vector<Shown>> filtered(std::vector<Shown> rows, std::span<const std::string> filters) {
  std::vector<std::string> names{"known", "as_of"};
  for (const Shown& row : rows) {
    for (const auto& [name, value] : row.fields) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& filter : filters) {
    const std::string_view name = field_of(filter);
    if (name.empty() || rows.empty() || std::ranges::find(names, name) != names.end()) continue;
    const auto near = base::nearest(name, names);
    return Error(
        Errc::usage,
        fmt::format("no field '{}' in this table{}: expected one of {}", base::harmless(name),
                    near ? fmt::format(" (did you mean '{}'?)", *near) : "", base::join(names, ", ")));
  }
  std::erase_if(rows, [filters](const Shown& row) {
    return !std::ranges::all_of(filters, [&row](const std::string& filter) { return matches(row, filter); });
  });
  return rows;
}

Result<std::vector<Shown>> rows_with_key(const Catalog& catalog, const Table& table, std::string_view key) {
  std::string wanted(key);
  if (table.name == "gpus") wanted = fmt::format("10de:{:04x}", TRY(catalog.find_gpu(key))->device_id);
  std::vector<Shown> all = table.rows(catalog);
  std::vector<std::string> keys;
  for (const Shown& row : all) keys.push_back(row.key);
  std::erase_if(all, [&wanted](const Shown& row) { return row.key != wanted; });
  if (!all.empty()) return all;
  const auto near = base::nearest(key, keys);
  return Error(
      Errc::absent,
      fmt::format("{} has no row '{}'{}; 'bringup catalog list {}' lists them", table.name,
                  base::harmless(key), near ? fmt::format(" (did you mean '{}'?)", *near) : "", table.name));
}

Result<std::size_t> count_rows(const Files& files) {
  const Catalog catalog = TRY(load(files));
  const Messages beside = TRY(load_messages(files));
  const auto limits = TRY(read_thresholds(files.find("thresholds.toml")->second));
  const std::array<std::pair<std::string_view, std::size_t>, 4> others{
      {{"thresholds", limits.size()},
       {"xids", beside.xids.size()},
       {"codes", beside.codes.size()},
       {"messages", beside.signatures.size()}}};
  std::size_t count = 0;
  for (const Table& table : kTables) {
    const auto* other = std::ranges::find(others, table.name, &decltype(others)::value_type::first);
    count += other == others.end() ? table.rows(catalog).size() : other->second;
  }
  return count;
}

}  // namespace bringup::catalog
