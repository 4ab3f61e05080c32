// SPDX-License-Identifier: Apache-2.0
#pragma once
// apt, dpkg, dnf, uv, pip and their like as small programs over a tree of files. Each can be killed half way.

#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/host/view.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace bringup::apply::fake {

namespace fs = std::filesystem;

// What a test throws where a process would be gone. Of no std type, so that nothing takes it for an error.
struct Died {};

inline std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
inline void put(const fs::path& path, std::string_view text, fs::perms mode = fs::perms(0644)) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  fs::permissions(path, mode);
}

// What an archive offers.
struct Offer {
  std::string version;
  std::vector<std::string> needs = {};
  std::vector<std::string> replaces = {};         // would be removed
  std::map<std::string, std::string> files = {};  // path to text
  bool builds_module = false;                     // for each kernel whose headers are there
  std::uint64_t kib = 0;                          // on the disk, and half of it to fetch
  std::string only_with = {};                     // a source that must be there for it
};

struct World {
  std::mutex mutex;  // one program at a time, whichever lane it belongs to
  fs::path root;
  std::map<std::string, Offer> archive;  // of apt and dnf
  std::map<std::string, Offer> index;    // of wheels; files below site-packages
  std::map<std::string, std::string> web;
  std::string failure = {};           // what every program that needs the network says instead of working
  int lists_busy = 0;                 // so often apt's lists are somebody else's
  int dpkg_busy = 0;                  // so often dpkg's database is
  bool others_die = false;            // who has dpkg's lock dies in the middle before it is had
  int slept = 0;                      // waits of two seconds
  bool half = false;                  // the program that runs now is killed half way
  bool hooks_work = true;             // whether installing builds modules by itself
  std::vector<std::string> ran = {};  // each command, as one line
  std::vector<std::string> gave_way = {};               // those of them that ran at the lowest priority
  std::function<void(std::string_view)> says = {};      // hears the program that runs now
  std::vector<std::string> asked = {};                  // of programs that only answer
  std::string input = {};                               // what the program that runs now is given
  std::map<std::string, std::string> environment = {};  // and its own environment
  bool compiles = true;                                 // extensions
  std::string mokutil_says = {};                        // of a key, instead of what is so
  std::string hangs = {};                               // a package whose script never ends
  std::string spoils = {};                        // a file of an earlier attempt with which nothing compiles
  std::size_t store_gives = SIZE_MAX;             // a hub's store hangs up after so many bytes
  std::map<std::string, std::string> keys = {};   // of shim: certificate to "requested" or "enrolled"
  bool cached = false;                            // whether uv's cache holds what its index does
  std::map<std::string, std::string> liars = {};  // what uv says of an index that gives other files
  std::map<std::string, std::string> pages =
      {};  // where the files of an index are, which says of none how large
  std::map<std::string, std::string> silent = {};     // what uv says of an index that does not answer
  std::map<std::string, host::DiskSpace> disks = {};  // by path; others are this machine's own

  fs::path at(std::string_view path) const { return root / std::string(path.substr(1)); }
};

inline host::Outcome said(int code, std::string out, std::string err = "") {
  return {.how = host::Exited{code}, .out = std::move(out), .err = std::move(err)};
}

// The words of a command that are neither options nor values of "-o".
inline std::vector<std::string> plain_words(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    if (argv[i] == "-o" || argv[i] == "-k" || argv[i] == "--python" || argv[i] == "--index-url" ||
        argv[i] == "--extra-index-url" || argv[i] == "--find-links" || argv[i] == "--reinstall-package" ||
        (argv[i] == "-r" && argv[0] != "modprobe"))
      ++i;
    else if (!argv[i].starts_with("-"))
      words.push_back(argv[i]);
  }
  return words;
}
// What follows `start` in the word that begins with it; "" without one.
inline std::string after(const std::vector<std::string>& argv, std::string_view start) {
  for (const std::string& one : argv) {
    if (one.starts_with(start)) return one.substr(start.size());
  }
  return {};
}
inline bool has_word(const std::vector<std::string>& argv, std::string_view word) {
  for (const std::string& one : argv) {
    if (one == word) return true;
  }
  return false;
}

