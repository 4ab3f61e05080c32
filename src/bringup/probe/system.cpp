// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace bringup::probe {
namespace {

std::string unquoted(std::string_view text) {
  text = base::trim(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

std::string first_line(const Result<std::string>& text) {
  return text ? std::string(base::trim(*text)) : "";
}

void read_kernels(const host::View& view, facts::Kernel& kernel) {
  auto releases = view.list("/lib/modules");
  if (!releases) releases = view.list("/usr/lib/modules");
  if (releases) {
    for (const std::string& release : *releases) {
      kernel.installed.push_back(
          {.release = release,
           .bootable =
               view.exists("/boot/vmlinuz-" + release) || view.exists("/lib/modules/" + release + "/vmlinuz"),
           .headers = static_cast<bool>(view.list("/lib/modules/" + release + "/build/include"))});
    }
  }
  std::ranges::sort(kernel.installed, [](const auto& a, const auto& b) {
    return std::is_lt(base::compare_releases(a.release, b.release));
  });
  kernel.command_line = first_line(view.read("/proc/cmdline"));
}

// The words "GNU C Library ... version 2.36" stand in libc's read-only data; the file is read in parts until
// they turn up.
facts::Reading<std::string> read_glibc(const host::View& view) {
  for (const char* path : {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6",
                           "/lib/aarch64-linux-gnu/libc.so.6", "/usr/lib/libc.so.6"}) {
    if (const auto target = view.link(path)) {  // older ones are a link to libc-2.31.so
      const std::size_t at = target->find("libc-2.");
      if (at != std::string::npos) {
        if (const auto version = base::Version::parse(target->substr(at + 5)))
          return fmt::format("{}.{}", version->major(), version->minor());
      }
    }
    constexpr std::size_t kPart = 1U << 18U;
    std::string before;
    for (std::uint64_t offset = 0; offset < (16U << 20U); offset += kPart) {
      const auto part = view.read_part(path, offset, kPart);
      if (!part || part->empty()) break;
      if (auto version = find_glibc_version(before + *part)) return *version;
      before = part->substr(part->size() - std::min<std::size_t>(part->size(), 128));
    }
  }
  return Error(Errc::absent, "no libc.so.6 with a GNU C Library in the usual directories");
}

// /usr/bin/gcc -> gcc-12
facts::Reading<std::string> read_gcc(const host::View& view) {
  std::string path = "/usr/bin/gcc";
  if (!view.exists(path)) return Error(Errc::absent, "no /usr/bin/gcc");
  for (int hop = 0; hop < 5; ++hop) {
    const auto target = view.link(path);
    if (!target) break;
    path = target->starts_with('/') ? *target : "/usr/bin/" + *target;
    const std::size_t at = path.find("gcc-");
    if (at != std::string::npos) {
      if (const auto version = base::Version::parse(path.substr(at + 4)))
        return std::to_string(version->major());
    }
  }
  // Red Hat's gcc is a plain file: the directory of its own libraries has the version
  for (const char* directory : {"/usr/lib/gcc/x86_64-redhat-linux", "/usr/lib/gcc/aarch64-redhat-linux",
                                "/usr/lib64/gcc/x86_64-suse-linux"}) {
    const auto versions = view.list(directory);
    std::optional<base::Version> newest;
    for (const std::string& name : versions ? *versions : std::vector<std::string>{}) {
      const auto version = base::Version::parse(name);
      if (version && (!newest || *newest < *version) && view.exists(std::string(directory) + "/" + name))
        newest = version;
    }
    if (newest) return std::to_string(newest->major());
  }
  return Error(Errc::unsupported, "the version of /usr/bin/gcc cannot be read from its files");
}

// /usr/bin/g++, whose version is gcc's, and /usr/bin/g++-12 and its like.
std::vector<facts::HostCompiler> read_compilers(const host::View& view,
                                                const facts::Reading<std::string>& gcc) {
  constexpr int kOldest = 9;
  constexpr int kNewest = 16;
  std::vector<facts::HostCompiler> out;
  const auto major = gcc ? base::to_integer(*gcc) : std::nullopt;
  if (major && view.exists("/usr/bin/g++"))
    out.push_back({.path = "/usr/bin/g++", .major = static_cast<int>(*major)});
  for (int version = kNewest; version >= kOldest; --version) {
    const std::string path = fmt::format("/usr/bin/g++-{}", version);
    if (version != major && view.exists(path)) out.push_back({.path = path, .major = version});
  }
  return out;
}

facts::Reading<bool> read_secure_boot(const host::View& view) {
  if (!view.exists("/sys/firmware/efi")) return false;  // started without EFI: there is no Secure Boot
  const std::string variables = "/sys/firmware/efi/efivars";
  const std::string path = variables + "/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const auto read = view.read_part(path, 0, 16);
  if (!read && read.error().code() == Errc::absent) {
    const auto others = view.list(variables);
    if (others && !others->empty())
      return false;  // firmware that has variables and not this one knows no Secure Boot
    return Error(Errc::absent, variables + " is not mounted here, so that Secure Boot cannot be seen");
  }
  const std::string bytes = TRY(read);
  if (bytes.size() != 5)
    return Error(Errc::malformed, fmt::format("{}: {} bytes, expected 5", path, bytes.size()));
  return bytes[4] == 1;
}

facts::Reading<std::optional<std::string>> read_container(const host::View& view, std::string_view kernel) {
  if (base::contains(base::lower(kernel), "microsoft")) return std::optional<std::string>("wsl");
  if (const auto text = view.read("/run/systemd/container"))
    return std::optional<std::string>(base::trim(*text));
  if (view.exists("/.dockerenv")) return std::optional<std::string>("docker");
  if (view.exists("/run/.containerenv")) return std::optional<std::string>("podman");
  return std::optional<std::string>{};
}

std::optional<std::string> read_hypervisor(const host::View& view) {
  const std::string vendor = first_line(view.read("/sys/class/dmi/id/sys_vendor"));
  const std::string product = first_line(view.read("/sys/class/dmi/id/product_name"));
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSigns{
      {{"QEMU", "qemu"},
       {"KVM", "kvm"},
       {"VMware", "vmware"},
       {"Amazon EC2", "amazon"},
       {"Google", "google"},
       {"Virtual Machine", "hyper-v"},
       {"VirtualBox", "virtualbox"}}};
  for (const auto& [sign, name] : kSigns) {
    if (base::contains(vendor, sign) || base::contains(product, sign)) return std::string(name);
  }
  const auto cpu = view.read_part("/proc/cpuinfo", 0, 8192);
  if (cpu && base::contains(*cpu, " hypervisor")) return "unknown";
  return std::nullopt;
}

int count_nodes(const host::View& view) {
  const auto names = view.list("/sys/devices/system/node");
  if (!names) return 0;
  return static_cast<int>(std::ranges::count_if(*names, [](const std::string& name) {
    return name.starts_with("node") && base::to_integer(name.substr(4));
  }));
}

}  // namespace

facts::Os parse_os_release(std::string_view text) {
  facts::Os os;
  for (const std::string_view line : base::lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with("#")) continue;
    const std::string_view key = line.substr(0, equals);
    const std::string value = unquoted(line.substr(equals + 1));
    if (key == "ID") os.id = value;
    if (key == "VERSION_ID") os.version = value;
    if (key == "VERSION_CODENAME" || (key == "UBUNTU_CODENAME" && os.codename.empty())) os.codename = value;
    if (key == "PRETTY_NAME") os.name = value;
    if (key == "ID_LIKE") {
      for (const std::string_view word : base::words(value)) os.like.emplace_back(word);
    }
  }
  return os;
}

std::optional<std::uint64_t> parse_meminfo_total(std::string_view text) {
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    if (words.size() < 2 || words[0] != "MemTotal:") continue;
    const auto kib = base::to_integer(words[1]);
    return kib && *kib >= 0 ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*kib) * 1024)
                            : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> find_glibc_version(std::string_view bytes) {
  constexpr std::string_view kSign = "GNU C Library ";
  const std::size_t at = bytes.find(kSign);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view line = bytes.substr(at, 120);
  const std::size_t word = line.find("version ");
  if (word == std::string_view::npos) return std::nullopt;
  const auto version = base::Version::parse(line.substr(word + 8));
  if (!version || version->parts.size() < 2) return std::nullopt;
  return fmt::format("{}.{}", version->major(), version->minor());
}

