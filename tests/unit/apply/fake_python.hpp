// SPDX-License-Identifier: Apache-2.0
#pragma once
// uv, pip, venv, dnf, modprobe, dkms and curl over the same tree; and which program a command means.

#include <bringup/base/digest.hpp>

#include "fake_programs.hpp"
#include <algorithm>

namespace bringup::apply::fake {

inline constexpr std::string_view kCondaInstaller = "#!/bin/sh\n# an installer of conda\n";

inline host::Outcome make_venv(World& world, const std::string& path, bool with_pip) {
  const fs::path place = world.at(path);
  if (fs::exists(place / "pyvenv.cfg")) return said(1, "", "a virtual environment already exists");
  put(place / "pyvenv.cfg", "version = 3.11.2\n");
  put(place / "bin/python", "python", fs::perms(0755));
  fs::create_directories(place / "lib/python3.11/site-packages");
  if (world.half) throw Died{};
  put(place / "bin/activate", "activate");
  if (with_pip) put(place / "lib/python3.11/site-packages/pip-24.0.dist-info/RECORD", "pip");
  return said(0, "");
}

inline void wheels_of(const World& world, const std::string& word, std::vector<std::string>& out) {
  const std::string name = word.substr(0, word.find('='));
  if (std::ranges::find(out, name) != out.end()) return;
  for (const std::string& need : world.index.at(name).needs) wheels_of(world, need, out);
  out.push_back(name);
}

// "name==version" of old ones comes from memory: nothing but the name matters then.
inline host::Outcome pip_install(World& world, const fs::path& env, const std::vector<std::string>& words) {
  if (!world.failure.empty()) return said(1, "", world.failure);
  const fs::path site = env / "lib/python3.11/site-packages";
  std::vector<std::string> names;
  for (const std::string& word : words) wheels_of(world, word, names);
  std::ranges::reverse(names);  // nobody promises that what is needed comes first
  for (const std::string& name : names) {
    std::string version = world.index.at(name).version;
    for (const std::string& word : words) {
      if (word.starts_with(name + "==")) version = word.substr(name.size() + 2);
    }
    bool there = false;
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(site)) {
      const std::string directory = entry.path().filename();
      if (directory == name + "-" + version + ".dist-info")
        there = true;
      else if (directory.starts_with(name + "-") && directory.ends_with(".dist-info"))
        old.push_back(entry.path());
    }
    if (there) continue;
    for (const fs::path& one : old) fs::remove_all(one);
    for (const auto& [path, text] : world.index.at(name).files) put(site / path, text);
    const fs::path info = site / (name + "-" + version + ".dist-info");
    put(info / "METADATA", "Name: " + name);
    // killed: either before the last file of a package, or between two packages
    if (world.half && names.size() == 1) throw Died{};
    put(info / "RECORD", "files of " + name);
    if (name == "uv") put(env / "bin/uv", "uv", fs::perms(0755));
    if (world.half) throw Died{};
  }
  return said(0, "");
}

inline host::Outcome pip_uninstall(World& world, const fs::path& env, const std::vector<std::string>& words) {
  const fs::path site = env / "lib/python3.11/site-packages";
  for (const std::string& name : words) {
    std::vector<fs::path> infos;
    for (const auto& entry : fs::directory_iterator(site)) {
      if (entry.path().filename().string().starts_with(name + "-")) infos.push_back(entry.path());
    }
    for (const fs::path& info : infos) fs::remove_all(info);
    for (const auto& [path, text] : world.index.at(name).files) {
      fs::remove(site / path);
      const fs::path directory = (site / path).parent_path();
      if (directory != site && fs::exists(directory) && fs::is_empty(directory)) fs::remove(directory);
    }
    if (world.half) throw Died{};
  }
  return said(0, "");
}

// The hash of the one file that a package has in this index.
inline std::string wheel_hash(const std::string& name, const std::string& version) {
  return base::sha256_hex(name + " " + version);
}

// "uv pip compile -": the closure of what stands on standard input, as a pylock.toml.
inline host::Outcome uv_compile(const World& world, const std::vector<std::string>& argv) {
  if (!world.failure.empty()) return said(1, "", world.failure);
  std::string files = "https://files.example.org/";
  std::string size = "size = 7, ";
  for (const std::string& word : argv) {
    if (world.silent.contains(word)) return said(2, "", world.silent.at(word));
    if (world.pages.contains(word)) {
      files = world.pages.at(word);
      size.clear();
    }
  }
  std::vector<std::string> names;
  for (const auto line : base::lines(world.input)) wheels_of(world, std::string(line), names);
  std::string out = "lock-version = \"1.0\"\ncreated-by = \"uv\"\n";
  for (const std::string& name : names) {
    const std::string& version = world.index.at(name).version;
    out += "\n[[packages]]\nname = \"" + name + "\"\nversion = \"" + version + "\"\nwheels = [{ url = \"" +
           files + name + "-" + version + "-py3-none-any.whl\", upload-time = 2026-10-22T00:02:38Z, " + size +
           "hashes = { sha256 = \"" + wheel_hash(name, version) + "\" } }]\n";
  }
  return said(0, out);
}

