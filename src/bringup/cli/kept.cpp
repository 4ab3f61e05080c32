// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/console.hpp>
#include <bringup/cli/kept.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/report/report.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace bringup::cli {
namespace {

namespace fs = std::filesystem;

struct Form {
  std::string Options::*path;
  std::string_view option;
  std::string (*written)(const report::ProofReport& report);
};
constexpr std::array kForms{Form{&Options::html, "--html", report::proof_html},
                            Form{&Options::junit, "--junit", report::proof_junit},
                            Form{&Options::prometheus, "--prometheus", report::proof_prometheus}};

Error cannot_write(std::string_view option, const std::string& path) {
  const int why = errno;
  return {why == EACCES || why == EPERM || why == EROFS ? Errc::denied : Errc::io,
          fmt::format("{} {}: cannot be written: {}", option, path, std::strerror(why))};
}

// Beside its place first: a reader, and node_exporter is one, never sees half a file.
Result<> save(std::string_view option, const std::string& path, const std::string& text) {
  const std::string beside = fmt::format("{}.{}.part", path, ::getpid());
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
      const Error error = cannot_write(option, path);
      std::error_code ignored;
      fs::remove(beside, ignored);
      return error;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const Error error = cannot_write(option, path);
    ::unlink(beside.c_str());
    return error;
  }
  return ok;
}

}  // namespace

Result<> keepable(const Options& options) {
  for (const Form& form : kForms) {
    const std::string& path = options.*form.path;
    if (path.empty()) continue;
    std::error_code unseen;  // what cannot be looked at is told by the check of its folder
    if (fs::is_directory(path, unseen))
      return Error(Errc::usage, fmt::format("{} {}: is a directory; a file is expected", form.option, path));
    const fs::path folder = fs::path(absolute(path)).parent_path();
    if (::access(folder.c_str(), W_OK | X_OK) != 0) return cannot_write(form.option, path);
  }
  return ok;
}

Result<> keep(const Options& options, const Looked& looked, const goal::Goal& goal, const Proven& proven,
              const host::Clock& clock) {
  if (options.html.empty() && options.junit.empty() && options.prometheus.empty()) return ok;
  const facts::Machine& machine = looked.machine;
  const resolve::Resolution resolution = resolve::resolve(machine, goal, catalog::built_in(), looked.today);
  const auto diagnosis = TRY(diagnose::diagnose(
      {.machine = machine, .goal = goal, .catalog = catalog::built_in(), .today = looked.today}, {}));
  const diagnose::Topology topology = diagnose::topology(machine);
  const report::ProofReport report{.machine = machine,
                                   .measurements = proven.measurements,
                                   .verdicts = proven.verdicts,
                                   .overall = proven.overall,
                                   .elapsed_seconds = proven.measurements.elapsed_seconds,
                                   .made_at = host::iso_time(clock.now()),
                                   .version = BRINGUP_VERSION,
                                   .resolution = &resolution,
                                   .diagnosis = &diagnosis,
                                   .topology = &topology};
  for (const Form& form : kForms) {
    const std::string& path = options.*form.path;
    if (path.empty()) continue;
    TRY(save(form.option, path, form.written(report)));
    say(options, fmt::format("written: {}", path));
  }
  return ok;
}

}  // namespace bringup::cli
