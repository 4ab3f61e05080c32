// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading of the catalog's files, one function a file; each refuses a bad row by file and line.

#include <bringup/base/toml.hpp>
#include <bringup/catalog/catalog.hpp>

namespace bringup::catalog {

// gpus.tsv, first_driver.tsv, subsystems.tsv (tables_tsv.cpp)
Result<> read_gpus(std::string_view text, Catalog& catalog);
Result<> read_first_drivers(std::string_view text, Catalog& catalog);
Result<> read_subsystems(std::string_view text, Catalog& catalog);

// branches.toml, toolkits.toml, wheels.toml, archives.toml, repos.toml, sources.toml (tables_toml.cpp)
Result<> read_branches(std::string_view text, Catalog& catalog);
Result<> read_toolkits(std::string_view text, Catalog& catalog);
Result<> read_wheels(std::string_view text, Catalog& catalog);
Result<> read_archives(std::string_view text, Catalog& catalog);
Result<> read_repos(std::string_view text, Catalog& catalog);
Result<> read_sources(std::string_view text, Catalog& catalog);

// companions.toml, stacks.toml, fabric.toml, installers.toml, keys.toml, mirrors.toml, and [[pypi]] of
// toolkits.toml (tables_beside.cpp)
Result<> read_companions(std::string_view text, Catalog& catalog);
Result<> read_stacks(std::string_view text, Catalog& catalog);
Result<> read_fabric(std::string_view text, Catalog& catalog);
Result<> read_installers(std::string_view text, Catalog& catalog);
Result<> read_keys(std::string_view text, Catalog& catalog);
Result<> read_mirrors(std::string_view text, Catalog& catalog);

Result<Known> parse_known(std::string_view word);

}  // namespace bringup::catalog