// "-r": each line's package, when its hash is that of the index.
inline host::Outcome with_hashes(World& world, const std::vector<std::string>& argv,
                                 std::vector<std::string>& words) {
  const auto at = std::ranges::find(argv, "-r") + 1;
  const std::string text = *at == "-" ? world.input : slurp(world.at(*at));
  for (const auto line : base::lines(text)) {
    const auto parts = base::words(line);
    const std::string package(parts.at(0));
    const std::size_t equals = package.find("==");
    const std::string hash = wheel_hash(package.substr(0, equals), package.substr(equals + 2));
    if (!base::contains(line, "--hash=sha256:" + hash))
      return said(1, "", "error: Hash mismatch for `" + package + "`");
    words.push_back(package);
  }
  return said(0, "");
}

inline host::Outcome pip(World& world, const fs::path& env, std::vector<std::string> words) {
  const std::string verb = words.front();
  words.erase(words.begin());
  return verb == "install" ? pip_install(world, env, words) : pip_uninstall(world, env, words);
}

// The import that compiles an extension, into two files of which the second is the library.
inline host::Outcome compile_extension(World& world, const std::string& imports) {
  const std::string module = imports.substr(0, imports.find('.')) + "_ext";
  const fs::path folder = world.at(world.environment.at("TORCH_EXTENSIONS_DIR")) / module;
  if (fs::exists(folder / "lock")) return said(1, "", "waits for ever");
  put(folder / "lock", "");
  if (!world.compiles)
    return said(1, "[1/2] nvcc one.cu\none.cu(3): error: identifier \"x\" is undefined\nFAILED: one.o\n",
                "RuntimeError: Error building extension");
  if (!world.spoils.empty() && fs::exists(folder / world.spoils)) return said(1, "ld: error: cut off", "");
  put(folder / "one.o", "object");
  if (world.half) throw Died{};
  put(folder / (module + ".so"), "library for " + world.environment.at("TORCH_CUDA_ARCH_LIST"));
  fs::remove(folder / "lock");
  return said(0, "[1/2] nvcc one.cu\n[2/2] g++ -shared\n");
}

// "import torch, exllamav2_ext"
inline host::Outcome import_extension(const fs::path& env, const std::string& code) {
  const std::string module = code.substr(code.rfind(' ') + 1);
  const fs::path library = env / "lib/python3.11/site-packages" / (module + ".so");
  const bool good = fs::exists(library) && slurp(library) != "of another torch";
  return said(good ? 0 : 1, "", good ? "" : "ImportError: undefined symbol");
}

inline host::Outcome python(World& world, const std::vector<std::string>& argv) {
  const auto code = std::ranges::find(argv, "-c");
  if (code != argv.end() && code + 2 == argv.end())
    return import_extension(world.at(argv[0]).parent_path().parent_path(), argv.back());
  if (code != argv.end()) return compile_extension(world, argv.back());
  auto words = plain_words(argv);  // "venv PATH" or "pip install ..."
  if (words.front() == "venv") return make_venv(world, words.at(1), true);
  words.erase(words.begin());
  if (has_word(argv, "-r")) {
    if (auto checked = with_hashes(world, argv, words); !checked.success()) return checked;
  }
  return pip(world, world.at(argv[0]).parent_path().parent_path(), std::move(words));
}

inline host::Outcome uv(World& world, const std::vector<std::string>& argv) {
  auto words = plain_words(argv);
  if (words.front() == "venv") return make_venv(world, words.at(1), false);
  words.erase(words.begin());
  if (words.front() == "compile") return uv_compile(world, argv);
  if (has_word(argv, "--offline") && !world.cached)
    return said(1, "", "  cause: Because numpy was not found in the cache");
  const auto index = std::ranges::find(argv, "--index-url");
  if (index != argv.end() && words.front() == "install" && world.liars.contains(*(index + 1)))
    return said(1, "", world.liars.at(*(index + 1)));
  if (has_word(argv, "-r")) {
    if (auto checked = with_hashes(world, argv, words); !checked.success()) return checked;
  }
  const auto at = std::ranges::find(argv, "--python") + 1;
  return pip(world, world.at(*at).parent_path().parent_path(), std::move(words));
}

// The list that conda keeps of its environments.
inline void note_conda_env(const World& world, const std::string& path) {
  const fs::path list = world.at("/home/somebody/.conda/environments.txt");
  const std::string old = slurp(list);
  if (!base::contains(old, path + "\n")) put(list, old + path + "\n");
}

