// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/index.hpp>
#include <bringup/catalog/refresh.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace bringup::catalog {
namespace {

// What the index says of one release of one package.
struct Release {
  Version version;
  std::vector<std::string> pythons;
  std::optional<Version> glibc;  // the least that any of its wheels asks for
  std::string metadata_url;      // "" when the index serves none
};

class Index {
 public:
  Index(std::string_view url, const Fetch& fetch) : url_(url), fetch_(fetch) {
    if (!url_.ends_with('/')) url_ += '/';
  }

  // Releases with a wheel for Linux on x86_64, oldest first.
  Result<std::vector<Release>> releases(const std::string& package) const {
    const std::string page = url_ + package + "/";
    std::vector<Release> out;
    for (const IndexFile& file : parse_index(TRY(fetch_(page)), page)) {
      const auto wheel = file.yanked ? std::nullopt : parse_wheel_name(file.name);
      if (!wheel || !is_release(wheel->version)) continue;
      const bool anywhere = wheel->platform == "any";
      const auto glibc = glibc_of_platform(wheel->platform);
      const auto version = Version::parse(wheel->version);
      if ((!glibc && !anywhere) || !version) continue;
      auto at = std::ranges::find(out, *version, &Release::version);
      if (at == out.end())
        at = out.insert(out.end(), {.version = *version, .pythons = {}, .glibc = {}, .metadata_url = ""});
      const auto python = python_of_tag(wheel->python);
      if (python && wheel->abi == wheel->python &&
          std::ranges::find(at->pythons, *python) == at->pythons.end())
        at->pythons.push_back(*python);
      if (glibc && (!at->glibc || *glibc < *at->glibc)) at->glibc = glibc;
      if (file.metadata && (at->metadata_url.empty() || python == "3.11"))
        at->metadata_url = file.url + ".metadata";
    }
    for (Release& release : out) {
      std::ranges::sort(release.pythons, [](const std::string& a, const std::string& b) {
        return *Version::parse(a) < *Version::parse(b);
      });
    }
    std::ranges::sort(out, {}, &Release::version);
    return out;
  }

  // PEP 658 where the index serves it, else PyPI's own JSON beside the index: about the release, or about the
  // newest.
  Result<Metadata> metadata(const std::string& package, const Release& release) const {
    if (!release.metadata_url.empty()) return parse_metadata(TRY(fetch_(release.metadata_url)));
    const std::string& version = release.version.text;
    if (url_.ends_with("/simple/")) {
      const std::string about =
          url_.substr(0, url_.size() - std::string_view("simple/").size()) + "pypi/" + package;
      for (const std::string& url : {about + "/" + version + "/json", about + "/json"}) {
        if (json_.contains(url)) continue;  // it was of another release, or not there
        const auto text = fetch_(url);
        if (auto found = text ? parse_json_metadata(*text, version) : std::nullopt) return *std::move(found);
        if (text && url.ends_with(package + "/json")) json_.insert(url);
      }
    }
    return Error(Errc::absent, fmt::format("the index serves no metadata of {} {}", package, version));
  }

 private:
  std::string url_;
  const Fetch& fetch_;
  mutable std::set<std::string> json_;  // documents that are of no release but the newest
};

// Which release of a companion is built for which torch, by its pin: torch -> companion, the newest of
// several.
std::map<std::string, std::string> pins_of(const Index& index, const std::string& package,
                                           const Version& since) {
  std::map<std::string, std::string> out;
  const auto releases = index.releases(package);
  if (!releases) return out;
  for (const Release& release : *releases) {
    if (release.version < since) continue;
    const auto metadata = index.metadata(package, release);
    const auto torch = metadata ? pinned_to(*metadata, "torch") : std::nullopt;
    if (torch) out[*torch] = release.version.text;
  }
  return out;
}

// The newest of each minor release: what the catalog has rows of.
std::vector<Release> last_patches(std::vector<Release> releases) {
  std::vector<Release> out;
  for (Release& release : releases) {
    if (!out.empty() && out.back().version.major() == release.version.major() &&
        out.back().version.minor() == release.version.minor())
      out.back() = std::move(release);
    else
      out.push_back(std::move(release));
  }
  return out;
}

class Comparison {
 public:
  Comparison(const Catalog& catalog, const Index& index, std::string_view today)
      : catalog_(catalog), index_(index), today_(today) {}

