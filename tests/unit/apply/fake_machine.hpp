// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small machine in a directory of its own: the doors that ship over its files, and fake programs that
// change them. It can die before, in or after any change.

#include <bringup/apply/apply.hpp>
#include <bringup/host/real.hpp>

#include <gtest/gtest.h>

#include "fake_python.hpp"
#include <cstdlib>
#include <functional>
#include <unistd.h>

namespace bringup::apply::fake {

class MachineView final : public host::View {
 public:
  MachineView(const std::string& root, World& world) : inner_(host::real_view_below(root)), world_(world) {}
  Result<std::string> read(std::string_view path) const override { return inner_->read(path); }
  Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                std::size_t size) const override {
    return inner_->read_part(path, offset, size);
  }
  Result<std::vector<std::string>> list(std::string_view path) const override { return inner_->list(path); }
  Result<host::FileStatus> status(std::string_view path) const override { return inner_->status(path); }
  Result<std::string> link(std::string_view path) const override { return inner_->link(path); }
  Result<host::DiskSpace> space(std::string_view path) const override {
    const auto disk = world_.disks.find(std::string(path));
    return disk == world_.disks.end() ? inner_->space(path) : disk->second;
  }
  Result<host::Outcome> ask(const host::Command& question) const override {
    const std::lock_guard guard(world_.mutex);
    if (!question.input.empty()) world_.input = question.input;
    world_.asked.push_back(base::join(question.argv, " "));
    return run_program(world_, question.argv);
  }
  bool recorded() const override { return false; }

 private:
  std::unique_ptr<host::View> inner_;
  World& world_;
};

enum class When { before, middle, after };