// An installer as Miniconda's, run with -b -p PREFIX: it wants nothing to be there.
inline host::Outcome conda_installer(World& world, const std::vector<std::string>& argv) {
  const std::string& prefix = argv.at(4);
  if (slurp(world.at(argv.at(1))) != kCondaInstaller) return said(1, "", "no installer");
  if (fs::exists(world.at(prefix)))
    return said(1, "", "ERROR: File or directory already exists: '" + prefix + "'");
  put(world.at(prefix + "/conda-meta/history"), "==> a day <==\n");
  if (world.half) throw Died{};
  for (const char* program : {"conda", "python"})
    put(world.at(prefix + "/bin/" + program), program, fs::perms(0755));
  put(world.at(prefix + "/.condarc"), "channels: [its own]\n");
  note_conda_env(world, prefix);
  return said(0, "installation finished.");
}

inline host::Outcome conda(World& world, const std::vector<std::string>& argv) {
  if (!world.failure.empty()) return said(1, "", world.failure);
  const std::string path = *(std::ranges::find(argv, "--prefix") + 1);
  put(world.at(path + "/conda-meta/history"), "==> a day <==\n");
  put(world.at(path + "/bin/python"), "python", fs::perms(0755));
  if (world.half) throw Died{};
  for (const char* name : {"pip-25.0", "setuptools-80.0", "wheel-0.45"})
    put(world.at(path + "/lib/python3.11/site-packages/" + name + ".dist-info/RECORD"), name);
  note_conda_env(world, path);
  return said(0, "");
}

inline host::Outcome modprobe(World& world, const std::vector<std::string>& argv) {
  std::string text = slurp(world.at("/proc/modules"));
  const auto words = plain_words(argv);
  if (!has_word(argv, "-r")) {
    put(world.at("/proc/modules"), words[0] + " 1 0\n" + words[0] + "_uvm 1 0\n" + text);
    return said(0, "");
  }
  std::string left;
  for (const auto line : base::lines(text)) {
    if (!has_word(words, base::words(line)[0])) left += std::string(line) + "\n";
  }
  put(world.at("/proc/modules"), left);
  return said(0, "");
}

// Links and processes are files here.
inline host::Outcome systemctl(World& world, const std::vector<std::string>& argv) {
  const fs::path link = world.at("/etc/systemd/system/multi-user.target.wants/" + argv.at(2));
  const fs::path processes = world.at("/sys/fs/cgroup/system.slice/" + argv.at(2) + "/cgroup.procs");
  if (argv[1] == "enable") put(link, "link");
  if (argv[1] == "disable") fs::remove(link);
  if (argv[1] == "restart" && !fs::exists(link)) return said(5, "", "Unit not found.");
  if (argv[1] == "restart") put(processes, "42\n");
  if (argv[1] == "stop") fs::remove(processes);
  return said(0, "");
}

inline void dnf_rows(std::string& out, const char* heading, const std::vector<std::string>& names) {
  if (names.empty()) return;
  out += std::string(heading) + ":\n";
  for (const std::string& name : names) out += " " + name + "\n        x86_64   1.0   fake   10 k\n";
}

inline host::Outcome dnf_versionlock(World& world, const std::vector<std::string>& words) {
  const fs::path file = world.at("/etc/dnf/plugins/versionlock.list");
  std::set<std::string> lines;
  const std::string text = slurp(file);
  for (const auto line : base::lines(text)) lines.insert(std::string(line));
  for (std::size_t i = 2; i < words.size(); ++i) {
    // A pattern of name and version locks what the archive has of it; a name in any version is taken out.
    if (const auto star = words[i].rfind('*', words[i].size() - 2); star != std::string::npos) {
      const std::string branch = words[i].substr(star + 1, words[i].size() - star - 2);
      for (const auto& [name, package] : world.archive) {
        if (package.version.starts_with(branch)) lines.insert(name + "-3:" + package.version + "-1.*");
      }
      continue;
    }
    if (words[1] == "add") lines.insert(words[i] + "-0:1.0-1.*");
    if (words[1] != "add")
      std::erase_if(lines, [&](const std::string& line) { return line.starts_with(words[i] + "-"); });
  }
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  put(file, out);
  return said(0, "");
}

