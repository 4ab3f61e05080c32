// SPDX-License-Identifier: Apache-2.0
// apt and dpkg: what is installed, what would happen, installing and removing.
#include <bringup/apply/ahead.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

// "Key: value" of one paragraph of dpkg's files.
std::string_view field(std::string_view line, std::string_view key) {
  if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') return {};
  return base::trim(line.substr(key.size() + 1));
}

struct Entry {
  std::string name;
  std::string architecture;
  Installed installed;
  bool there = false;
};

void read_line(std::string_view line, Entry& entry) {
  if (const auto name = field(line, "Package"); !name.empty()) entry.name = std::string(name);
  if (const auto version = field(line, "Version"); !version.empty())
    entry.installed.version = std::string(version);
  if (const auto architecture = field(line, "Architecture"); !architecture.empty())
    entry.architecture = std::string(architecture);
  const auto status = base::words(field(line, "Status"));
  if (status.size() != 3) return;
  entry.installed.held = status[0] == "hold";
  entry.installed.well = status[1] == "ok" && status[2] == "installed";
  entry.installed.half_unpacked = status[1] == "reinstreq";
  entry.there = status[2] != "not-installed" && status[2] != "config-files";
}

std::vector<Entry> entries_of(std::string_view status) {
  std::vector<Entry> entries;
  Entry entry;
  for (const std::string_view line : base::lines(status)) {
    if (!line.empty()) {
      read_line(line, entry);
      continue;
    }
    if (!entry.name.empty()) entries.push_back(std::move(entry));
    entry = {};
  }
  if (!entry.name.empty()) entries.push_back(std::move(entry));
  return entries;
}

// Names in the indented lines below a heading of apt's.
void read_section(std::string_view line, std::vector<std::string>& names) {
  for (const std::string_view word : base::words(line)) names.emplace_back(word);
}

// apt waits for dpkg's lock by itself, and not for that of its lists, and dpkg waits for none: a timer's
// update holds them for minutes.
Result<host::Outcome> when_free(const host::Command& command, const Hands& hands) {
  constexpr int kMostWaits = 300;
  const host::Command wait{.argv = {"sleep", "2"}, .environment = {}, .as = {}, .input = {}, .on_output = {}};
  for (int waits = 0;; ++waits) {
    host::Outcome outcome = TRY(run_heard(hands, command));
    const bool busy = !outcome.success() && trouble_of(command.argv, outcome).code() == Errc::busy;
    if (!busy || waits == kMostWaits) return outcome;
    if (hands.say) hands.say("another program is at work on packages; waiting for its end\n");
    TRY(hands.view.ask(wait));
  }
}

// Options that make apt ask one file of sources alone, with lists of its own: the system's stay as they are.
Result<std::vector<std::string>> only_from(const std::string& sources, const Hands& hands) {
  std::vector<std::string> words;
  if (sources.empty()) return words;
  const std::string lists = sources + "-lists";
  TRY(hands.control->make_directory(lists, 0755, std::nullopt));
  TRY(hands.control->make_directory(lists + "/partial", 0700, std::nullopt));
  for (const std::string& option :
       {"Dir::Etc::sourcelist=" + sources, std::string("Dir::Etc::sourceparts=/dev/null"),
        "Dir::State::lists=" + lists, std::string("Dir::Cache::pkgcache="),
        std::string("Dir::Cache::srcpkgcache="), std::string("APT::Sandbox::User=root"),
        std::string("Acquire::Languages=none")})
    words.insert(words.end(), {"-o", option});
  return words;
}

// A source that has nothing to do with this run may be broken; what is missing shows in the simulation.
Result<std::string> refresh_index(const std::vector<std::string>& sources, const Hands& hands) {
  if (hands.index_is_fresh != nullptr && *hands.index_is_fresh) return std::string();
  std::vector<std::string> argv = apt_get({"update"});
  argv.insert(argv.end(), sources.begin(), sources.end());
  const host::Outcome outcome = TRY(when_free({.argv = argv, .deadline = std::chrono::minutes(20)}, hands));
  std::string complaints;
  for (const std::string_view line : base::lines(outcome.err)) {
    if (line.starts_with("E:") || line.starts_with("W:"))
      complaints += "\n    " + without_secrets(base::harmless(line));
  }
  if (!outcome.success()) {
    Error error = trouble_of(argv, outcome);
    if (error.code() != Errc::failed) return error;
  }
  if (hands.index_is_fresh != nullptr) *hands.index_is_fresh = outcome.success() && complaints.empty();
  return complaints;
}

