// SPDX-License-Identifier: Apache-2.0
// What goes into a bundle, and bringing it: apt tells what it would fetch, curl fetches.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20U;
constexpr int kMostTries = 5;
constexpr const char* kPreferences = "/pins/etc/apt/preferences.d";

// apt with a state of its own, in which nothing is installed.
std::vector<std::string> private_apt(const PrivateApt& apt, std::vector<std::string> words) {
  std::vector<std::string> argv{"apt-get"};
  const std::string& work = apt.work;
  for (const std::string& option :
       {"Dir::Etc::sourcelist=" + work + "/sources.list", std::string("Dir::Etc::sourceparts=/dev/null"),
        std::string("Dir::Etc::preferences=/dev/null"), "Dir::Etc::preferencesparts=" + work + kPreferences,
        "Dir::State=" + work + "/state", "Dir::State::lists=" + work + "/lists",
        "Dir::State::status=" + work + "/status", "Dir::State::extended_states=" + work + "/extended",
        "Dir::Cache=" + work + "/cache", std::string("APT::Sandbox::User="),
        std::string("Debug::NoLocking=1"), std::string("Acquire::Languages=none"),
        std::string("Acquire::Retries=3"), std::string("APT::Immediate-Configure=false"),
        std::string("Acquire::ForceHash=sha256")})
    argv.insert(argv.end(), {"-o", option});
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Result<> make_directories(const std::string& path, host::Control& control) {
  for (const std::string& directory : missing_parents(path + "/x", control.view()))
    TRY(control.make_directory(directory, 0755, std::nullopt));
  return ok;
}

Result<std::string> ask(host::Control& control, const std::vector<std::string>& argv) {
  const host::Outcome outcome = TRY(control.run({.argv = argv, .deadline = std::chrono::minutes(30)}));
  if (!outcome.success()) return trouble_of(argv, outcome);
  return outcome.out;
}

// "http://deb.debian.org/debian" as it begins the names of apt's lists, which write "/" as "_" and "_" as
// "%5f".
std::string as_list_name(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string out;
  for (const char c : url) {
    if (c == '/')
      out += '_';
    else if (std::string_view("\\|{}[]<>\"^~_=!@#$%&*").find(c) != std::string_view::npos)
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

Result<std::string> sha256_of(const std::string& path, const host::View& view) {
  base::Digest digest(base::Digest::Kind::sha256);
  for (std::uint64_t at = 0;;) {
    const std::string piece = TRY(view.read_part(path, at, kPiece));
    if (piece.empty()) return digest.hex();
    digest.add(piece);
    at += piece.size();
  }
}

std::uint64_t size_of(const std::string& path, const host::View& view) {
  const auto status = view.status(path);
  return status ? status->size : 0;
}

bool is_there(const std::string& path, const BundleFile& file, const host::View& view) {
  const auto status = view.status(path);
  if (!status || status->kind != host::FileStatus::Kind::file || status->size != file.size) return false;
  const auto hash = sha256_of(path, view);
  return hash && *hash == file.sha256;
}

// A part that was complete and wrong is fetched anew once.
Result<> fetch_one(const std::string& path, const BundleFile& file, host::Control& control,
                   const std::function<void(std::uint64_t)>& come) {
  const std::string part = path + ".part";
  bool anew = false;
  for (int tries = 0;; ++tries) {
    const std::uint64_t have = size_of(part, control.view());
    if (have > file.size) TRY(control.remove_file(part, std::nullopt));
    if (have < file.size) {
      host::Command command =
          host::hub_download({.endpoint = "", .token = {}}, file.url, part, have, file.size);
      command.on_output = [&](std::string_view) { come(size_of(part, control.view())); };
      const host::Outcome outcome = TRY(control.run(command));
      if (!outcome.success() && tries >= kMostTries) return host::curl_trouble(file.url, outcome);
      if (!outcome.success() && !host::pause(std::chrono::milliseconds(500) * (tries + 1)))
        return Error(Errc::cancelled, "stopped; the same command goes on");
      if (!outcome.success()) continue;
    }
    if (size_of(part, control.view()) == file.size && TRY(sha256_of(part, control.view())) == file.sha256)
      return control.move_file(part, path, std::nullopt);
    TRY(control.remove_file(part, std::nullopt));
    if (anew || tries >= kMostTries)
      return Error(Errc::failed, fmt::format("{}: what came has not the hash that it should have: {}; the "
                                             "index may have changed meanwhile, so try again",
                                             file.url, file.sha256));
    anew = true;
  }
}

Result<> fetch_from_either(const std::string& path, const BundleFile& file, host::Control& control,
                           const std::function<void(std::string_view)>& say,
                           const std::function<void(std::uint64_t)>& come) {
  auto fetched = fetch_one(path, file, control, come);
  if (fetched || file.other_url.empty() || fetched.error().code() == Errc::cancelled) return fetched;
  if (say)
    say(fmt::format("{}; {} is asked instead", fetched.error().message(), without_secrets(file.other_url)));
  BundleFile other = file;
  other.url = file.other_url;
  return fetch_one(path, other, control, come);
}

// Stays below the directory that it is joined to, and steers no terminal.
bool stays_below(std::string_view path) {
  return std::ranges::none_of(base::split(path, '/'), [](std::string_view part) { return part == ".."; }) &&
         std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

// Where what lies at `url` goes: as the index has it, though apt writes some characters of the address as
// %xx, and flat archives begin each name with "./".
Result<std::string> place_of(std::string_view url, const std::vector<BundleArchive>& archives) {
  const auto archive =
      std::ranges::find_if(archives, [url](const BundleArchive& one) { return url.starts_with(one.url); });
  if (archive == archives.end())
    return Error(Errc::unsupported, fmt::format("{} lies outside of the archives that were asked", url));
  std::string path = archive->below;
  for (std::size_t i = archive->url.size(); i < url.size(); ++i) {
    const auto byte = url[i] == '%' ? base::to_hex(url.substr(i + 1, 2)) : std::nullopt;
    path += byte ? static_cast<char>(*byte) : url[i];
    if (byte) i += 2;
  }
  for (std::size_t at = path.find("/./"); at != std::string::npos; at = path.find("/./")) path.erase(at, 2);
  if (stays_below(path)) return path;
  return Error(Errc::malformed,
               fmt::format("apt names a file outside its archive: {}", base::harmless(url.substr(0, 200))));
}

}  // namespace

Result<std::vector<BundleFile>> parse_print_uris(std::string_view output,
                                                 const std::vector<BundleArchive>& archives) {
  std::vector<BundleFile> files;
  for (const std::string_view line : base::lines(output)) {
    if (!line.starts_with('\'')) continue;
    const auto words = base::words(line);
    constexpr std::string_view kHash = "SHA256:";
    const auto size = words.size() == 4 ? base::to_integer(words[2]) : std::nullopt;
    if (!size || *size < 0 || !words[3].starts_with(kHash) ||
        !base::is_sha256(words[3].substr(kHash.size())) || words[0].size() < 3 || !words[0].ends_with('\''))
      return Error(Errc::malformed,
                   fmt::format("apt says something unexpected: {}", base::harmless(line.substr(0, 200))));
    const std::string_view url = words[0].substr(1, words[0].size() - 2);
    files.push_back({.path = TRY(place_of(url, archives)),
                     .size = static_cast<std::uint64_t>(*size),
                     .sha256 = std::string(words[3].substr(kHash.size())),
                     .url = std::string(url)});
  }
  return files;
}

std::vector<BundleFile> parse_release(std::string_view text, std::string_view architecture) {
  std::vector<BundleFile> files;
  std::optional<BundleFile> flat;
  const std::string end = fmt::format("/binary-{}/Packages.xz", architecture);
  bool inside = false;
  for (const std::string_view line : base::lines(text)) {
    if (!line.starts_with(' ')) inside = line == "SHA256:";
    if (!inside) continue;
    const auto words = base::words(line);
    const auto size = words.size() == 3 ? base::to_integer(words[1]) : std::nullopt;
    if (!size || *size < 0 || !base::is_sha256(words[0])) continue;
    BundleFile file{.path = std::string(words[2]),
                    .size = static_cast<std::uint64_t>(*size),
                    .sha256 = std::string(words[0])};
    const bool plain = file.path == "Packages" || file.path == "Packages.gz" || file.path == "Packages.xz";
    if (plain && (!flat || file.size < flat->size)) flat = file;
    if (file.path == file.path.substr(0, file.path.find('/')) + end)  // not the installer's
      files.push_back(std::move(file));
  }
  if (files.empty() && flat) files.push_back(std::move(*flat));
  return files;
}

namespace {

// What the Release file `name` among apt's lists, verified by apt, promises of one archive.
Result<> add_index(const PrivateApt& apt, const BundleArchive& archive, const std::string& name,
                   std::string_view architecture, const host::View& view, std::vector<BundleFile>& files) {
  constexpr std::string_view kRelease = "_InRelease";
  constexpr std::string_view kDists = "_dists_";
  const std::string start = as_list_name(archive.url);
  if (!name.starts_with(start + "_") || !name.ends_with(kRelease)) return ok;
  std::string below = name.substr(start.size(), name.size() - start.size() - kRelease.size());
  if (below.starts_with(kDists)) below = fmt::format("dists/{}/", below.substr(kDists.size()));
  const std::string text = TRY(view.read(apt.work + "/lists/" + name));
  files.push_back({.path = archive.below + below + "InRelease",
                   .size = text.size(),
                   .sha256 = base::sha256_hex(text),
                   .url = archive.url + below + "InRelease"});
  for (BundleFile& index : parse_release(text, architecture)) {
    const std::string component = index.path.substr(0, index.path.find('/'));
    if (!below.empty() && !base::contains(archive.sources, " " + component)) continue;
    index.url = archive.url + below + index.path;
    index.path = archive.below + below + index.path;
    files.push_back(std::move(index));
  }
  return ok;
}

Result<std::vector<BundleFile>> would_fetch(const PrivateApt& apt, const std::vector<std::string>& packages,
                                            host::Control& control) {
  std::vector<std::string> words{"install", "--print-uris", "-y", "-qq", "--no-install-recommends"};
  words.insert(words.end(), packages.begin(), packages.end());
  return parse_print_uris(TRY(ask(control, private_apt(apt, std::move(words)))), apt.archives);
}

// What these packages say to apt is laid where the private one reads it.
Result<> follow_pins(const PrivateApt& apt, const std::vector<std::string>& pins, host::Control& control) {
  if (pins.empty()) return ok;
  const auto files = TRY(would_fetch(apt, pins, control));
  TRY(fetch_bundle(apt.work, files, control, nullptr));
  for (const BundleFile& file : files) {
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    const bool wanted =
        std::ranges::any_of(pins, [&name](const std::string& pin) { return name.starts_with(pin + "_"); });
    if (wanted) TRY(ask(control, {"dpkg-deb", "-x", apt.work + "/" + file.path, apt.work + "/pins"}));
  }
  return ok;
}

}  // namespace

Result<std::vector<BundleFile>> archive_files(const PrivateApt& apt, const std::vector<std::string>& pins,
                                              const std::vector<std::string>& packages,
                                              host::Control& control) {
  for (const char* below : {"/lists/partial", "/cache/archives/partial", "/state", kPreferences})
    TRY(make_directories(apt.work + below, control));
  std::string sources;
  for (const BundleArchive& archive : apt.archives) sources += archive.sources;
  TRY(control.write(apt.work + "/sources.list", sources, 0644, std::nullopt));
  TRY(control.write(apt.work + "/status", "", 0644, std::nullopt));
  if (!apt.preferences.empty())
    TRY(control.write(apt.work + kPreferences + "/bringup", apt.preferences, 0644, std::nullopt));
  TRY(ask(control, private_apt(apt, {"update", "--error-on=any"})));
  TRY(follow_pins(apt, pins, control));
  std::vector<std::string> all = pins;
  all.insert(all.end(), packages.begin(), packages.end());
  auto files = TRY(would_fetch(apt, all, control));
  std::string architecture = TRY(ask(control, {"dpkg", "--print-architecture"}));
  architecture = std::string(base::trim(architecture));
  const auto lists = TRY(control.view().list(apt.work + "/lists"));
  for (const BundleArchive& archive : apt.archives) {
    const std::size_t before = files.size();
    for (const std::string& name : lists)
      TRY(add_index(apt, archive, name, architecture, control.view(), files));
    if (files.size() == before)
      return Error(Errc::unsupported,
                   fmt::format("{}: has no InRelease that a bundle could carry", archive.url));
  }
  return files;
}

Result<> fetch_bundle(const std::string& directory, const std::vector<BundleFile>& files,
                      host::Control& control, const BundleMeter& meter,
                      const std::function<void(std::string_view)>& say) {
  std::uint64_t before = 0;
  for (const BundleFile& file : files) {
    if (host::interrupted()) return Error(Errc::cancelled, "stopped; the same command goes on");
    const std::string path = directory + "/" + file.path;
    TRY(make_directories(path.substr(0, path.rfind('/')), control));
    if (!is_there(path, file, control.view())) {
      TRY(control.remove_file(path, std::nullopt));
      TRY(fetch_from_either(path, file, control, say, [&](std::uint64_t come) {
        if (meter) meter(before + std::min(come, file.size));
      }));
    }
    before += file.size;
    if (meter) meter(before);
  }
  return ok;
}

Result<std::vector<BundleFile>> fetch_bundle_models(const std::string& directory,
                                                    const std::vector<steps::FetchModelFile>& files,
                                                    host::Control& control, const host::Clock& clock,
                                                    const steps::PlanUser& user, const std::string& hub,
                                                    const std::function<void(std::string_view)>& say) {
  const Hands hands{.view = control.view(),
                    .control = &control,
                    .user = user,
                    .clock = &clock,
                    .hub = hub,
                    .patience = std::chrono::seconds(90),
                    .say = {}};
  std::vector<BundleFile> out;
  for (const steps::FetchModelFile& file : files) {
    if (host::interrupted()) return Error(Errc::cancelled, "stopped; the same command goes on");
    const std::string path = file.directory + "/" + file.file;
    if (!TRY(holds(file, hands))) {
      if (say) say(fmt::format("{}/{}, {}", file.repo, file.file, base::human_bytes(file.size)));
      TRY(control.remove_file(path, std::nullopt));
      TRY(perform(file, hands));
    }
    const std::string sha256 = file.sha256.empty() ? TRY(sha256_of(path, control.view())) : file.sha256;
    out.push_back({.path = path.substr(directory.size() + 1),
                   .size = file.size,
                   .sha256 = sha256,
                   .git_sha = file.git_sha});
  }
  // What the fetching notes beside them is of no use to others.
  for (const steps::FetchModelFile& file : files)
    TRY(control.remove_tree(file.directory + "/.cache", std::nullopt));
  return out;
}

}  // namespace bringup::apply
