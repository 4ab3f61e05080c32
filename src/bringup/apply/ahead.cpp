// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/ahead.hpp>

#include <algorithm>

namespace bringup::apply {
namespace {

// Beside apt's own archives, whose lock the transaction that is at work holds until it ends.
constexpr const char* kPlace = "/var/cache/bringup";
constexpr const char* kArchives = "/var/cache/bringup/archives";

std::vector<std::string> archives_option() {
  return {"-o", std::string("Dir::Cache::archives=") + kArchives};
}

Result<> make_place(const Hands& hands) {
  TRY(hands.control->make_directory(kPlace, 0755, std::nullopt));
  TRY(hands.control->make_directory(kArchives, 0755, std::nullopt));
  return hands.control->make_directory(std::string(kArchives) + "/partial", 0700, std::nullopt);
}

// What apt would do, asked in words that change nothing and wait for no lock.
std::optional<Simulation> allowed(const std::vector<std::string>& words, const Hands& hands) {
  std::vector<std::string> argv = apt_get(words);
  argv.emplace_back("-s");
  const auto answer = hands.view.ask({.argv = argv, .deadline = kQuestionDeadline});
  if (!answer || !answer->success()) return std::nullopt;
  Simulation simulation = parse_apt_simulation(answer->out);
  return check_installation(simulation) ? std::optional(std::move(simulation)) : std::nullopt;
}

}  // namespace

void Ahead::begin() {
  if (packages_.empty() || thread_.joinable()) return;
  thread_ = std::thread([this] {
    try {
      fetch();
    } catch (...) {
      thrown_ = std::current_exception();
    }
  });
}

Ahead::~Ahead() {
  unwanted_ = true;
  if (thread_.joinable()) thread_.join();
}

void Ahead::wait() {
  if (thread_.joinable()) thread_.join();
  if (thrown_) std::rethrow_exception(thrown_);
}

void Ahead::fetch() {
  std::vector<std::string> words{"install", "--no-install-recommends"};
  words.insert(words.end(), packages_.begin(), packages_.end());
  const auto simulation = allowed(words, hands_);
  if (!simulation || simulation->exact.empty() || unwanted_) return;
  const auto later = room_for(*simulation, hands_.view);
  if (!later) return;
  const Room both{.archives = now_.archives + later->archives, .unpacked = now_.unpacked + later->unpacked};
  if (!check_room(both, hands_.view) || unwanted_ || !make_place(hands_)) return;
  std::vector<std::string> argv = apt_get(words);
  for (const std::string& option : archives_option()) argv.push_back(option);
  // apt takes locks for a download, too, that the transaction at work holds; in a directory that nobody else
  // knows there is nothing to lock.
  for (const char* word : {"-o", "Debug::NoLocking=true", "-y", "--no-remove", "--download-only"})
    argv.emplace_back(word);
  [[maybe_unused]] const auto outcome = hands_.control->run({.argv = argv,
                                                             .deadline = kPackagesDeadline,
                                                             .dies_with_us = true,
                                                             .gives_way = true,
                                                             .no_longer = &unwanted_});
}

std::vector<std::string> with_fetched_ahead(const host::View& view) {
  return view.exists(kArchives) ? archives_option() : std::vector<std::string>{};
}

std::uint64_t fetched_ahead(const host::View& view) {
  std::uint64_t bytes = 0;
  const auto names = view.list(kArchives);
  for (const std::string& name : names.value_or({})) {
    const auto file = view.status(std::string(kArchives) + "/" + name);
    if (name.ends_with(".deb") && file) bytes += file->size;
  }
  return bytes;
}

Result<> drop_fetched_ahead(const Hands& hands) {
  return hands.view.exists(kPlace) ? hands.control->remove_tree(kPlace, std::nullopt) : ok;
}

}  // namespace bringup::apply
