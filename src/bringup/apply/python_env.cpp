// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <compare>

namespace bringup::apply {
namespace {

constexpr std::string_view kInfo = ".dist-info";

std::string normalised(std::string_view name) {
  std::string out = base::lower(name);
  std::ranges::replace_if(
      out, [](char c) { return c == '_' || c == '.'; }, '-');
  return out;
}

// The text between the quotes of `name = 'text'` or `name: Type = 'text'`; "None" for None; "" for no such
// line.
std::string assigned(std::string_view text, std::string_view name) {
  for (const std::string_view line : base::lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    if (base::trim(line.substr(0, std::min(equals, line.find(':')))) != name) continue;
    std::string_view value = base::trim(line.substr(equals + 1));
    if (value == "None") return "None";
    if (value.size() < 2 || (value.front() != '\'' && value.front() != '"')) return "";
    const char quote = value.front();
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find(quote)));
  }
  return "";
}

bool only_numbers(std::string_view version) {
  return version.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Calls `visit(directory name, whole)` for each *.dist-info.
template <typename F>
Result<> each_info(const std::string& env, const host::View& view, F&& visit) {
  const auto site = site_packages(env, view);
  if (!site && site.error().code() == Errc::absent) return ok;
  const std::string directory = TRY(site);
  for (const std::string& name : TRY(view.list(directory))) {
    if (!name.ends_with(kInfo)) continue;
    std::string info = fmt::format("{}/{}", directory, name);
    const auto record = view.status(info + "/RECORD");
    if (!record && record.error().code() != Errc::absent) return record.error();
    visit(std::move(info), static_cast<bool>(record));
  }
  return ok;
}

}  // namespace

Result<std::string> site_packages(const std::string& env, const host::View& view) {
  std::string best;
  for (const std::string& name : TRY(view.list(env + "/lib"))) {
    if (!name.starts_with("python3.") || !view.exists(fmt::format("{}/lib/{}/site-packages", env, name)))
      continue;
    if (best.empty() || std::is_lt(base::compare_releases(best, name))) best = name;
  }
  if (best.empty()) return Error(Errc::absent, env + ": no site-packages in it");
  return env + "/lib/" + best + "/site-packages";
}

Result<Packages> packages_in(const std::string& env, const host::View& view) {
  Packages packages;
  TRY(each_info(env, view, [&packages](std::string_view directory, bool whole) {
    std::string_view stem = directory.substr(directory.find_last_of('/') + 1);
    stem.remove_suffix(kInfo.size());
    const std::size_t dash = stem.find('-');
    if (whole && dash != std::string_view::npos)
      packages[normalised(stem.substr(0, dash))] = std::string(stem.substr(dash + 1));
  }));
  return packages;
}

Result<std::vector<std::string>> half_installed_in(const std::string& env, const host::View& view) {
  std::vector<std::string> half;
  TRY(each_info(env, view, [&half](std::string directory, bool whole) {
    if (!whole) half.push_back(std::move(directory));
  }));
  return half;
}

Requirement parse_requirement(std::string_view text) {
  Requirement out{.name = normalised(base::trim(text.substr(0, text.find_first_of("=<>!~[;@ ")))),
                  .version = ""};
  const std::size_t equals = text.find("==");
  if (equals == std::string_view::npos) return out;
  const std::string_view version = base::trim(text.substr(equals + 2));
  out.version = std::string(base::trim(version.substr(0, version.find_first_of(",; "))));
  return out;
}

bool is_version(std::string_view wanted, std::string_view installed) {
  if (wanted == installed) return true;
  if (wanted.find('+') == std::string_view::npos) installed = installed.substr(0, installed.find('+'));
  if (wanted == installed) return true;
  if (!only_numbers(wanted) || !only_numbers(installed)) return false;
  const auto a = base::Version::parse(wanted);
  const auto b = base::Version::parse(installed);
  return a && b && *a == *b;
}

std::string variant_in(std::string_view version_py) {
  const std::string version = assigned(version_py, "__version__");
  if (const std::size_t plus = version.find('+'); plus != std::string::npos) {
    std::string local = version.substr(plus + 1);
    if (local == "cpu" || (local.starts_with("cu") && base::to_integer(local.substr(2)))) return local;
  }
  const std::string cuda = assigned(version_py, "cuda");
  if (cuda == "None") return "cpu";
  const auto parsed = base::Version::parse(cuda);
  if (!parsed || parsed->parts.size() < 2) return "";
  return fmt::format("cu{}{}", parsed->major(), parsed->minor());
}

bool is_program(const std::string& path, const host::View& view) {
  const auto status = view.status(path);
  if (!status || status->kind == host::FileStatus::Kind::directory) return false;
  // what a link leads to must be there as well
  return (status->mode & 0111U) != 0 && static_cast<bool>(view.read_part(path, 0, 1));
}

}  // namespace bringup::apply