Result<Simulation> simulate(std::vector<std::string> words, const Hands& hands,
                            const std::string& complaints) {
  words.emplace_back("-s");
  const std::vector<std::string> argv = apt_get(words);
  const host::Outcome outcome = TRY(hands.control->run({.argv = argv, .deadline = kQuestionDeadline}));
  // apt refuses some things by itself; what it says before that tells which
  Simulation simulation = parse_apt_simulation(outcome.out);
  if (outcome.success() || !simulation.downgrades.empty() || !simulation.held.empty()) return simulation;
  Error error = trouble_of(argv, outcome);
  if (complaints.empty()) return error;
  // Without its list a source is as good as absent, and then the network is what was in the way.
  const bool network =
      trouble_of({"apt-get", "update"}, {.how = host::Exited{100}, .out = "", .err = complaints}).code() ==
      Errc::unreachable;
  return Error(network ? Errc::unreachable : error.code(),
               error.message() + "\n  while the package lists were refreshed:" + complaints);
}

// apt would give dpkg a terminal of its own, on which a script's question waits for ever.
void add_no_terminal(std::vector<std::string>& argv) {
  argv.insert(argv.end(), {"-o", "Dpkg::Use-Pty=false"});
}

// apt says that it sets up a package whose script lets DKMS build a module: all of the transaction is
// unpacked. What runs has LC_ALL=C.UTF-8.
bool builds_a_module(std::string_view line) {
  constexpr std::string_view kSetUp = "Setting up ";
  return line.starts_with(kSetUp) &&
         base::contains(line.substr(kSetUp.size(), line.find(' ', kSetUp.size()) - kSetUp.size()), "-dkms");
}

// What an installation would ask is answered: yes, and a file that somebody changed stays. A disk that was
// filled with downloaded packages is nobody's wish: they are not kept.
void add_answers(std::vector<std::string>& argv) {
  for (const char* word : {"-y", "--no-remove", "-o", "Dpkg::Options::=--force-confdef", "-o",
                           "Dpkg::Options::=--force-confold", "-o", "APT::Keep-Downloaded-Packages=false"})
    argv.emplace_back(word);
  add_no_terminal(argv);
}

// Only a module's build takes long enough for anything to be fetched beside it.
bool fetches_ahead(const steps::InstallPackages& step, const Hands& hands) {
  return !step.builds_for.empty() && !hands.later.empty();
}

// What cannot be told refuses nothing: apt has its own word on it later.
Result<Room> check_room_for(const Simulation& simulation, const steps::InstallPackages& step,
                            const Hands& hands) {
  TRY(check_boot_room(step.builds_for, hands.view));
  Room room = room_for(simulation, hands.view).value_or(Room{});
  if (!fetches_ahead(step, hands)) room.archives -= std::min(room.archives, fetched_ahead(hands.view));
  TRY(check_room(room, hands.view));
  return room;
}

bool has_updates(const host::View& view) {
  const auto updates = view.list("/var/lib/dpkg/updates");
  return updates && std::ranges::any_of(
                        *updates, [](const std::string& name) { return base::to_integer(name).has_value(); });
}

bool is_interrupted(const host::View& view, const Database& database) {
  return has_updates(view) ||
         std::ranges::any_of(database, [](const auto& package) { return !package.second.well; });
}

// Whether something that is not to go is half set up.
bool others_interrupted(const Database& database, const std::vector<std::string>& packages) {
  return std::ranges::any_of(database, [&packages](const auto& package) {
    return !package.second.well && std::ranges::find(packages, package.first) == packages.end();
  });
}

}  // namespace

