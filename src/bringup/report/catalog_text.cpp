// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/report/catalog.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::report {
namespace {

using catalog::Shown;
using catalog::Standing;

// How many rows of a table there are, how they are known, and from when.
struct Tally {
  std::size_t rows = 0;
  std::array<std::size_t, 3> known{};
  std::string oldest;
  std::string newest;
};

Tally tally(std::span<const Shown> rows) {
  Tally out{.rows = rows.size(), .known = {}, .oldest = "", .newest = ""};
  for (const Shown& row : rows) {
    ++out.known.at(static_cast<std::size_t>(row.from.known));
    if (out.oldest.empty() || row.from.as_of < out.oldest) out.oldest = row.from.as_of;
    out.newest = std::max(out.newest, row.from.as_of);
  }
  return out;
}

std::string summary(const Shown& row) {
  std::string out;
  for (const auto& [name, value] : row.fields) {
    if (value.empty() || value == "no") continue;
    out += fmt::format("{}{}{}", out.empty() ? "" : "; ", value == "yes" ? name : "",
                       value == "yes" ? "" : value);
  }
  return out;
}

ordered_json row_json(const Shown& row) {
  ordered_json fields = ordered_json::object();
  for (const auto& [name, value] : row.fields) fields[name] = text_or_null(value);
  return {{"key", row.key},
          {"fields", std::move(fields)},
          {"source", row.from.source},
          {"as_of", row.from.as_of},
          {"known", catalog::known_name(row.from.known)}};
}

}  // namespace

std::string catalog_text(const catalog::Catalog& catalog, std::string_view origin, const Style& style) {
  Page page(style);
  page.paragraph({fmt::format("Catalog: {}", plain(origin)), Tone::strong});
  page.blank();
  std::vector<Row> rows{{{"table", Tone::dim},
                         {"rows", Tone::dim},
                         {"tried", Tone::dim},
                         {"newest", Tone::dim},
                         {"what", Tone::dim}}};
  for (const catalog::Table& table : catalog::tables()) {
    const Tally count = tally(table.rows(catalog));
    rows.push_back({{std::string(table.name)},
                    {std::to_string(count.rows)},
                    {std::to_string(count.known.front())},
                    {count.newest},
                    {std::string(table.what), Tone::dim}});
  }
  page.table(rows);
  return std::move(page).take();
}

std::string catalog_json(const catalog::Catalog& catalog, std::string_view origin) {
  ordered_json json = {
      {"schema", "bringup.catalog/1"}, {"origin", origin}, {"tables", ordered_json::array()}};
  for (const catalog::Table& table : catalog::tables()) {
    const Tally count = tally(table.rows(catalog));
    json["tables"].push_back({{"name", table.name},
                              {"what", table.what},
                              {"rows", count.rows},
                              {"tried", count.known[0]},
                              {"read", count.known[1]},
                              {"inferred", count.known[2]},
                              {"oldest", text_or_null(count.oldest)},
                              {"newest", text_or_null(count.newest)}});
  }
  return written(json);
}

std::string catalog_rows_text(const catalog::Table& table, std::span<const Shown> rows, const Style& style) {
  Page page(style);
  std::vector<Row> lines;
  lines.reserve(rows.size());
  for (const Shown& row : rows)
    lines.push_back({{plain(row.key), Tone::strong},
                     {plain(summary(row))},
                     {std::string(catalog::known_name(row.from.known)), Tone::dim}});
  page.table(lines, 0);
  page.blank();
  page.paragraph({fmt::format("{} of {}", counted(rows.size(), "row"), table.name), Tone::dim});
  return std::move(page).take();
}

std::string catalog_row_text(const catalog::Table& table, std::span<const Shown> rows, const Style& style) {
  Page page(style);
  for (const Shown& row : rows) {
    page.heading(fmt::format("{} {}", table.name, plain(row.key)));
    std::vector<Row> lines;
    for (const auto& [name, value] : row.fields) {
      if (!value.empty()) lines.push_back({{name, Tone::dim}, {plain(value)}});
    }
    lines.push_back({{"source", Tone::dim}, {plain(row.from.source)}});
    lines.push_back({{"as of", Tone::dim}, {plain(row.from.as_of)}});
    lines.push_back({{"known", Tone::dim}, {std::string(catalog::known_name(row.from.known))}});
    page.table(lines);
  }
  return std::move(page).take();
}

std::string catalog_rows_json(const catalog::Table& table, std::span<const Shown> rows) {
  ordered_json json = {
      {"schema", "bringup.catalog-rows/1"}, {"table", table.name}, {"rows", ordered_json::array()}};
  for (const Shown& row : rows) json["rows"].push_back(row_json(row));
  return written(json);
}

std::string catalog_check_text(std::string_view what, const Error* error, std::size_t rows,
                               const Style& style) {
  Page page(style);
  if (error != nullptr)
    page.paragraph({fmt::format("{}: refused: {}", plain(what), plain(error->message())), Tone::bad});
  else
    page.paragraph({fmt::format("{}: {} accepted", plain(what), counted(rows, "row")), Tone::good});
  return std::move(page).take();
}

std::string catalog_check_json(std::string_view what, const Error* error, std::size_t rows) {
  return written({{"schema", "bringup.catalog-check/1"},
                  {"what", what},
                  {"accepted", error == nullptr},
                  {"rows", error == nullptr ? ordered_json(rows) : ordered_json(nullptr)},
                  {"error", error == nullptr ? ordered_json(nullptr) : ordered_json(error->message())}});
}

std::string catalog_refresh_text(const catalog::Refreshed& refreshed, const Style& style) {
  constexpr std::array<std::pair<Standing, std::string_view>, 4> kParts{
      {{Standing::added, "New on the index"},
       {Standing::otherwise, "Otherwise on the index"},
       {Standing::unconfirmed, "Could not be confirmed"},
       {Standing::confirmed, "Confirmed"}}};
  Page page(style);
  page.paragraph({fmt::format("The catalog beside {}", plain(refreshed.index)), Tone::strong});
  for (const auto& [standing, title] : kParts) {
    std::vector<Row> lines;
    for (const catalog::Compared& one : refreshed.rows) {
      if (one.standing == standing) lines.push_back({{plain(one.key)}, {plain(one.text), Tone::dim}});
    }
    page.heading(fmt::format("{}: {}", title, counted(lines.size(), "row")));
    page.table(lines);
  }
  return std::move(page).take();
}

std::string catalog_refresh_json(const catalog::Refreshed& refreshed) {
  ordered_json json = {
      {"schema", "bringup.catalog-refresh/1"}, {"index", refreshed.index}, {"rows", ordered_json::array()}};
  for (const catalog::Compared& one : refreshed.rows)
    json["rows"].push_back({{"standing", catalog::standing_name(one.standing)},
                            {"table", one.table},
                            {"key", one.key},
                            {"text", one.text}});
  return written(json);
}

}  // namespace bringup::report