void read_system(const host::View& view, const Options& options, facts::Machine& machine) {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    if (const auto text = view.read(path); text && machine.os.id.empty())
      machine.os = parse_os_release(*text);
  }
  machine.kernel.running = options.kernel;
  machine.arch = options.arch;
  machine.cpus = options.cpus;
  machine.user = options.user;
  read_kernels(view, machine.kernel);
  machine.glibc = options.glibc.empty() ? read_glibc(view) : facts::Reading<std::string>(options.glibc);
  machine.gcc = read_gcc(view);
  machine.compilers = read_compilers(view, machine.gcc);
  machine.secure_boot = read_secure_boot(view);
  machine.container = read_container(view, options.kernel);
  machine.hypervisor = read_hypervisor(view);
  machine.numa_nodes = count_nodes(view);
  if (const auto text = view.read("/proc/meminfo"))
    machine.memory_bytes = parse_meminfo_total(*text).value_or(0);
  if (options.shm_bytes)
    machine.shm_bytes = *options.shm_bytes;
  else if (const auto space = view.space("/dev/shm"))
    machine.shm_bytes = space->total_bytes;
  else
    machine.shm_bytes = space.error();
  read_limits(view, machine);
}

std::string glibc_of_process() {
  const auto version = base::Version::parse(::gnu_get_libc_version());
  return version ? fmt::format("{}.{}", version->major(), version->minor()) : "";
}

void fill_from_process(Options& options) {
  utsname names{};
  if (::uname(&names) == 0) {
    options.kernel = names.release;
    options.arch = names.machine;
  }
  options.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  for (const std::string_view name : kEnvironment) {
    if (const char* value = std::getenv(std::string(name).c_str()))
      options.environment.push_back(fmt::format("{}={}", name, value));
  }
}

}  // namespace bringup::probe