// The installed packages, in the manager's own file.
class Packages {
 public:
  struct Entry {
    std::string version;
    std::string want = "install";
    std::string state = "installed";
    std::string flag = "ok";  // "reinstreq": dpkg died on it, and wants it unpacked again
  };
  explicit Packages(World& world, bool rpm) : world_(world), rpm_(rpm) { rpm ? read_rpm() : read_dpkg(); }
  std::map<std::string, Entry> all;

  void save() const {
    std::string text;
    for (const auto& [name, entry] : all) {
      if (rpm_)
        text += name + "\t" + entry.version + "\tx86_64\n";
      else
        text += "Package: " + name + "\nStatus: " + entry.want + " " + entry.flag + " " + entry.state +
                "\nArchitecture: amd64\nVersion: " + entry.version + "\n\n";
    }
    put(world_.at(rpm_ ? "/var/lib/rpm/packages" : "/var/lib/dpkg/status"), text);
  }
  void unpack(const std::string& name, bool half = false) {
    const Offer& offer = world_.archive.at(name);
    for (const auto& [path, text] : offer.files) put(world_.at(path), text);
    all[name].version = offer.version;
    all[name].state = "unpacked";
    all[name].flag = half ? "reinstreq" : "ok";
    save();
  }
  void configure(const std::string& name) {
    all.at(name).state = "installed";
    if (world_.archive.contains(name) && world_.archive.at(name).builds_module && world_.hooks_work)
      build_modules();
    save();
  }
  bool half_configure(const std::string& name) {
    all.at(name).state = "half-configured";
    save();
    return false;
  }
  void remove(const std::string& name) {
    const Offer& offer = world_.archive.at(name);
    for (const auto& [path, text] : offer.files) remove_file(path);
    if (offer.builds_module) {
      for (const auto& kernel : kernels()) remove_file("/lib/modules/" + kernel + "/updates/dkms/nvidia.ko");
    }
    all.erase(name);
    save();
  }
  void build_modules() const {
    for (const auto& kernel : kernels()) {
      if (fs::exists(world_.at("/lib/modules/" + kernel + "/build")))
        put(world_.at("/lib/modules/" + kernel + "/updates/dkms/nvidia.ko"), "module for " + kernel);
    }
  }

 private:
  std::vector<std::string> kernels() const {
    std::vector<std::string> names;
    if (!fs::exists(world_.at("/lib/modules"))) return names;
    for (const auto& entry : fs::directory_iterator(world_.at("/lib/modules")))
      names.push_back(entry.path().filename());
    return names;
  }
  void remove_file(const std::string& path) const {
    fs::path place = world_.at(path);
    if (!fs::remove(place)) return;
    for (place = place.parent_path(); place != world_.root && fs::is_empty(place);
         place = place.parent_path())
      fs::remove(place);
  }
  void read_dpkg() {
    std::string name;
    const std::string text = slurp(world_.at("/var/lib/dpkg/status"));
    for (const auto line : base::lines(text)) {
      const auto words = base::words(line);
      if (words.size() < 2) continue;
      if (words[0] == "Package:") name = std::string(words[1]);
      if (words[0] == "Version:") all[name].version = std::string(words[1]);
      if (words[0] != "Status:") continue;
      all[name].want = std::string(words[1]);
      all[name].flag = std::string(words[2]);
      all[name].state = std::string(words[3]);
    }
  }
  void read_rpm() {
    const std::string text = slurp(world_.at("/var/lib/rpm/packages"));
    for (const auto line : base::lines(text)) {
      const auto parts = base::split(line, '\t');
      all[std::string(parts[0])].version = std::string(parts[1]);
    }
  }
  World& world_;
  bool rpm_;
};

