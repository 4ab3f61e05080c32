// SPDX-License-Identifier: Apache-2.0
// Any bytes as a whole machine: looked at, judged by every rule, its next boot forecast. A line "== PATH"
// begins a file,
// "=> PATH TARGET" is a link, "?? WORDS" begins what a program answers; what stands before the first is what
// NVML said.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/diagnose/next_boot.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/facts/nvml_json.hpp>
#include <bringup/probe/probe.hpp>

#include "fuzz.hpp"
#include <algorithm>
#include <map>
#include <set>

namespace {

using namespace bringup;
using fuzz::require;

class Text final : public host::View {
 public:
  explicit Text(std::string_view text) {
    std::string* into = &nvml;
    for (const std::string_view line : base::lines(text)) {
      const auto words = base::words(line);
      if (words.size() == 2 && words[0] == "==") {
        into = &files_[std::string(words[1])];
        note(words[1]);
      } else if (words.size() == 3 && words[0] == "=>") {
        links_[std::string(words[1])] = std::string(words[2]);
        note(words[1]);
      } else if (words.size() > 1 && words[0] == "??") {
        into = &answers_[std::string(line.substr(3))];
      } else {
        into->append(line).append("\n");
      }
    }
  }
  Result<std::string> read(std::string_view path) const override {
    const auto at = files_.find(std::string(path));
    if (at == files_.end()) return Error(Errc::absent, std::string(path) + ": not there");
    return at->second;
  }
  Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                std::size_t size) const override {
    const std::string text = TRY(read(path));
    return offset >= text.size() ? std::string() : text.substr(offset, size);
  }
  Result<std::vector<std::string>> list(std::string_view directory) const override {
    const auto at = directories_.find(std::string(directory));
    if (at == directories_.end()) return Error(Errc::absent, std::string(directory) + ": not there");
    return std::vector<std::string>(at->second.begin(), at->second.end());
  }
  Result<host::FileStatus> status(std::string_view path) const override {
    using Kind = host::FileStatus::Kind;
    const std::string name(path);
    if (links_.contains(name)) return host::FileStatus{.kind = Kind::link};
    if (const auto at = files_.find(name); at != files_.end())
      return host::FileStatus{.kind = Kind::file, .size = at->second.size()};
    if (directories_.contains(name)) return host::FileStatus{.kind = Kind::directory};
    return Error(Errc::absent, name + ": not there");
  }
  Result<std::string> link(std::string_view path) const override {
    const auto at = links_.find(std::string(path));
    if (at == links_.end()) return Error(Errc::absent, std::string(path) + ": no link");
    return at->second;
  }
  Result<host::DiskSpace> space(std::string_view) const override {
    return host::DiskSpace{.free_bytes = 1'000'000'000, .total_bytes = 2'000'000'000};
  }
  Result<host::Outcome> ask(const host::Command& question) const override {
    const auto at = answers_.find(base::join(question.argv, " "));
    if (at == answers_.end()) return Error(Errc::absent, question.argv[0] + ": no such program");
    return host::Outcome{.how = host::Exited{}, .out = at->second, .err = ""};
  }
  bool recorded() const override { return true; }

  std::string nvml;

 private:
  // Its name in the directory above, and so on up.
  void note(std::string_view path) {
    for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
      directories_[std::string(path.substr(0, slash))].insert(std::string(path.substr(slash + 1)));
      path = path.substr(0, slash);
    }
  }
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> links_;
  std::map<std::string, std::string> answers_;
  std::map<std::string, std::set<std::string>> directories_;
};

probe::GpuName name_of(std::uint16_t device, std::uint16_t, std::uint16_t) {
  const catalog::Gpu* row = catalog::built_in().gpu(device);
  if (row == nullptr) return {};
  return {.name = std::string(row->name), .architecture = "Ampere", .compute_capability = "8.6"};
}

void judge(const facts::Machine& machine) {
  const goal::Goal goal;
  const auto diagnosis = diagnose::diagnose(
      {.machine = machine, .goal = goal, .catalog = catalog::built_in(), .today = "2026-11-28"});
  require(static_cast<bool>(diagnosis));
  for (const diagnose::Finding& finding : diagnosis->findings) {
    require(!finding.evidence.empty() && !finding.fix.summary.empty());
    for (const diagnose::Evidence& evidence : finding.evidence) require(!evidence.source.empty());
  }
  for (const diagnose::NotRun& one : diagnosis->not_run) require(!one.why.empty());
  // A boot that is called good has a kernel that is known, where there is anything to lose.
  const diagnose::Forecast forecast = diagnose::next_boot(machine);
  require(!forecast.parts.empty());
  for (const diagnose::BootPart& part : forecast.parts) require(!part.text.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text view(fuzz::text_of(data, size));
  probe::Options options{.name_gpu = name_of, .nvml = facts::nvml_from_json(view.nvml)};
  options.user = {.name = "user", .home = "/home/user", .uid = 1000, .gid = 1000, .root = false};
  options.kernel = "6.1.0-25-amd64";
  options.arch = "x86_64";
  options.cpus = 4;
  judge(probe::look(view, options));
  return 0;
}