std::vector<std::string> apt_get(const std::vector<std::string>& words) {
  std::vector<std::string> argv{"apt-get", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::optional<Room> room_for(const Simulation& simulation, const host::View& view) {
  if (simulation.exact.empty()) return Room{};
  std::vector<std::string> argv{"apt-cache", "--no-all-versions", "show"};
  argv.insert(argv.end(), simulation.exact.begin(), simulation.exact.end());
  const auto answer = view.ask({.argv = argv, .deadline = kQuestionDeadline});
  return answer && answer->success() ? std::optional(parse_apt_sizes(answer->out)) : std::nullopt;
}

Database parse_dpkg_database(std::string_view status) {
  const std::vector<Entry> entries = entries_of(status);
  const auto dpkg =
      std::ranges::find_if(entries, [](const Entry& entry) { return entry.name == "dpkg" && entry.there; });
  const std::string own = dpkg == entries.end() ? "" : dpkg->architecture;
  Database database;
  for (const Entry& entry : entries) {
    const bool foreign = entry.architecture != "all" && !own.empty() && entry.architecture != own;
    const std::string name = foreign ? entry.name + ":" + entry.architecture : entry.name;
    if (entry.there) database[name] = entry.installed;
  }
  return database;
}

Result<Database> dpkg_database(const host::View& view) {
  return parse_dpkg_database(TRY(view.read("/var/lib/dpkg/status")));
}

std::set<std::string, std::less<>> parse_auto_marks(std::string_view extended_states) {
  std::set<std::string, std::less<>> names;
  std::string name;
  for (const std::string_view line : base::lines(extended_states)) {
    if (const auto package = field(line, "Package"); !package.empty()) name = std::string(package);
    if (field(line, "Auto-Installed") == "1") names.insert(name);
  }
  return names;
}

// "Inst name [old] (new archive [arch])", "Remv name [old]", and lists below headings.
Simulation parse_apt_simulation(std::string_view output) {
  Simulation simulation;
  std::vector<std::string>* section = nullptr;
  for (const std::string_view line : base::lines(output)) {
    if (line.starts_with(" ")) {
      if (section != nullptr) read_section(line, *section);
      continue;
    }
    section = base::contains(line, "will be DOWNGRADED:")              ? &simulation.downgrades
              : base::contains(line, "held packages will be changed:") ? &simulation.held
                                                                       : nullptr;
    const auto words = base::words(line);
    if (words.size() < 2) continue;
    if (words[0] == "Inst") {
      simulation.installs.emplace_back(words[1]);
      const auto version =
          std::ranges::find_if(words, [](std::string_view word) { return word.starts_with("("); });
      if (version != words.end())
        simulation.exact.push_back(fmt::format("{}={}", words[1], version->substr(1)));
    }
    if (words[0] == "Remv" || words[0] == "Purg") simulation.removes.emplace_back(words[1]);
  }
  return simulation;
}

Result<> repair_dpkg(const Hands& hands) {
  if (!is_interrupted(hands.view, TRY(dpkg_database(hands.view)))) return ok;
  const std::vector<std::string> argv{"dpkg", "--force-confdef", "--force-confold", "--configure", "-a"};
  const host::Outcome outcome =
      TRY(when_free({.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}, hands));
  if (outcome.success()) return ok;
  Error error = trouble_of(argv, outcome);
  // A package whose dependencies are not unpacked yet cannot be configured now; apt comes and fetches them.
  return error.code() == Errc::failed ? ok : Result<>(std::move(error));
}

std::vector<std::string> half_unpacked(const Database& database) {
  std::vector<std::string> names;
  for (const auto& [name, package] : database) {
    if (package.half_unpacked) names.push_back(name);
  }
  return names;
}

// --fix-broken does not do it: dpkg wants such a package unpacked again, and apt does that when it is named.
Result<> unpack_again(const std::vector<std::string>& sources, const Hands& hands) {
  const std::vector<std::string> names = half_unpacked(TRY(dpkg_database(hands.view)));
  if (names.empty()) return ok;
  std::vector<std::string> words{"install", "--reinstall", "--no-install-recommends", "--fix-broken"};
  words.insert(words.end(), sources.begin(), sources.end());
  words.insert(words.end(), names.begin(), names.end());
  TRY(check_installation(TRY(simulate(words, hands, ""))).within("packages that are half unpacked"));
  std::vector<std::string> argv = apt_get(words);
  add_answers(argv);
  TRY(run_well(hands, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
  return ok;
}

Result<> settle_dpkg(const Hands& hands) {
  if (!has_updates(hands.view)) return ok;
  // Setting no selection makes dpkg read its own notes and write its database; it runs nobody's script.
  const std::vector<std::string> argv{"dpkg", "--set-selections"};
  const host::Outcome outcome =
      TRY(when_free({.argv = argv, .deadline = kQuestionDeadline, .finish_when_interrupted = true}, hands));
  return outcome.success() ? ok : Result<>(trouble_of(argv, outcome));
}

namespace {

// Whoever had dpkg's lock may have died in the middle of its work after it was looked at: that shows when the
// lock is had, and then there is something to repair.
template <typename Do>
Result<> with_a_second_try(const Hands& hands, const Do& change) {
  Result<> done = change();
  // Not what was ended because it hung, or at somebody's word. apt's words may be those of its waiting
  // (busy).
  const bool failed = !done && (done.error().code() == Errc::failed || done.error().code() == Errc::busy);
  const bool again = failed && has_updates(hands.view);
  return again ? change() : done;
}

Result<> install_once(const steps::InstallPackages& step, const Hands& hands) {
  TRY(repair_dpkg(hands));
  const std::vector<std::string> sources = TRY(only_from(step.sources, hands));
  const std::string complaints = TRY(refresh_index(sources, hands));
  TRY(unpack_again(sources, hands));
  std::vector<std::string> words{"install", "--no-install-recommends"};
  words.insert(words.end(), sources.begin(), sources.end());
  if (is_interrupted(hands.view, TRY(dpkg_database(hands.view)))) words.emplace_back("--fix-broken");
  words.insert(words.end(), step.packages.begin(), step.packages.end());
  const Simulation simulation = TRY(simulate(words, hands, complaints));
  TRY(check_installation(simulation));
  const Room room = TRY(check_room_for(simulation, step, hands));
  std::vector<std::string> argv = apt_get(words);
  add_answers(argv);
  const bool fetches = fetches_ahead(step, hands);
  if (!fetches) {  // else two of apt would write one directory, where an earlier attempt had made it
    for (const std::string& option : with_fetched_ahead(hands.view)) argv.push_back(option);
  }
  Ahead ahead(fetches ? hands.later : std::vector<std::string>{}, room, hands);
  Hands watching = hands;
  watching.say = [&](std::string_view line) {
    if (builds_a_module(line)) {
      ahead.begin();
      if (hands.disk_is_free) hands.disk_is_free();
    }
    if (hands.say) hands.say(line);
  };
  TRY(run_well(watching, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
  ahead.wait();
  return hands.later.empty() ? drop_fetched_ahead(hands) : ok;
}

Result<> remove_once(const std::vector<std::string>& packages, const Hands& hands) {
  TRY(settle_dpkg(hands));
  // What is to go need not be set up before: its script may be what hangs.
  if (others_interrupted(TRY(dpkg_database(hands.view)), packages)) TRY(repair_dpkg(hands));
  TRY(drop_fetched_ahead(hands));
  if (packages.empty()) return ok;
  std::vector<std::string> words{"purge", "-o", "APT::Get::AutomaticRemove=false"};
  if (is_interrupted(hands.view, TRY(dpkg_database(hands.view)))) words.emplace_back("--fix-broken");
  words.insert(words.end(), packages.begin(), packages.end());
  const Simulation simulation = TRY(simulate(words, hands, ""));
  TRY(check_removal(simulation, {packages.begin(), packages.end()}));
  std::vector<std::string> argv = apt_get(words);
  argv.emplace_back("-y");
  add_no_terminal(argv);
  // nobody needs it whole who removes it
  if (!half_unpacked(TRY(dpkg_database(hands.view))).empty())
    argv.insert(argv.end(), {"-o", "Dpkg::Options::=--force-remove-reinstreq"});
  TRY(run_well(hands, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
  return ok;
}

}  // namespace

Result<> apt_install(const steps::InstallPackages& step, const Hands& hands) {
  return with_a_second_try(hands, [&] { return install_once(step, hands); });
}

Result<> apt_remove(const std::vector<std::string>& packages, const Hands& hands) {
  return with_a_second_try(hands, [&] { return remove_once(packages, hands); });
}

}  // namespace bringup::apply
