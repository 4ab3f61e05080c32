// SPDX-License-Identifier: Apache-2.0
// bundle create: what the described machine would need, fetched into a directory.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/fingerprint.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/cli/sources.hpp>
#include <bringup/host/download.hpp>
#include <bringup/plan/sources.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/mirrors.hpp>
#include <bringup/steps/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

using apply::Bundle;
using apply::BundleFile;

constexpr auto kLong = std::chrono::minutes(30);

// One file of the bundle that is written here and not fetched.
struct Written {
  std::string path;
  std::string text;
};

struct Contents {
  Bundle bundle;
  std::vector<BundleFile> fetched;
  std::vector<Written> written;
  std::vector<ModelFetch> models = {};
};

Result<std::string> output_of(const Doors& doors, const std::vector<std::string>& argv) {
  const host::Outcome outcome = TRY(doors.control->run({.argv = argv, .deadline = kLong}));
  if (outcome.success()) return outcome.out;
  const auto lines = base::lines(outcome.err);
  std::string last;
  for (std::size_t i = lines.size() - std::min<std::size_t>(lines.size(), 8); i < lines.size(); ++i)
    last += "\n    " + base::harmless(lines[i]);
  return Error(Errc::failed,
               fmt::format("{} {}:{}", base::quoted(argv).substr(0, 160), host::describe(outcome), last));
}

// A uv to resolve with: one that is here, else one in the bundle's own working directory.
Result<std::string> uv_here(const Doors& doors, const facts::Machine& machine, const std::string& index,
                            const std::string& work) {
  const auto uv = std::ranges::find(machine.managers, "uv", &facts::PythonManager::kind);
  if (uv != machine.managers.end()) return uv->path;
  const std::string path = work + "/uv";
  if (!doors.view.exists(path + "/bin/uv")) {
    TRY(doors.control->remove_tree(path, std::nullopt));
    TRY(output_of(doors, {"python3", "-I", "-m", "venv", path})
            .within("uv is needed to resolve, and this machine has none"));
    std::vector<std::string> argv{path + "/bin/python",          "-I", "-m", "pip", "install", "--quiet",
                                  "--disable-pip-version-check", "uv"};
    if (!index.empty()) argv.insert(argv.end(), {"--index-url", index});
    TRY(output_of(doors, argv));
  }
  return path + "/bin/uv";
}

std::string without_dots(std::string name) {
  std::ranges::replace(name, '.', '+');
  return name;
}

Result<> add_wheels(const Doors& doors, const apply::BundleLock& from, Contents& contents) {
  auto files = TRY(apply::wheel_files(from, *doors.control));
  contents.fetched.insert(contents.fetched.end(), files.begin(), files.end());
  return ok;
}

// All that the plan puts into the environment of a step.
std::vector<steps::InstallWheels> into_the_same(const steps::Plan& plan, const steps::InstallWheels& first) {
  std::vector<steps::InstallWheels> out;
  for (const steps::Step& step : plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels != nullptr && wheels->env == first.env) out.push_back(*wheels);
  }
  return out;
}

// uv itself, for the machine that the bundle is for.
Result<> add_uv(const Doors& doors, const facts::Machine& machine, const apply::WheelTarget& target,
                Contents& contents) {
  steps::InstallWheels uv{.packages = {"uv"}};
  plan::set_pypi(machine, uv);
  const apply::BundleLock own = TRY(apply::bundle_lock(target, {uv}, *doors.control));
  contents.bundle.uv = own.lock.packages.at(0).version;
  return add_wheels(doors, own, contents);
}

// Each environment's lock, or the one beside the goal, and uv itself.
Result<> add_python(const Options& options, const Doors& doors, const Decided& decided,
                    const std::vector<EnvLock>& locks, const std::string& work, Contents& contents) {
  const auto& choice = std::get<resolve::Choice>(decided.resolution);
  const facts::Machine& machine = decided.looked.machine;
  if (choice.envs.empty()) return ok;
  Options plain = options;
  plain.shape.clear();
  plain.offline = true;
  const facts::Machine here = TRY(look(plain, doors, {.nvml = false})).machine;
  const apply::WheelTarget target{.uv = TRY(uv_here(doors, here, plan::pypi_url(machine), work)),
                                  .python = choice.python.version,
                                  .arch = machine.arch,
                                  .glibc = machine.glibc ? *machine.glibc : "2.28"};
  TRY(add_uv(doors, machine, target, contents));
  for (const steps::Step& step : decided.plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels == nullptr || step.id.starts_with("packages-")) continue;
    std::string name = wheels->env.substr(wheels->env.rfind('/') + 1);
    const auto given = std::ranges::find(locks, name, &EnvLock::env);
    const apply::BundleLock lock =
        given != locks.end()
            ? apply::BundleLock{.lock = given->lock, .mirror = {}}
            : TRY(apply::bundle_lock(target, into_the_same(decided.plan, *wheels), *doors.control));
    TRY(add_wheels(doors, lock, contents));
    contents.written.push_back({.path = fmt::format("goal/pylock.{}.toml", without_dots(name)),
                                .text = apply::without_secrets(steps::to_toml(lock.lock))});
  }
  return ok;
}

