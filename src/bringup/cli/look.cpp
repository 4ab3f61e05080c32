// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/facts/nvml_json.hpp>
#include <bringup/host/recording.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/probe/probe.hpp>
#include <bringup/resolve/resolve.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

namespace bringup::cli {
namespace {

constexpr auto kDriverDeadline =
    std::chrono::seconds(10);  // a wedged driver does not return; a slow one needs up to a few seconds
constexpr auto kPythonDeadline = std::chrono::seconds(120);

probe::GpuName name_gpu(std::uint16_t device, std::uint16_t subvendor, std::uint16_t subdevice) {
  const catalog::Catalog& rows = catalog::built_in();
  const catalog::Gpu* gpu = rows.gpu(device);
  if (gpu == nullptr) return {};
  return {.name = rows.gpu_name(device, subvendor, subdevice),
          .architecture = std::string(catalog::architecture_name(gpu->architecture)),
          .compute_capability = gpu->compute ? gpu->compute->text() : ""};
}

// The largest count that any environment's torch gives, and which one gave it.
facts::Count count_pytorch(const facts::Machine& machine) {
  facts::Count count{.gpus = Error(Errc::absent, "no environment has PyTorch"),
                     .how = "torch.cuda.device_count() in an environment"};
  for (const facts::PythonEnv& env : machine.envs) {
    if (!env.torch) continue;
    auto proof = measure::prove_env(env, {"torch"}, machine.user, kPythonDeadline);
    if (!proof) {
      if (!count.gpus) count.gpus = std::move(proof).error();
      continue;
    }
    if (!count.gpus || (proof->device_count && *proof->device_count > *count.gpus)) {
      count = {.gpus = proof->device_count, .how = "torch.cuda.device_count() in " + env.path};
    }
  }
  return count;
}

Result<Looked> look_at_recording(const std::string& directory) {
  Looked looked{
      .machine = {}, .today = "", .view = nullptr, .recording = TRY(host::open_recording(directory))};
  looked.view = looked.recording.get();
  const auto beside = host::real_view();
  auto notes = TRY(probe::parse_notes(TRY(beside->read(directory + "/recording.toml")))
                       .within(directory + "/recording.toml"));
  const auto nvml = beside->read(directory + "/gpus.json");
  notes.options.name_gpu = name_gpu;
  notes.options.nvml =
      nvml ? facts::nvml_from_json(*nvml) : facts::Reading<facts::NvmlSnapshot>(nvml.error());
  looked.machine = probe::look(*looked.view, notes.options);
  looked.today = notes.recorded_at.substr(0, 10);
  return looked;
}

}  // namespace

probe::Options options_here(bool ask_nvml) {
  probe::Options options;
  probe::fill_from_process(options);
  options.nvml = ask_nvml ? measure::read_nvml(kDriverDeadline)
                          : facts::Reading<facts::NvmlSnapshot>(Error(Errc::absent, "not asked"));
  options.user = current_user();
  return options;
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, 4096> here{};
  return ::getcwd(here.data(), here.size()) == nullptr ? path : std::string(here.data()) + "/" + path;
}

namespace {

facts::Machine look_here(const Options& options, const Doors& doors, Depth depth) {
  probe::Options how = options_here(depth.nvml && options.shape.empty());
  how.name_gpu = name_gpu;
  how.glibc = probe::glibc_of_process();
  // What is wrong with a goal says the verb that follows it.
  if (const auto goal = read_goal(options, doors.view)) {
    how.prefix = goal->python_prefix;
    for (const goal::EnvGoal& env : goal->envs)
      how.packages.insert(how.packages.end(), env.packages.begin(), env.packages.end());
  }
  how.cuda =
      depth.cuda
          ? measure::count_cuda(kDriverDeadline)
          : facts::Count{.gpus = Error(Errc::absent,
                                       "not asked: starting CUDA takes a third of a second (--all asks)"),
                         .how = ""};
  how.pytorch = {.gpus = Error(Errc::absent, "not asked: importing PyTorch takes seconds (--all asks)"),
                 .how = ""};
  facts::Machine machine = probe::look(doors.view, how);
  if (depth.pytorch) machine.counts.pytorch = count_pytorch(machine);
  machine.sources = sources_for(machine);
  for (facts::Source& source : machine.sources)
    source.answered_seconds = Error(Errc::absent, options.offline ? "not asked: --offline" : "not asked");
  if (depth.sources && !options.offline) ask_sources(machine);
  return machine;
}

// --for FILE replaces the machine, --for SHAPE its GPUs only.
Result<> put_shape(Looked& looked, const Options& options, const Doors& doors) {
  const std::string path = absolute(options.shape);
  if (doors.view.exists(path + "/recording.toml")) {
    looked = TRY(look_at_recording(path));
    looked.machine.hypothetical = true;
    return ok;
  }
  if (doors.view.exists(path)) {
    looked.machine =
        TRY(goal::parse_hardware(TRY(doors.view.read(path)), options.shape, catalog::built_in()));
    return ok;
  }
  looked.machine.pci = TRY(goal::parse_shape(options.shape, catalog::built_in()));
  looked.machine.hypothetical = true;
  const auto gpus = static_cast<int>(looked.machine.pci.size());
  looked.machine.counts.pci = {.gpus = gpus, .how = "given with --for"};
  return ok;
}

}  // namespace

std::vector<facts::Source> sources_for(const facts::Machine& machine) {
  const catalog::Catalog& rows = catalog::built_in();
  std::vector<facts::Source> out;
  if (const catalog::VendorRepo* repo = rows.repo(resolve::os_key(machine.os)))
    out.push_back({.name = "nvidia", .url = repo->url});
  const auto own = std::ranges::find_if(machine.packages.archive_uris, [&machine](const std::string& uri) {
    return base::contains(uri, machine.os.id) && !base::contains(uri, "security");
  });
  // What apt itself would ask for first: many mirrors have no page at their top.
  if (own != machine.packages.archive_uris.end())
    out.push_back({.name = "distro",
                   .url = fmt::format("{}{}dists/{}/InRelease", *own, own->ends_with('/') ? "" : "/",
                                      machine.os.codename)});
  for (const std::string_view name : {"pypi", "pytorch", "huggingface"}) {
    if (const catalog::Source* source = rows.source(name))
      out.push_back({.name = source->name, .url = source->url});
  }
  return out;
}

void ask_sources(facts::Machine& machine, std::chrono::milliseconds patience,
                 const std::function<void()>& meanwhile) {
  machine.sources = measure::ask_sources(std::move(machine.sources), patience, meanwhile);
}

Result<Looked> look(const Options& options, const Doors& doors, Depth depth) {
  if (!options.root.empty()) return look_at_recording(absolute(options.root));
  // A described machine needs nothing of this one: looking is skipped, so that planning for it costs
  // milliseconds.
  const bool described = !options.shape.empty() && doors.view.exists(absolute(options.shape));
  Looked looked{.machine = described ? facts::Machine{} : look_here(options, doors, depth),
                .today = host::iso_time(doors.clock.now()).substr(0, 10),
                .view = &doors.view,
                .recording = nullptr,
                .here = !described};
  if (!options.shape.empty()) TRY(put_shape(looked, options, doors).within("--for"));
  return looked;
}

Result<std::optional<GoalFile>> goal_file(const Options& options, const host::View& view) {
  if (!options.goal.empty()) {
    auto text = view.read(absolute(options.goal));
    if (!text)
      return Error(text.error().code() == Errc::absent ? Errc::usage : text.error().code(),
                   "--goal " + options.goal + ": " + text.error().message());
    return std::optional(GoalFile{.name = options.goal, .text = std::move(*text)});
  }
  for (const std::string& path : {absolute("bringup.toml"), std::string("/etc/bringup/bringup.toml")}) {
    if (!view.exists(path)) continue;
    // As root, a file that somebody else can write is not a goal but a way in.
    const auto status = view.status(path);
    if (::geteuid() == 0 && status &&
        ((status->mode & 022U) != 0 || (status->uid != 0 && status->uid != current_user().uid)))
      return Error(Errc::refused, fmt::format("{}: root does not follow a goal file that others can write; "
                                              "give it with --goal, or chown and chmod it",
                                              path));
    return std::optional(GoalFile{.name = path, .text = TRY(view.read(path))});
  }
  return std::optional<GoalFile>();
}

Result<goal::Goal> read_goal(const Options& options, const host::View& view) {
  const auto file = TRY(goal_file(options, view));
  goal::Goal goal = file ? TRY(goal::parse_goal(file->text, file->name)) : goal::Goal{};
  goal.user_only = options.user_only;
  // A file that the goal names lies where the goal says, and not where the program was called.
  if (!goal.toolkit_file.empty() && !goal.toolkit_file.starts_with('/')) {
    const std::string beside = absolute(file->name);
    goal.toolkit_file = beside.substr(0, beside.find_last_of('/') + 1) + goal.toolkit_file;
  }
  return goal;
}

facts::User current_user() {
  const bool root = ::geteuid() == 0;
  uid_t uid = ::getuid();
  // sudo tells who asked; the passwd database and not the environment says where their home is.
  if (const char* sudo = std::getenv("SUDO_UID"); root && sudo != nullptr) {
    if (const auto number = base::to_integer(sudo); number && *number > 0) uid = static_cast<uid_t>(*number);
  }
  facts::User user{.name = fmt::format("{}", uid),
                   .home = "/",
                   .uid = static_cast<int>(uid),
                   .gid = static_cast<int>(::getgid()),
                   .root = root};
  if (const passwd* entry = ::getpwuid(uid)) {
    user.name = entry->pw_name;
    user.home = entry->pw_dir;
    user.gid = static_cast<int>(entry->pw_gid);
  }
  return user;
}

}  // namespace bringup::cli
