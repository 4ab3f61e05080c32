// SPDX-License-Identifier: Apache-2.0
// The verb catalog: what is in it, a row with its source, and whether tables are fit to load.
#include <bringup/base/text.hpp>
#include <bringup/catalog/shown.hpp>
#include <bringup/catalog/signed.hpp>
#include <bringup/cli/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/report/catalog.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace bringup::cli {
namespace {

Result<int> list_rows(const Options& options, const std::vector<std::string>& words) {
  if (words.empty()) return Error(Errc::usage, "list what? bringup catalog list TABLE [FILTER..]");
  const catalog::Table& table = *TRY(catalog::find_table(words[0]));
  const auto rows = TRY(catalog::filtered(table.rows(catalog::built_in()), std::span(words).subspan(1)));
  TRY(print(options.json ? report::catalog_rows_json(table, rows)
                         : report::catalog_rows_text(table, rows, output_style(options))));
  return exit_ok;
}

Result<int> show_row(const Options& options, const std::vector<std::string>& words) {
  if (words.size() < 2) return Error(Errc::usage, "show what? bringup catalog show TABLE KEY");
  const catalog::Table& table = *TRY(catalog::find_table(words[0]));
  const std::string key = base::join(std::span(words).subspan(1), " ");
  const auto rows = TRY(catalog::rows_with_key(catalog::built_in(), table, key));
  TRY(print(options.json ? report::catalog_rows_json(table, rows)
                         : report::catalog_row_text(table, rows, output_style(options))));
  return exit_ok;
}

// The tables of a folder, put over the compiled-in ones; or those of a signed file.
Result<catalog::Files> files_at(const Doors& doors, const std::string& path) {
  const auto status = TRY(doors.view.status(path).within(path));
  if (status.kind != host::FileStatus::Kind::directory)
    return TRY(catalog::parse_bundle(TRY(doors.view.read(path))).within(path)).files;
  catalog::Files files = catalog::compiled_in();
  std::size_t taken = 0;
  for (const std::string& name : TRY(doors.view.list(path))) {
    if (!name.ends_with(".toml") && !name.ends_with(".tsv")) continue;
    if (!files.contains(name)) {
      std::vector<std::string> names;
      for (const auto& [known, text] : files) names.push_back(known);
      const auto near = base::nearest(name, names);
      return Error(Errc::usage, fmt::format("{}/{} is no table of the catalog{}", path, name,
                                            near ? fmt::format(" (did you mean '{}'?)", *near) : ""));
    }
    files[name] = TRY(doors.view.read(path + "/" + name));
    ++taken;
  }
  if (taken == 0)
    return Error(Errc::usage, fmt::format("{} has no table: expected files such as wheels.toml", path));
  return files;
}

Result<int> check_tables(const Options& options, const Doors& doors, const std::vector<std::string>& words) {
  if (words.size() > 1) return Error(Errc::usage, "check takes one folder or file at the most");
  const std::string what = words.empty() ? "the compiled-in catalog" : words[0];
  const catalog::Files files =
      words.empty() ? catalog::compiled_in()
                    : TRY(files_at(doors, std::filesystem::absolute(words[0]).lexically_normal().string()));
  const auto counted = catalog::count_rows(files);
  const Error* error = counted ? nullptr : &counted.error();
  const std::size_t rows = counted ? *counted : 0;
  TRY(print(options.json ? report::catalog_check_json(what, error, rows)
                         : report::catalog_check_text(what, error, rows, output_style(options))));
  return counted ? exit_ok : exit_failed;
}

}  // namespace

Result<> write_whole(const std::string& path, std::string_view text) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (const fs::path folder = fs::path(path).parent_path(); !folder.empty())
    fs::create_directories(folder, failed);
  const std::string beside = path + ".new";
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return Error(Errc::io, fmt::format("{} could not be written", path));
  }
  fs::rename(beside, path, failed);
  if (failed) return Error(Errc::io, fmt::format("{} could not be replaced: {}", path, failed.message()));
  return ok;
}

Result<int> run_catalog(const Options& options, const Doors& doors) {
  if (options.words.empty()) {
    const catalog::Catalog& rows = catalog::built_in();
    TRY(print(options.json ? report::catalog_json(rows, catalog::origin())
                           : report::catalog_text(rows, catalog::origin(), output_style(options))));
    return exit_ok;
  }
  const std::string& what = options.words[0];
  const std::vector<std::string> rest(options.words.begin() + 1, options.words.end());
  if (what == "list") return list_rows(options, rest);
  if (what == "show") return show_row(options, rest);
  if (what == "check") return check_tables(options, doors, rest);
  if (what == "refresh" && rest.empty()) return refresh_catalog(options, doors);
  if (what == "use" && rest.size() == 1) return use_catalog(options, doors, rest[0]);
  if (what == "use") return Error(Errc::usage, "use which file? bringup catalog use FILE [--key FILE]");
  static const std::array<std::string, 5> kWords{"list", "show", "check", "refresh", "use"};
  const auto near = base::nearest(what, kWords);
  return Error(Errc::usage,
               fmt::format("catalog '{}': expected list, show, check, refresh or use{}", what,
                           near && *near != what ? fmt::format(" (did you mean '{}'?)", *near) : ""));
}

}  // namespace bringup::cli
