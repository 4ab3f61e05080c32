// SPDX-License-Identifier: Apache-2.0
#pragma once
// The catalog for people and for programs: its tables, rows of one table, what a check and a refresh found.

#include <bringup/catalog/refresh.hpp>
#include <bringup/catalog/shown.hpp>
#include <bringup/report/report.hpp>

namespace bringup::report {

// `origin`: which catalog it is: "compiled in", or the file that replaces it.
std::string catalog_text(const catalog::Catalog& catalog, std::string_view origin, const Style& style);
std::string catalog_json(const catalog::Catalog& catalog, std::string_view origin);

// One line a row.
std::string catalog_rows_text(const catalog::Table& table, std::span<const catalog::Shown> rows,
                              const Style& style);
// Every field of each row.
std::string catalog_row_text(const catalog::Table& table, std::span<const catalog::Shown> rows,
                             const Style& style);
std::string catalog_rows_json(const catalog::Table& table, std::span<const catalog::Shown> rows);

// `error`: null when every row is accepted.
std::string catalog_check_text(std::string_view what, const Error* error, std::size_t rows,
                               const Style& style);
std::string catalog_check_json(std::string_view what, const Error* error, std::size_t rows);

std::string catalog_refresh_text(const catalog::Refreshed& refreshed, const Style& style);
std::string catalog_refresh_json(const catalog::Refreshed& refreshed);

}  // namespace bringup::report