// What installing `names` comes to.
struct Transaction {
  std::vector<std::string> installs;
  std::vector<std::string> removes;
  std::vector<std::string> downgrades;
  std::string unknown;
};
inline void plan_one(const World& world, const Packages& packages, const std::string& word, Transaction& out,
                     bool again = false) {
  const std::string name = word.substr(0, word.find('='));
  for (const std::string& one : out.installs) {
    if (one == name) return;
  }
  if (!world.archive.contains(name)) {
    out.unknown = name;
    return;
  }
  const Offer& offer = world.archive.at(name);
  if (!offer.only_with.empty() && !fs::exists(world.at(offer.only_with))) {
    out.unknown = name;
    return;
  }
  const auto there = packages.all.find(name);
  if (there != packages.all.end() && there->second.version == offer.version &&
      (there->second.state == "installed" || there->second.flag == "reinstreq") && !again)
    return;
  if (there != packages.all.end() && there->second.version > offer.version) out.downgrades.push_back(name);
  for (const std::string& need : offer.needs) plan_one(world, packages, need, out);
  for (const std::string& other : offer.replaces) {
    if (packages.all.contains(other)) out.removes.push_back(other);
  }
  out.installs.push_back(name);
}

// Unpacks all, then sets all up, as dpkg does; its own journal stands in updates/ meanwhile. False: it hung.
inline bool perform(World& world, Packages& packages, const Transaction& transaction) {
  const fs::path updates = world.at("/var/lib/dpkg/updates");
  fs::create_directories(updates);
  put(updates / "0001", "half");
  std::size_t left = world.half ? transaction.installs.size() / 2 + 1 : transaction.installs.size();
  for (const std::string& name : transaction.installs) {
    if (left-- == 0) break;
    packages.unpack(name, world.half && left == 0);
  }
  if (world.half) throw Died{};
  for (const std::string& name : transaction.installs) {
    if (name == world.hangs) return packages.half_configure(name);
    const Offer& offer = world.archive.at(name);
    if (world.says)
      world.says("Setting up " + name + (offer.builds_module ? "-dkms (" : " (") + offer.version + ") ...");
    packages.configure(name);
  }
  fs::remove(updates / "0001");
  return true;
}

inline void mark(World& world, const std::vector<std::string>& names, bool automatic) {
  std::set<std::string> marks;
  const fs::path file = world.at("/var/lib/apt/extended_states");
  const std::string old = slurp(file);
  for (const auto line : base::lines(old)) {
    if (line.starts_with("Package: ")) marks.insert(std::string(line.substr(9)));
  }
  for (const std::string& name : names) automatic ? (void)marks.insert(name) : (void)marks.erase(name);
  std::string text;
  for (const std::string& name : marks) text += "Package: " + name + "\nAuto-Installed: 1\n\n";
  put(file, text);
}

constexpr const char* kVeryBad =
    ":\n package is in a very bad inconsistent state; you should\n reinstall it before attempting ";