inline host::Outcome dnf(World& world, const std::vector<std::string>& argv) {
  const auto words = plain_words(argv);
  const std::string& verb = words.front();
  if (verb == "versionlock") return dnf_versionlock(world, words);
  if (verb == "module") {
    const std::string name = words.at(2).substr(0, words.at(2).find(':'));
    const std::string stream = words[1] == "enable" ? words[2].substr(name.size() + 1) : "";
    put(world.at("/etc/dnf/modules.d/" + name + ".module"),
        "[" + name + "]\nname=" + name + "\nstream=" + stream +
            "\nstate=" + (stream.empty() ? "" : "enabled") + "\n");
    return said(0, "");
  }
  Packages packages(world, true);
  Transaction transaction;
  const std::vector<std::string> names(words.begin() + 1, words.end());
  if (verb == "install") {
    for (const std::string& name : names) plan_one(world, packages, name, transaction);
  } else {
    transaction.removes = names;
  }
  if (!transaction.unknown.empty())
    return said(1, "", "Error: Unable to find a match: " + transaction.unknown);
  std::string out = "Dependencies resolved.\n====\n Package   Arch   Version\n====\n";
  dnf_rows(out, "Installing", transaction.installs);
  dnf_rows(out, "Removing", transaction.removes);
  dnf_rows(out, "Downgrading", transaction.downgrades);
  out += "\nTransaction Summary\n====\n";
  if (has_word(argv, "--assumeno")) return said(1, out, "Operation aborted.");
  for (const std::string& name : transaction.removes) packages.remove(name);
  for (const std::string& name : transaction.installs) packages.unpack(name);
  for (const std::string& name : transaction.installs) packages.configure(name);
  return said(0, out);
}

// curl as a hub is asked through it: its options come on standard input.
inline host::Outcome hub_curl(World& world) {
  const auto option = [&world](const std::string& name) -> std::string {
    const std::size_t at = ("\n" + world.input).find("\n" + name + " = ");
    if (at == std::string::npos) return "";
    std::string value = world.input.substr(at + name.size() + 3);
    value.resize(value.find('\n'));
    return value.starts_with('"') ? value.substr(1, value.size() - 2) : value;
  };
  const std::string url = option("url");
  const bool there = world.web.contains(url);
  if (base::contains(world.input, "\nhead\n"))
    return said(0, there ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(world.web.at(url).size()) +
                               "\r\n\r\n"
                         : "HTTP/1.1 404 Not Found\r\n\r\n");
  if (!there) return said(22, "404", "curl: (22) 404");
  const fs::path part = world.at(option("output"));
  const std::string have = slurp(part);
  const std::string more = world.web.at(url).substr(std::min(have.size(), world.web.at(url).size()));
  const std::size_t size = std::min(world.half ? more.size() / 2 : more.size(), world.store_gives);
  put(part, have + more.substr(0, size));
  if (world.half) throw Died{};
  return size == more.size() ? said(0, "200") : said(18, "200", "curl: (18) transfer closed");
}

inline Result<host::Outcome> run_program(World& world, const std::vector<std::string>& argv) {
  const std::string& name = argv.at(0);
  if (name == "apt-get") return apt_get(world, argv);
  if (name == "sha256sum") return sha256sum(world, argv);
  if (name == "dpkg-deb") return dpkg_deb(world, argv);
  if (name == "mokutil") return mokutil(world, argv);
  if (name == "apt-cache") return apt_cache_show(world, argv);
  if (name == "sleep") {
    ++world.slept;
    return said(0, "");
  }
  if (name == "dpkg") return dpkg(world, argv);
  if (name == "apt-mark") return apt_mark(world, argv);
  if (name == "dnf") return dnf(world, argv);
  if (name == "rpm" && argv.at(1) == "-e") {
    Packages packages(world, true);
    packages.all.erase("gpg-pubkey");
    packages.save();
    return said(0, "");
  }
  if (name == "rpm") return said(0, slurp(world.at("/var/lib/rpm/packages")));
  if (name == "modprobe") return modprobe(world, argv);
  if (name == "systemctl") return systemctl(world, argv);
  if (name == "dkms") {
    Packages(world, false).build_modules();
    return said(0, "");
  }
  if (name == "cp") {
    if (!fs::exists(world.at(argv.at(2)))) return said(1, "", "cp: cannot stat '" + argv[2] + "'");
    const std::string text = slurp(world.at(argv[2]));
    put(world.at(argv.at(3)), world.half ? text.substr(0, text.size() / 2) : text);
    if (world.half) throw Died{};
    return said(0, "");
  }
  if (name == "/bin/bash") return conda_installer(world, argv);
  if (name == "/usr/bin/curl" && argv.at(1) == "--disable") return hub_curl(world);
  if (name == "/usr/bin/curl") {
    if (!world.web.contains(argv.back())) return said(22, "", "curl: (22) 404");
    return said(0, world.web.at(argv.back()));
  }
  if (!fs::exists(world.at(name))) return Error(Errc::absent, "no program " + name);
  if (name.ends_with("/uv")) return uv(world, argv);
  if (name.ends_with("/bin/conda")) return conda(world, argv);
  return python(world, argv);
}

}  // namespace bringup::apply::fake
