// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/mirrors.hpp>

#include <algorithm>

namespace bringup::resolve {
namespace {

constexpr std::string_view kRepos = "/repos/";

// What the catalog and the goal call a copy of a place.
std::string_view copy_of(std::string_view place) {
  if (place == "nvidia") return "cuda";
  return place == "miniconda" || place == "conda-forge" ? "conda" : place;
}

// A mirror of NVIDIA's repositories begins where those for the distributions do; one of Anaconda's server has
// installers and channels; a file is asked for by its own name.
std::string address(const facts::Source& place, const std::string& url) {
  const std::string file = place.url.substr(place.url.rfind('/') + 1);
  if (place.name == "miniconda") return url + "miniconda/" + file;
  if (place.name == "miniforge") return url + file;
  if (place.name == "conda-forge") return url + "cloud/conda-forge/" + std::string(kChannelIndex);
  if (place.name != "nvidia") return url;
  const std::size_t at = place.url.find(kRepos);
  return at == std::string::npos ? "" : url + place.url.substr(at + kRepos.size());
}

void add(const std::vector<facts::Source>& places, std::string_view what, const std::string& url,
         const std::string& profile, bool links, std::vector<facts::Source>& out) {
  for (const facts::Source& place : places) {
    if (copy_of(place.name) != what) continue;
    std::string whole = address(place, url);
    if (!whole.empty())
      out.push_back({.name = place.name, .url = std::move(whole), .mirror = profile, .links = links});
  }
}

bool better(const facts::Source& one, const facts::Source& than) {
  if (!one.answered_seconds) return false;
  return !than.answered_seconds || *one.answered_seconds < *than.answered_seconds;
}

}  // namespace

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
  for (facts::Source& place : places) {
    facts::Source best = place;
    for (const facts::Source& mirror : mirrors) {
      if (mirror.name != place.name) continue;
      const bool asked_for = !fastest && mirror.answered_seconds && best.mirror.empty();
      if (asked_for || better(mirror, best)) best = mirror;
    }
    place = std::move(best);
  }
  return places;
}

}  // namespace bringup::resolve
