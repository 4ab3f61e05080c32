// SPDX-License-Identifier: Apache-2.0
// How long the choice takes, over many machines that are not there: shapes x systems x goals.

#include <bringup/catalog/catalog.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/resolve/resolve.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace {

// CPU time of this process: what other programs take from the machine does not count.
double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

// By hand: cmake --preset release -DBRINGUP_BENCH=ON && cmake --build --preset release &&
// build/bench/bench_resolve
int main() {
  using namespace bringup;
  const double started = cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  const catalog::Catalog& rows = catalog::built_in();
  const auto loaded = std::chrono::steady_clock::now();
  const double loading = cpu_seconds() - started;
  const std::vector<std::string> shapes{
      "8x H200",           "4x RTX 4090", "2x RTX 3090", "1x GTX 1080 Ti", "4x V100 SXM2 32GB",
      "8x A100 SXM4 80GB", "4x RTX 5090", "8x B200",     "2x Tesla T4",    "1x RTX 2080 Ti"};
  const std::vector<std::string> systems{"debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "rhel-9"};
  std::size_t choices = 0;
  std::size_t conflicts = 0;
  std::size_t count = 0;
  double slowest = 0;
  constexpr std::size_t kMachines = 10'000;
  const double before = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; count < kMachines; ++i) {
    const std::string& a = shapes[i % shapes.size()];
    const std::string& b = shapes[i / shapes.size() % shapes.size()];
    const std::string& os = systems[i % systems.size()];
    const std::string text =
        fmt::format("gpus = [\"{}\", \"{}\"]\nos = \"{}\"\nkernel = \"6.1.0-{}-amd64\"\n", a, b, os, i % 50);
    const auto machine = goal::parse_hardware(text, "bench", rows);
    if (!machine) {
      fmt::print("{}\n", machine.error().message());
      return 1;
    }
    const auto one = std::chrono::steady_clock::now();
    const auto resolution = resolve::resolve(*machine, {}, rows, "2026-11-23");
    slowest = std::max(
        slowest, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - one).count());
    std::holds_alternative<resolve::Choice>(resolution) ? ++choices : ++conflicts;
    ++count;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(
      "catalog loaded in {:.2f} ms (CPU {:.2f}); {} machines in {:.2f} s, CPU {:.2f} s ({} choices, {} "
      "conflicts), "
      "{:.3f} ms each, slowest {:.2f} ms\n",
      std::chrono::duration<double, std::milli>(loaded - began).count(), loading * 1e3, count, seconds,
      cpu_seconds() - before, choices, conflicts, seconds * 1e3 / static_cast<double>(count), slowest);
  return 0;
}