inline host::Outcome apt_install(World& world, const std::vector<std::string>& argv,
                                 const std::vector<std::string>& names) {
  Packages packages(world, false);
  Transaction transaction;
  for (const std::string& name : names)
    plan_one(world, packages, name, transaction, has_word(argv, "--reinstall"));
  if (!transaction.unknown.empty())
    return said(100, "", "E: Unable to locate package " + transaction.unknown);
  std::string out;
  if (!transaction.downgrades.empty()) {
    out += "The following packages will be DOWNGRADED:\n ";
    for (const std::string& name : transaction.downgrades) out += " " + name;
    out += "\n0 upgraded\n";
  }
  for (const std::string& name : transaction.removes) out += "Remv " + name + " [1]\n";
  for (const std::string& name : transaction.installs)
    out += "Inst " + name + " (" + world.archive.at(name).version + " fake [amd64])\n";
  if (has_word(argv, "-s")) return said(0, out);
  if (!world.failure.empty()) return said(100, "", world.failure);
  if (has_word(argv, "--download-only")) {
    const std::string place = after(argv, "Dir::Cache::archives=");
    for (const std::string& name : transaction.installs) {
      put(world.at(place + "/" + name + ".deb"), std::string(world.archive.at(name).kib * 512, 'a'));
      if (world.half) throw Died{};
    }
    return said(0, out);
  }
  for (const auto& [name, entry] : packages.all) {
    if (entry.flag == "reinstreq" && !has_word(transaction.installs, name))
      return said(100, "", "dpkg: error processing package " + name + kVeryBad + "configuration");
  }
  std::vector<std::string> brought;
  for (const std::string& name : transaction.installs) {
    if (!packages.all.contains(name)) brought.push_back(name);
  }
  if (!perform(world, packages, transaction))
    return {.how = host::TimedOut{}, .out = "Setting up", .err = ""};
  mark(world, brought, true);
  std::vector<std::string> wanted;
  for (const std::string& name : names) wanted.push_back(name.substr(0, name.find('=')));
  mark(world, wanted, false);
  return said(0, out);
}

inline host::Outcome apt_purge(World& world, const std::vector<std::string>& argv,
                               const std::vector<std::string>& names) {
  Packages packages(world, false);
  std::vector<std::string> gone = names;
  for (const auto& [name, entry] : packages.all) {  // what needs it goes with it
    if (!world.archive.contains(name) || has_word(gone, name)) continue;
    for (const std::string& need : world.archive.at(name).needs) {
      if (has_word(names, need) && !has_word(gone, name)) gone.push_back(name);
    }
  }
  std::string out;
  for (const std::string& name : gone) out += "Purg " + name + " [1]\n";
  if (has_word(argv, "-s")) return said(0, out);
  for (const std::string& name : gone) {
    if (packages.all.contains(name) && packages.all.at(name).flag == "reinstreq" &&
        !has_word(argv, "Dpkg::Options::=--force-remove-reinstreq"))
      return said(100, "", "dpkg: error processing package " + name + kVeryBad + "a removal");
  }
  std::size_t left = world.half ? gone.size() / 2 : gone.size();
  for (const std::string& name : gone) {
    if (left-- == 0) break;
    packages.remove(name);
  }
  if (world.half) throw Died{};
  mark(world, gone, false);
  return said(0, out);
}

inline host::Outcome apt_get(World& world, const std::vector<std::string>& argv) {
  auto words = plain_words(argv);
  const std::string verb = words.front();
  words.erase(words.begin());
  if (verb == "update" && world.lists_busy > 0) {
    --world.lists_busy;
    return said(100, "", "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 68 (apt-get)");
  }
  if (verb == "update") {
    if (!world.failure.empty()) return said(0, "", "W: Failed to fetch http://a/ " + world.failure);
    put(world.at("/var/lib/apt/lists/fake"), "list");
    return said(0, "Get:1 fake");
  }
  if (world.others_die && !has_word(argv, "-s")) {
    world.others_die = false;
    put(world.at("/var/lib/dpkg/updates/0001"), "half");
  }
  if (!fs::is_empty(world.at("/var/lib/dpkg/updates")))
    return said(100, "", "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'");
  return verb == "install" ? apt_install(world, argv, words) : apt_purge(world, argv, words);
}

inline host::Outcome sha256sum(const World& world, const std::vector<std::string>& argv) {
  const fs::path place = world.at(argv.back());
  if (!fs::exists(place)) return said(1, "", "sha256sum: " + argv.back() + ": No such file or directory");
  return said(0, base::sha256_hex(slurp(place)) + "  " + argv.back() + "\n");
}