  Result<> wheels() {
    std::vector<Release> torches = TRY(index_.releases("torch").within("torch"));
    const Version oldest = catalog_.wheels.empty() ? Version{} : catalog_.wheels.back().torch;
    std::erase_if(torches, [&oldest](const Release& one) {
      return std::pair(one.version.major(), one.version.minor()) < std::pair(oldest.major(), oldest.minor());
    });
    visions_ = index_.releases("torchvision").value_or({});
    vision_ = pins_of(index_, "torchvision", *Version::parse("0.15"));
    audio_ = pins_of(index_, "torchaudio", oldest);
    std::vector<Release> last = last_patches(torches);
    std::ranges::reverse(last);  // newest first
    for (const Release& torch : last) one_torch(torch);
    for (const WheelSet& row : catalog_.wheels) leftover(row, torches);
    const auto elsewhere =
        std::ranges::count_if(catalog_.wheels, [](const WheelSet& row) { return row.index != "pypi"; });
    if (elsewhere > 0)
      tell(Standing::unconfirmed, "wheels", "@pytorch",
           fmt::format("{} rows are of the PyTorch index, which was not asked", elsewhere));
    return ok;
  }

  void companions() {
    std::vector<std::string> done;
    for (const Companion& row : catalog_.companions) {
      if (std::ranges::find(done, row.package) != done.end()) continue;
      done.push_back(row.package);
      one_companion(row);
    }
  }

  Refreshed take() { return std::move(out_); }

 private:
  void tell(Standing standing, std::string_view table, std::string key, std::string text) {
    out_.rows.push_back(
        {.standing = standing, .table = std::string(table), .key = std::move(key), .text = std::move(text)});
  }

  void one_torch(const Release& torch) {
    const auto metadata = index_.metadata("torch", torch);
    const auto variant = metadata ? variant_of(*metadata) : std::nullopt;
    const std::string unread = !metadata ? metadata.error().message() : "what it requires names no one CUDA";
    bool any = false;
    for (const WheelSet& row : catalog_.wheels) {
      if (row.index != "pypi" || row.torch != torch.version) continue;
      any = true;
      hold(row, torch, variant, unread);
    }
    if (any) return;
    if (!variant)
      return tell(Standing::unconfirmed, "wheels", torch.version.text + "@pypi",
                  "new on the index, and not a row: " + unread);
    add(torch, *variant);
  }

  // A set goes with the Pythons that torch and its torchvision both have wheels for.
  std::vector<std::string> shared_pythons(const Release& torch, const std::string& torchvision) const {
    const auto version = Version::parse(torchvision);
    const auto vision = std::ranges::find_if(
        visions_, [&version](const Release& one) { return version && one.version == *version; });
    std::vector<std::string> out = torch.pythons;
    if (vision != visions_.end() && !vision->pythons.empty())
      std::erase_if(out, [&](const std::string& one) {
        return std::ranges::find(vision->pythons, one) == vision->pythons.end();
      });
    return out;
  }