// The distribution's own archive, with the part that has the driver.
Result<> add_distribution(const Doors& doors, const facts::Machine& machine, Bundle& bundle,
                          apply::PrivateApt& apt) {
  const facts::Os& os = machine.os;
  const catalog::Archive* row = catalog::built_in().archive(resolve::os_key(os));
  if (row == nullptr || row->codename.empty() || row->url.empty())
    return Error(
        Errc::unsupported,
        fmt::format("{}: a bundle is made of Debian's or Ubuntu's archive, by apt", resolve::os_key(os)));
  bundle.keyring = fmt::format("/usr/share/keyrings/{}-archive-keyring.gpg", os.id);
  if (!doors.view.exists(bundle.keyring))
    return Error(Errc::unsupported,
                 fmt::format("{}: the keys of that distribution are not here; make the bundle on a machine "
                             "with {}",
                             bundle.keyring, resolve::os_key(os)));
  apply::BundleArchive archive{.url = row->url, .below = "apt/", .sources = ""};
  const auto distro = std::ranges::find(machine.sources, "distro", &facts::Source::name);
  if (distro != machine.sources.end() && !distro->mirror.empty()) archive.url = resolve::archive_of(*distro);
  if (!archive.url.ends_with('/')) archive.url += '/';
  for (const char* suffix : {"", "-updates"}) {
    bundle.archive.push_back(fmt::format("{}{} main {}", row->codename, suffix, row->component));
    archive.sources +=
        fmt::format("deb [signed-by={}] {} {}\n", bundle.keyring, archive.url, bundle.archive.back());
  }
  apt.archives.push_back(std::move(archive));
  return ok;
}

// NVIDIA's repository, where the plan takes it: with its key, whose fingerprint the catalog has.
Result<> add_vendor(const Doors& doors, const Decided& decided, Contents& contents, apply::PrivateApt& apt) {
  const facts::Machine& machine = decided.looked.machine;
  const catalog::VendorRepo* row = catalog::built_in().repo(resolve::os_key(machine.os));
  const auto step = std::ranges::find(decided.plan.steps, "vendor-key", &steps::Step::id);
  if (step == decided.plan.steps.end() || row == nullptr) return ok;
  const auto& key = std::get<steps::FetchFile>(step->kind);
  const std::string bytes = TRY(host::download(*doors.control, key.url, std::nullopt));
  TRY(apply::check_fingerprint(bytes, key.fingerprint).within(key.url));
  contents.written.push_back({.path = std::string(apply::kVendorKey), .text = bytes});
  TRY(doors.control->write(apt.work + ".asc", bytes, 0644, std::nullopt));
  const std::string url = plan::through_mirror(*row, machine).url;
  apt.archives.push_back({.url = url,
                          .below = "vendor/",
                          .sources = fmt::format("deb [signed-by={}.asc] {} /\n", apt.work, url)});
  apt.preferences = plan::vendor_pin().text;
  contents.bundle.vendor = true;
  return ok;
}

Result<> add_archive(const Doors& doors, const Decided& decided, const std::string& work,
                     Contents& contents) {
  std::vector<std::string> packages;
  std::vector<std::string> pins;
  for (const steps::Step& step : decided.plan.steps) {
    const auto* one = std::get_if<steps::InstallPackages>(&step.kind);
    if (one == nullptr) continue;
    auto& into = step.id == "driver-pin" ? pins : packages;
    into.insert(into.end(), one->packages.begin(), one->packages.end());
  }
  if (packages.empty()) return ok;
  apply::PrivateApt apt{.work = work + "/apt", .archives = {}, .preferences = ""};
  TRY(add_distribution(doors, decided.looked.machine, contents.bundle, apt));
  TRY(add_vendor(doors, decided, contents, apt));
  auto files = TRY(apply::archive_files(apt, pins, packages, *doors.control));
  contents.fetched.insert(contents.fetched.end(), files.begin(), files.end());
  return ok;
}

// The models of the goal, as their hub has them now.
Result<> add_models(const Options& options, const Doors& doors, const goal::Goal& goal,
                    const std::string& directory, Contents& contents) {
  contents.models = TRY(models_for_bundle(options, doors, goal, directory));
  for (const ModelFetch& model : contents.models)
    contents.bundle.models.push_back({.name = model.name, .commit = model.commit});
  return ok;
}

