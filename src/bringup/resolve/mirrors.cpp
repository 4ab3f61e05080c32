// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/mirrors.hpp>

#include <algorithm>

namespace bringup::resolve {
namespace {

constexpr std::string_view kRepos = "/repos/";
constexpr std::string_view kSecurity = "debian-security";

constexpr std::string_view kDists = "dists/";

// What the catalog and the goal call a copy of a place.
std::string_view copy_of(const facts::Source& place) {
  if (place.name == "nvidia") return "cuda";
  if (place.name == "distro") {
    for (const std::string_view archive : {"debian", "ubuntu"}) {
      if (place.url.find("/" + std::string(archive) + "/dists/") != std::string::npos) return archive;
    }
  }
  return place.name == "miniconda" || place.name == "conda-forge" ? "conda" : std::string_view(place.name);
}

// A mirror of NVIDIA's repositories begins where those for the distributions do; of an archive the index of
// the same release is asked for; one of Anaconda's server has
// installers and channels; a file is asked for by its own name.
std::string address(const facts::Source& place, const std::string& url) {
  const std::string file = place.url.substr(place.url.rfind('/') + 1);
  if (place.name == "miniconda") return url + "miniconda/" + file;
  if (place.name == "miniforge") return url + file;
  if (place.name == "conda-forge") return url + "cloud/conda-forge/" + std::string(kChannelIndex);
  if (place.name == "distro") return url + place.url.substr(place.url.rfind(kDists));
  if (place.name != "nvidia") return url;
  const std::size_t at = place.url.find(kRepos);
  return at == std::string::npos ? "" : url + place.url.substr(at + kRepos.size());
}

void add(const std::vector<facts::Source>& places, std::string_view what, const std::string& url,
         const std::string& profile, bool links, std::vector<facts::Source>& out) {
  for (const facts::Source& place : places) {
    if (copy_of(place) != what) continue;
    std::string whole = address(place, url);
    if (!whole.empty())
      out.push_back({.name = place.name, .url = std::move(whole), .mirror = profile, .links = links});
  }
}

// What answers for a place by way of whose mirror it goes: the place itself first, then by how fast it was.
std::vector<facts::Source> other_ways(const std::vector<facts::Source>& asked,
                                      const std::vector<facts::Source>& mirrors,
                                      const std::vector<facts::Source>& taken) {
  std::vector<facts::Source> out;
  for (const auto* list : {&asked, &mirrors}) {
    for (const facts::Source& one : *list) {
      const auto way = std::ranges::find(taken, one.name, &facts::Source::name);
      const bool mirrored = way != taken.end() && !way->mirror.empty();
      if (mirrored && one.answered_seconds && one.url != way->url && !one.links) out.push_back(one);
    }
  }
  std::ranges::stable_sort(out, [](const facts::Source& a, const facts::Source& b) {
    if (a.mirror.empty() != b.mirror.empty()) return a.mirror.empty();
    return *a.answered_seconds < *b.answered_seconds;
  });
  return out;
}

bool better(const facts::Source& one, const facts::Source& than) {
  if (!one.answered_seconds) return false;
  return !than.answered_seconds || *one.answered_seconds < *than.answered_seconds;
}

}  // namespace

std::string security_mirror(const facts::Source& distro, const goal::Goal& goal,
                            const catalog::Catalog& catalog) {
  if (copy_of(distro) == "ubuntu" || distro.mirror.empty()) return archive_of(distro);
  const auto own = std::ranges::find(goal.mirror_urls, kSecurity, &goal::MirrorUrl::what);
  if (own != goal.mirror_urls.end()) return own->url;
  for (const catalog::Mirror& mirror : catalog.mirrors) {
    if (mirror.profile == distro.mirror && mirror.what == kSecurity) return mirror.url;
  }
  return "";
}

std::string archive_of(const facts::Source& distro) {
  return distro.url.substr(0, distro.url.rfind(kDists));
}

std::vector<facts::Source> mirrors_of(const std::vector<facts::Source>& places, const goal::Goal& goal,
                                      const catalog::Catalog& catalog) {
  std::vector<facts::Source> out;
  for (const goal::MirrorUrl& own : goal.mirror_urls)
    add(places, own.what, own.url, "of the goal", false, out);
  if (goal.mirrors == "none" || goal.mirrors.empty()) return out;
  for (const catalog::Mirror& mirror : catalog.mirrors) {
    if (goal.mirrors == "auto" || goal.mirrors == mirror.profile)
      add(places, mirror.what, mirror.url, mirror.profile, mirror.form == "links", out);
  }
  return out;
}

std::vector<facts::Source> settled(std::vector<facts::Source> places,
                                   const std::vector<facts::Source>& mirrors, const goal::Goal& goal) {
  const bool fastest = goal.mirrors == "auto";
  const std::vector<facts::Source> asked = places;
  for (facts::Source& place : places) {
    facts::Source best = place;
    for (const facts::Source& mirror : mirrors) {
      if (mirror.name != place.name) continue;
      const bool asked_for = !fastest && mirror.answered_seconds && best.mirror.empty();
      if (asked_for || better(mirror, best)) best = mirror;
    }
    place = std::move(best);
  }
  std::vector<facts::Source> others = other_ways(asked, mirrors, places);
  places.insert(places.end(), others.begin(), others.end());
  return places;
}

std::vector<facts::Source> silent_mirrors(const std::vector<facts::Source>& taken,
                                          const std::vector<facts::Source>& mirrors, const goal::Goal& goal) {
  std::vector<facts::Source> out;
  for (const facts::Source& mirror : mirrors) {
    const auto way = std::ranges::find(taken, mirror.name, &facts::Source::name);
    if (goal.mirrors != "auto" && !mirror.answered_seconds && way != taken.end() && way->mirror.empty())
      out.push_back(mirror);
  }
  return out;
}

}  // namespace bringup::resolve
