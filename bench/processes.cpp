// SPDX-License-Identifier: Apache-2.0
// Whole processes beside a floor, in turn, in one run: medians of wall time, CPU time and peak memory, and
// their ratio. What the floor is stands in the table; a floor that is not on this machine is said and left
// out.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

struct Sample {
  double wall_ms = 0;
  double cpu_ms = 0;   // user and system, of the process and of the children it waited for
  double peak_mb = 0;  // of the largest single process
};

double milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

Sample run_once(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  const auto began = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {};
  rusage used{};
  int status = 0;
  ::wait4(child, &status, 0, &used);
  const auto wall =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  return {.wall_ms = wall,
          .cpu_ms = milliseconds(used.ru_utime) + milliseconds(used.ru_stime),
          .peak_mb = static_cast<double>(used.ru_maxrss) / 1024.0};
}

double median(std::vector<Sample> samples, double Sample::*figure) {
  std::ranges::sort(samples, {}, figure);
  return samples[samples.size() / 2].*figure;
}

bool is_here(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  for (const char* folder :
       {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    if (::access((folder + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

struct Comparison {
  const char* what;
  std::vector<std::string> ours;
  std::vector<std::string> floor;
};

void compare(const Comparison& comparison, int runs) {
  fmt::print("{}\n", comparison.what);
  if (!is_here(comparison.floor[0])) {
    fmt::print("  {} is not on this machine; only ours is timed\n", comparison.floor[0]);
  }
  const bool both = is_here(comparison.floor[0]);
  std::vector<Sample> ours;
  std::vector<Sample> floor;
  run_once(comparison.ours);  // the page cache is warm for both
  if (both) run_once(comparison.floor);
  for (int i = 0; i < runs; ++i) {
    ours.push_back(run_once(comparison.ours));
    if (both) floor.push_back(run_once(comparison.floor));
  }
  const auto row = [](const std::string& name, const std::vector<Sample>& samples) {
    fmt::print("  {:<28} wall {:8.2f} ms   cpu {:8.2f} ms   peak {:6.1f} MB\n", name,
               median(samples, &Sample::wall_ms), median(samples, &Sample::cpu_ms),
               median(samples, &Sample::peak_mb));
  };
  row("bringup", ours);
  if (!both) return;
  row(comparison.floor[0], floor);
  fmt::print("  {:<28} wall {:8.2f}      cpu {:+8.2f} ms\n", "ratio; difference",
             median(ours, &Sample::wall_ms) / median(floor, &Sample::wall_ms),
             median(ours, &Sample::cpu_ms) - median(floor, &Sample::cpu_ms));
}

}  // namespace

int main(int argc, char** argv) {
  const int runs =
      argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;  // NOLINT(cert-err34-c): a wrong word means 1
  const std::string program = BRINGUP_PROGRAM;
  const std::string source = BRINGUP_SOURCE_DIR;
  const std::string recorded = source + "/tests/machines/h200x2-ubuntu2404";
  const std::array comparisons{
      Comparison{"facts on this machine, beside nvidia-smi -q",
                 {program, "facts", "--offline"},
                 {"nvidia-smi", "-q"}},
      Comparison{"plan for hardware that is not here, beside a process that does nothing",
                 {program, "plan", "--for", "8xH200", "--json", "--offline"},
                 {"/bin/true"}},
      Comparison{"facts of a recorded machine", {program, "facts", "--root", recorded}, {"/bin/true"}},
      Comparison{"doctor of a recorded machine", {program, "doctor", "--root", recorded}, {"/bin/true"}},
      Comparison{"the launcher when nothing changed, beside the program",
                 {source + "/bringup.sh", "--version"},
                 {program, "--version"}},
  };
  for (const Comparison& comparison : comparisons) compare(comparison, runs);
  return 0;
}