  // A row against the index: the first that is otherwise is said, then what the index cannot tell.
  void hold(const WheelSet& row, const Release& torch, const std::optional<std::string>& variant,
            const std::string& unread) {
    std::vector<std::string> wrong;
    if (variant && row.variant != *variant) wrong.push_back(fmt::format("the variant is {}", *variant));
    const std::vector<std::string> pythons = shared_pythons(torch, row.torchvision);
    if (row.pythons != pythons) wrong.push_back(fmt::format("the Pythons are {}", base::join(pythons, ", ")));
    if (torch.glibc && row.glibc < *torch.glibc)
      wrong.push_back(fmt::format("glibc {} is asked for", torch.glibc->text));
    const auto vision = vision_.find(row.torch.text);
    if (vision != vision_.end() && vision->second != row.torchvision)
      wrong.push_back(fmt::format("torchvision {} is the newest that is built for it", vision->second));
    const auto audio = audio_.find(row.torch.text);
    if (audio != audio_.end() && row.torchaudio && audio->second != *row.torchaudio)
      wrong.push_back(fmt::format("torchaudio {} is the newest that is built for it", audio->second));
    if (!wrong.empty())
      return tell(Standing::otherwise, "wheels", wheels_key(row), "on the index " + base::join(wrong, "; "));
    std::vector<std::string> open;
    if (!variant) open.push_back("its variant: " + unread);
    if (vision == vision_.end())
      open.push_back(fmt::format("which torch torchvision {} is for", row.torchvision));
    if (row.torchaudio && audio == audio_.end())
      open.push_back(fmt::format("which torch torchaudio {} is for", *row.torchaudio));
    const std::string seen = fmt::format("{}Python {} to {} and glibc agree", variant ? *variant + ", " : "",
                                         row.pythons.front(), row.pythons.back());
    if (open.empty())
      return tell(Standing::confirmed, "wheels", wheels_key(row), seen + ", and so do its companions");
    tell(Standing::unconfirmed, "wheels", wheels_key(row),
         fmt::format("{}; not told by the index: {}{}", seen, base::join(open, ", "),
                     row.from.known == Known::tried ? fmt::format(" (tried on {})", row.from.as_of) : ""));
  }

  // The machine code in a wheel is in no index: it is taken from the nearest row of the same variant, and
  // only a row of the same minor release makes that more than a guess.
  void add(const Release& torch, const std::string& variant) {
    const auto near = std::ranges::find(catalog_.wheels, variant, &WheelSet::variant);
    const bool cuda = variant != "cpu";
    const std::string key = fmt::format("{}+{}@pypi", torch.version.text, variant);
    if (cuda && near == catalog_.wheels.end())
      return tell(Standing::unconfirmed, "wheels", key,
                  "a new variant: which GPUs it has code for is not in an index; install it and look");
    const auto vision = vision_.find(torch.version.text);
    if (vision == vision_.end())
      return tell(Standing::unconfirmed, "wheels", key, "no torchvision of the index names this torch");
    const bool same =
        cuda && near->torch.major() == torch.version.major() && near->torch.minor() == torch.version.minor();
    WheelSet row{.torch = torch.version,
                 .torchvision = vision->second,
                 .torchaudio = std::nullopt,
                 .variant = variant,
                 .cuda = variant_cuda(variant),
                 .index = "pypi",
                 .pythons = shared_pythons(torch, vision->second),
                 .sm = cuda ? near->sm : std::vector<ComputeCapability>{},
                 .ptx = cuda ? near->ptx : std::nullopt,
                 .glibc = torch.glibc.value_or(*Version::parse("2.28")),
                 .works = true,
                 .note = "",
                 .from = {.source = "the index: wheels' names and metadata (PEP 658)",
                          .as_of = std::string(today_),
                          .known = !cuda || same ? Known::read : Known::inferred}};
    if (const auto audio = audio_.find(torch.version.text); audio != audio_.end())
      row.torchaudio = audio->second;
    if (cuda)
      row.note = fmt::format("the list of GPU code is that of torch {} ({})", near->torch.text, variant);
    tell(Standing::added, "wheels", key,
         fmt::format("new on the index: torchvision {}, torchaudio {}, Python {} to {}", row.torchvision,
                     row.torchaudio.value_or("none"), row.pythons.front(), row.pythons.back()));
    out_.added.insert(out_.added.begin(), std::move(row));
  }