Result<> add_goal(const Options& options, const Doors& doors, Contents& contents) {
  const auto file = TRY(goal_file(options, doors.view));
  contents.written.push_back({.path = "goal/bringup.toml",
                              .text = file ? file->text : "# The default: PyTorch in one environment.\n"});
  return ok;
}

std::uint64_t bytes_of(const std::vector<BundleFile>& files) {
  std::uint64_t bytes = 0;
  for (const BundleFile& file : files) bytes += file.size;
  return bytes;
}
std::uint64_t bytes_of(const std::vector<ModelFetch>& models) {
  std::uint64_t bytes = 0;
  for (const ModelFetch& model : models) {
    for (const steps::FetchModelFile& file : model.files) bytes += file.size;
  }
  return bytes;
}
std::size_t count_of(const Contents& contents) {
  std::size_t count = contents.fetched.size();
  for (const ModelFetch& model : contents.models) count += model.files.size();
  return count;
}

// Each file once. Of two that go by one name one would be missing where the bundle is used.
Result<> tidy(Contents& contents) {
  auto& files = contents.fetched;
  std::ranges::sort(files, {}, &BundleFile::path);
  const auto other = std::ranges::adjacent_find(files, [](const BundleFile& a, const BundleFile& b) {
    return a.path == b.path && a.sha256 != b.sha256;
  });
  if (other != files.end())
    return Error(Errc::unsupported,
                 fmt::format("{}: two environments want different files of that name ({} and {}); make a "
                             "bundle for each",
                             other->path, other->sha256, std::next(other)->sha256));
  const auto twice = std::unique(files.begin(), files.end(),
                                 [](const BundleFile& a, const BundleFile& b) { return a.path == b.path; });
  files.erase(twice, files.end());
  return ok;
}

Result<> check_space(const std::string& directory, std::uint64_t bytes, const host::View& view) {
  const std::uint64_t free = TRY(view.space(directory)).free_bytes;
  if (bytes <= free) return ok;
  return Error(Errc::io, fmt::format("{}: {} are needed on its disk and {} are free", directory,
                                     base::human_bytes(bytes), base::human_bytes(free)));
}

Result<> write_file(const Doors& doors, const std::string& directory, const std::string& path,
                    std::string_view text, std::uint32_t mode, Bundle& bundle) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos)
    TRY(doors.control->make_directory(directory + "/" + path.substr(0, slash), 0755, std::nullopt));
  TRY(doors.control->write(directory + "/" + path, text, mode, std::nullopt));
  bundle.files.push_back({.path = path, .size = text.size(), .sha256 = base::sha256_hex(text)});
  return ok;
}

// Files first, the manifest last: without it a directory is no bundle yet.
Result<> write_down(const Doors& doors, const std::string& directory, Contents& contents) {
  Bundle& bundle = contents.bundle;
  for (const BundleFile& file : contents.fetched)
    bundle.files.push_back(
        {.path = file.path, .size = file.size, .sha256 = file.sha256, .git_sha = file.git_sha});
  for (const Written& one : contents.written)
    TRY(write_file(doors, directory, one.path, one.text, 0644, bundle));
  TRY(write_file(doors, directory, "bringup", TRY(doors.view.read("/proc/self/exe")), 0755, bundle));
  std::ranges::sort(bundle.files, {}, &BundleFile::path);
  TRY(doors.control->write(directory + "/" + std::string(apply::kManifest), apply::to_json(bundle), 0644,
                           std::nullopt));
  return doors.control->remove_tree(directory + "/work", std::nullopt);
}

// Something else in the directory would be carried along, and is not ours to overwrite.
Result<> check_place(const std::string& directory, const host::View& view) {
  const auto names = view.list(directory);
  if (!names) return names.error().code() == Errc::absent ? ok : Result<>(names.error());
  for (const std::string& name : *names) {
    constexpr std::array<std::string_view, 8> kOurs{"apt",    "bringup", "goal",   apply::kManifest,
                                                    "models", "vendor",  "wheels", "work"};
    if (std::ranges::find(kOurs, name) == kOurs.end())
      return Error(Errc::refused, fmt::format("{}/{}: not of a bundle; name an empty or a new directory",
                                              directory, base::harmless(name)));
  }
  return ok;
}

struct DecidedFor {
  Decided decided;
  std::vector<EnvLock> locks;
};