// A package whose text is "KIB NAME": of that size, with a repository and its keyring below /var/NAME.
inline host::Outcome dpkg_deb(World& world, const std::vector<std::string>& argv) {
  const std::string text = slurp(world.at(argv.at(2)));
  const std::string name = text.substr(text.find(' ') + 1);
  if (argv.at(1) == "-f") return said(0, text.substr(0, text.find(' ')) + "\n");
  const std::string root = argv.at(3) + "/var/" + name;
  put(world.at(root + "/Packages"), "list");
  if (world.half) throw Died{};
  put(world.at(root + "/cuda-1A2B-keyring.gpg"), "key");
  return said(0, "");
}

inline host::Outcome mokutil(World& world, const std::vector<std::string>& argv) {
  const std::string& verb = argv.at(1);
  if (verb == "--list-new") {
    std::string out;
    int number = 0;
    for (const auto& [path, trust] : world.keys) {
      if (trust == "requested") out += "[key " + std::to_string(++number) + "]\nSHA1 Fingerprint: ...\n";
    }
    return said(0, out);
  }
  if (verb == "--revoke-import") {
    std::erase_if(world.keys, [](const auto& key) { return key.second == "requested"; });
    return said(0, "");
  }
  const std::string& path = argv.at(2);
  const auto key = world.keys.find(path);
  if (verb == "--test-key" && !world.mokutil_says.empty()) return said(1, path + world.mokutil_says);
  if (verb == "--test-key") {
    if (key == world.keys.end()) return said(0, path + " is not enrolled\n");
    return said(1, path + (key->second == "requested" ? " is already in the enrollment request\n"
                                                      : " is already enrolled\n"));
  }
  // --import asks twice
  const auto typed = base::lines(world.input);
  if (typed.size() < 2 || typed[0] != typed[1] || typed[0].size() < 8)
    return said(255, "", "password doesn't match\n");
  if (key == world.keys.end()) world.keys[path] = "requested";
  return said(0, "");
}

inline host::Outcome apt_cache_show(const World& world, const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : plain_words(argv)) {
    const auto offer = world.archive.find(word.substr(0, word.find('=')));
    if (offer == world.archive.end()) continue;
    out += "Package: " + offer->first + "\nInstalled-Size: " + std::to_string(offer->second.kib) +
           "\nSize: " + std::to_string(offer->second.kib * 512) + "\n\n";
  }
  return said(0, out);
}

inline host::Outcome dpkg(World& world, const std::vector<std::string>& argv) {
  if (world.dpkg_busy > 0) {
    --world.dpkg_busy;
    const std::string who = world.dpkg_busy % 2 == 0 ? "another" : "<unknown>";  // dpkg 1.21, 1.22
    return said(2, "", "dpkg: error: dpkg frontend lock was locked by " + who + " process with pid 68");
  }
  if (has_word(argv, "--set-selections")) {
    fs::remove(world.at("/var/lib/dpkg/updates/0001"));
    return said(0, "");
  }
  Packages packages(world, false);
  host::Outcome worst = said(0, "");
  for (const auto& [name, entry] : packages.all) {
    if (entry.state == "installed") continue;
    if (entry.flag == "reinstreq") {
      worst = said(1, "", "dpkg: error processing package " + name + kVeryBad + "configuration");
      continue;
    }
    if (name == world.hangs) return {.how = host::TimedOut{}, .out = "Setting up", .err = ""};
    packages.configure(name);
    if (world.half) throw Died{};
  }
  fs::remove(world.at("/var/lib/dpkg/updates/0001"));
  return worst;
}

inline host::Outcome apt_mark(World& world, const std::vector<std::string>& argv) {
  auto words = plain_words(argv);
  const std::string verb = words.front();
  words.erase(words.begin());
  if (verb == "auto") {
    mark(world, words, true);
    return said(0, "");
  }
  Packages packages(world, false);
  for (const std::string& name : words) {
    packages.all.at(name).want = verb == "hold" ? "hold" : "install";
    packages.save();
    if (world.half) throw Died{};
  }
  return said(0, "");
}

}  // namespace bringup::apply::fake