  // Rows that the walk over the index's releases did not meet.
  void leftover(const WheelSet& row, const std::vector<Release>& torches) {
    if (row.index != "pypi") return;
    const bool there =
        std::ranges::any_of(torches, [&row](const Release& one) { return one.version == row.torch; });
    const auto last = std::ranges::find_if(out_.rows, [&row](const Compared& one) {
      return one.table == "wheels" && (one.key == wheels_key(row) || one.key == row.torch.text + "@pypi");
    });
    if (!there)
      return tell(Standing::otherwise, "wheels", wheels_key(row),
                  "the index has no such torch for Linux on x86_64");
    if (last == out_.rows.end())
      tell(Standing::otherwise, "wheels", wheels_key(row), "a newer patch of this release is on the index");
  }

  void one_companion(const Companion& newest) {
    const auto releases = index_.releases(newest.package);
    if (!releases || releases->empty())
      return tell(Standing::unconfirmed, "companions", newest.package,
                  releases ? "the index has no wheel of it for Linux on x86_64" : releases.error().message());
    for (const Companion& row : catalog_.companions) {
      if (row.package != newest.package) continue;
      const bool there = std::ranges::any_of(
          *releases, [&row](const Release& one) { return one.version == *Version::parse(row.version); });
      tell(there ? Standing::confirmed : Standing::otherwise, "companions", row.package + "==" + row.version,
           there ? "is on the index" : "is not on the index");
    }
    if (*Version::parse(newest.version) < releases->back().version)
      tell(Standing::unconfirmed, "companions", newest.package + "==" + releases->back().version.text,
           "new on the index; beside which torch it works was not tried");
  }

  const Catalog& catalog_;
  const Index& index_;
  std::string_view today_;
  std::vector<Release> visions_;
  std::map<std::string, std::string> vision_;
  std::map<std::string, std::string> audio_;
  Refreshed out_;
};

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", text);
  return "[" + out + "]";
}

}  // namespace

std::string_view standing_name(Standing standing) {
  constexpr std::array<std::string_view, 4> kNames{"confirmed", "otherwise", "added", "unconfirmed"};
  return kNames.at(static_cast<std::size_t>(standing));
}

std::string wheels_key(const WheelSet& wheels) {
  return fmt::format("{}+{}@{}", wheels.torch.text, wheels.variant, wheels.index);
}

Result<Refreshed> refresh(const Catalog& catalog, std::string_view index, const Fetch& fetch,
                          std::string_view today) {
  const Index asked(index, fetch);
  Comparison comparison(catalog, asked, today);
  TRY(comparison.wheels());
  comparison.companions();
  Refreshed out = comparison.take();
  out.index = std::string(index);
  return out;
}

std::string rows_toml(const std::vector<WheelSet>& rows, std::string_view comment) {
  std::string out = fmt::format("# {}\n", comment);
  for (const WheelSet& row : rows) {
    out +=
        fmt::format("\n[[wheels]]\ntorch = \"{}\"\ntorchvision = \"{}\"\n", row.torch.text, row.torchvision);
    if (row.torchaudio) out += fmt::format("torchaudio = \"{}\"\n", *row.torchaudio);
    std::vector<std::string> sm;
    for (const ComputeCapability compute : row.sm) sm.push_back(compute.text());
    out += fmt::format("variant = \"{}\"\nindex = \"{}\"\npythons = {}\n", row.variant, row.index,
                       quoted_list(row.pythons));
    if (!sm.empty()) out += fmt::format("sm = {}\n", quoted_list(sm));
    if (row.ptx) out += fmt::format("ptx = \"{}\"\n", row.ptx->text());
    out += fmt::format("glibc = \"{}\"\n", row.glibc.text);
    if (!row.note.empty()) out += fmt::format("note = \"{}\"\n", row.note);
    out += fmt::format("source = \"{}\"\nas_of = \"{}\"\nknown = \"{}\"\n", row.from.source, row.from.as_of,
                       known_name(row.from.known));
  }
  return out;
}

}  // namespace bringup::catalog