Result<DecidedFor> decide_for(const Options& options, const Doors& doors) {
  Looked looked = TRY(look(options, doors, {}));
  LockedGoal locked = TRY(with_locks(TRY(read_goal(options, doors.view)), options, doors.view));
  if (resolve::is_conda(locked.goal.python_manager))
    return Error(Errc::refused,
                 fmt::format("a bundle carries wheels and the distribution's packages, and neither {} nor "
                             "the packages of its channel: write manager = \"auto\" below [python]",
                             locked.goal.python_manager));
  looked.machine = as_installed(std::move(looked.machine), looked.recording != nullptr);
  if (looked.machine.sources.empty()) looked.machine.sources = sources_for(looked.machine);
  // What is only late now is not to be had at all where the bundle goes.
  ask_with_mirrors(looked.machine, locked.goal, kLongPatience);
  looked.asked = true;
  looked.machine.hypothetical = true;
  looked.here = false;
  const std::vector<goal::Goal> goals = TRY(goals_of(locked.goal, looked.machine));
  Decided followed = TRY(decide(options, doors, std::move(looked), goals));
  const steps::Plan plan = followed.plan;
  TRY(follow_locks(locked.locks, options, followed));
  followed.plan = plan;  // the packages by their names: the locks stand beside the goal in the bundle
  return DecidedFor{.decided = std::move(followed), .locks = std::move(locked.locks)};
}

Result<> fetch(const Options& options, const Doors& doors, const std::string& directory, Contents& contents) {
  const std::uint64_t all = std::max<std::uint64_t>(bytes_of(contents.fetched), 1);
  std::uint64_t told = 0;
  TRY(apply::fetch_bundle(
      directory, contents.fetched, *doors.control,
      [&](std::uint64_t bytes) {
        const std::uint64_t tenth = bytes * 10 / all;
        if (tenth <= told) return;
        told = tenth;
        say(options, fmt::format("{} of {}", base::human_bytes(bytes), base::human_bytes(all)));
      },
      [&options](std::string_view line) { say(options, std::string(line)); }));
  const facts::User user = current_user();
  const steps::PlanUser owner{.name = user.name, .home = user.home, .uid = user.uid, .gid = user.gid};
  for (const ModelFetch& model : contents.models) {
    auto files = TRY(apply::fetch_bundle_models(
        directory, model.files, *doors.control, doors.clock, owner, settings_of(options, user).hub,
        [&options](std::string_view line) { say(options, std::string(line)); }));
    contents.fetched.insert(contents.fetched.end(), files.begin(), files.end());
  }
  return ok;
}

}  // namespace

Result<int> create_bundle(const Options& options, const Doors& doors, const std::string& directory) {
  TRY(check_place(directory, doors.view));
  const DecidedFor chosen = TRY(decide_for(options, doors));
  const Decided& decided = chosen.decided;
  TRY(print(report::plan_text(decided.resolution, decided.plan, output_style(options))));
  if (!std::holds_alternative<resolve::Choice>(decided.resolution)) return no_choice(decided.looked.machine);
  const facts::Machine& machine = decided.looked.machine;
  const bool driver =
      std::ranges::find(decided.plan.steps, "driver-packages", &steps::Step::id) != decided.plan.steps.end();
  Contents contents{.bundle = {.made_at = host::iso_time(doors.clock.now()),
                               .version = BRINGUP_VERSION,
                               .os = resolve::os_key(machine.os),
                               .arch = machine.arch,
                               .kernel = driver ? machine.kernel.running : "",
                               .gpus = gpu_ids(machine)},
                    .fetched = {},
                    .written = {}};
  const std::string work = directory + "/work";
  TRY(doors.control->make_directory(directory, 0755, std::nullopt));
  TRY(doors.control->make_directory(work, 0755, std::nullopt));
  say(options, "asking what exactly that is: the archives' indexes, the wheels' index, the hub");
  TRY(add_archive(doors, decided, work, contents));
  TRY(add_python(options, doors, decided, chosen.locks, work, contents));
  TRY(add_models(options, doors, decided.goal, directory, contents));
  TRY(add_goal(options, doors, contents));
  TRY(tidy(contents));
  const std::uint64_t bytes = bytes_of(contents.fetched) + bytes_of(contents.models);
  say(options, fmt::format("{} files, {}", count_of(contents), base::human_bytes(bytes)));
  if (options.dry_run) return exit_ok;
  TRY(check_space(directory, bytes, doors.view));
  if (!TRY(agree(options, fmt::format("Fetch {} into {}?", base::human_bytes(bytes), directory))))
    return Error(Errc::refused, "not agreed");
  TRY(fetch(options, doors, directory, contents));
  TRY(write_down(doors, directory, contents));
  say(options, fmt::format("the bundle is whole; on the other machine, as root: {}/bringup bundle use {}",
                           directory, directory));
  return exit_ok;
}

}  // namespace bringup::cli