class Machine final : public host::Control {
 public:
  Machine() {
    const bool fast = ::access("/dev/shm", W_OK) == 0;
    std::string pattern = (fast ? fs::path("/dev/shm") : fs::temp_directory_path()) / "bringup-apply-XXXXXX";
    world.root = ::mkdtemp(pattern.data());
    // The lock is taken on a real path. This link makes the one path mean the same directory inside and out.
    const fs::path inside = world.root / fs::path(world.root).relative_path();
    fs::create_directories(inside.parent_path());
    fs::create_symlink("/", inside);
    inner_ = host::real_control_below(world.root);
    view_ = std::make_unique<MachineView>(world.root, world);
    for (const char* directory :
         {"/var/lib/dpkg/updates", "/var/cache", "/usr/bin", "/etc/apt/sources.list.d"})
      fs::create_directories(world.at(directory));
    for (const char* file : {"/var/lib/dpkg/status", "/var/lib/apt/extended_states", "/usr/bin/true",
                             "/etc/dnf/modules.d/other.module"})
      put(world.at(file), "");
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() override {
    std::error_code error;
    fs::remove_all(world.root, error);
  }

  World world;
  Settings settings() const {
    return {
        .state_directory = world.root.string() + "/state", .root = true, .patience = std::chrono::seconds(0)};
  }
  steps::PlanUser user() const {
    return {.name = "somebody",
            .home = "/home/somebody",
            .uid = static_cast<int>(::getuid()),
            .gid = static_cast<int>(::getgid())};
  }

  void die_at(std::size_t call, When when) {
    dead_ = false;
    calls_ = 0;
    die_at_ = call;
    when_ = when;
  }
  std::size_t calls() const { return calls_; }
  // Appending fails from this call of append on, as on a full disk; 0: never.
  void disk_full_at(std::size_t append) { full_at_ = append; }

  // Called before each change with its number.
  std::function<void(std::size_t)> at_call = {};

  // Everything but bringup's own state and apt's lists: path to kind, mode and bytes.
  std::map<std::string, std::string> tree() const {
    std::map<std::string, std::string> out;
    for (const auto& [path, trust] : world.keys) out["key " + path] = trust;
    const std::string own = "/" + fs::path(world.root).relative_path().begin()->string();
    for (auto entry = fs::recursive_directory_iterator(world.root);
         entry != fs::recursive_directory_iterator(); ++entry) {
      const std::string path = entry->path().string().substr(world.root.string().size());
      if (path == own || path == "/state" || path == "/var/lib/apt/lists") {
        entry.disable_recursion_pending();
        continue;
      }
      const auto status = entry->symlink_status();
      std::string about = std::to_string(static_cast<unsigned>(status.permissions()));
      if (fs::is_regular_file(status))
        about += " file " + (path == "/var/lib/apt/extended_states" ? marks() : slurp(entry->path()));
      if (fs::is_symlink(status)) about += " link " + fs::read_symlink(entry->path()).string();
      out[path] = about;
    }
    return out;
  }

  const host::View& view() const override { return *view_; }
  Result<> write(const std::string& path, std::string_view text, std::uint32_t mode,
                 std::optional<host::Owner> as) override {
    return change([&] { return inner_->write(path, text, mode, as); });
  }
  Result<> append(const std::string& path, std::string_view text) override {
    return change([&]() -> Result<> {
      ++appends_;
      if (full_at_ != 0 && appends_ >= full_at_) {
        // some of it still fits
        const auto some = inner_->append(path, text.substr(0, text.size() / 2));
        return Error(Errc::io, path + ": No space left on device" + (some ? "" : " at all"));
      }
      if (!world.half) return inner_->append(path, text);
      const auto torn = inner_->append(path, text.substr(0, text.size() / 2));
      EXPECT_TRUE(torn);
      throw Died{};
    });
  }
  Result<> move_file(const std::string& from, const std::string& to, std::optional<host::Owner> as) override {
    return change([&] { return inner_->move_file(from, to, as); });
  }
  Result<> make_directory(const std::string& path, std::uint32_t mode,
                          std::optional<host::Owner> as) override {
    return change([&] { return inner_->make_directory(path, mode, as); });
  }
  Result<> set_status(const std::string& path, std::uint32_t mode, host::Owner owner) override {
    return change([&] { return inner_->set_status(path, mode, owner); });
  }
  Result<> remove_file(const std::string& path, std::optional<host::Owner> as) override {
    return change([&] { return inner_->remove_file(path, as); });
  }
  Result<> remove_empty_directory(const std::string& path, std::optional<host::Owner> as) override {
    return change([&] { return inner_->remove_empty_directory(path, as); });
  }
  Result<> remove_tree(const std::string& path, std::optional<host::Owner> as) override {
    return change([&] { return inner_->remove_tree(path, as); });
  }
  Result<host::Outcome> run(const host::Command& command) override {
    return change([&] {
      world.ran.push_back(base::quoted(command.argv));
      if (command.gives_way) world.gave_way.push_back(world.ran.back());
      world.input = command.input;
      world.environment = {command.environment.begin(), command.environment.end()};
      world.says = command.on_output;
      return run_program(world, command.argv);
    });
  }

 private:
  // apt may keep marks of packages that are gone; nobody reads those.
  std::string marks() const {
    std::string out;
    const std::string text = slurp(world.at("/var/lib/apt/extended_states"));
    const std::string status = "\n" + slurp(world.at("/var/lib/dpkg/status"));
    for (const auto line : base::lines(text)) {
      if (line.starts_with("Package: ") && base::contains(status, "\n" + std::string(line) + "\n"))
        out += std::string(line) + "\n";
    }
    return out;
  }
  template <typename F>
  auto change(F&& make) -> decltype(make()) {
    const std::lock_guard guard(world.mutex);
    if (dead_) throw Died{};  // the other lane of the same process
    dead_ = ++calls_ == die_at_;
    if (at_call) at_call(calls_);
    if (dead_ && when_ == When::before) throw Died{};
    world.half = dead_ && when_ == When::middle;
    struct Whole {
      bool& half;
      ~Whole() { half = false; }
    } whole{world.half};
    auto result = make();
    if (dead_) throw Died{};
    return result;
  }

  std::unique_ptr<host::Control> inner_;
  std::unique_ptr<MachineView> view_;
  bool dead_ = false;
  std::size_t calls_ = 0;
  std::size_t die_at_ = 0;
  std::size_t appends_ = 0;
  std::size_t full_at_ = 0;
  When when_ = When::before;
};

// The paths in which two trees differ, with what each says; "" for equal trees.
inline std::string difference(const std::map<std::string, std::string>& is,
                              const std::map<std::string, std::string>& should_be) {
  std::string out;
  for (const auto& [path, about] : is) {
    const auto other = should_be.find(path);
    if (other == should_be.end())
      out += "too much: " + path + " = " + about + "\n";
    else if (other->second != about)
      out += "other: " + path + " = " + about + "\n  instead of " + other->second + "\n";
  }
  for (const auto& [path, about] : should_be) {
    if (!is.contains(path)) out += "missing: " + path + "\n";
  }
  return out;
}

class Silent final : public Observer {
 public:
  void step_begins(const steps::Step& /*step*/, std::size_t /*number*/, std::size_t /*of*/) override {}
  void step_says(const steps::Step& /*step*/, std::string_view /*line*/) override {}
  void step_ends(const steps::Step& step, const Result<>& how, double /*seconds*/, bool was_done) override {
    ended.push_back(step.id + (!how ? " failed" : was_done ? " was done" : " done"));
  }
  std::vector<std::string> ended;
};

class Stopped final : public host::Clock {
 public:
  std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'795'464'904));
  }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
};

inline const Stopped kClock;

// One step, the rest of the plan being of no matter.
inline steps::Step step_of(std::string id, steps::Kind kind, bool as_user = false) {
  return {.id = std::move(id), .kind = std::move(kind), .why = "", .changes = "", .as_user = as_user};
}
inline steps::Plan plan_of(const Machine& machine, std::vector<steps::Step> list) {
  return {.machine = "m", .goal = "g", .made_at = "", .user = machine.user(), .steps = std::move(list)};
}

}  // namespace bringup::apply::fake
