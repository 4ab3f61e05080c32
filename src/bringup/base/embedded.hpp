// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files that were compiled into the program; cmake/embed.cmake defines the functions.

#include <span>
#include <string_view>

namespace bringup::base {

struct EmbeddedFile {
  std::string_view name;  // without folders
  std::string_view text;
};

}  // namespace bringup::base

namespace bringup {
std::span<const base::EmbeddedFile> embedded_catalog_rows();  // data/catalog/*
std::span<const base::EmbeddedFile>
embedded_measure_scripts();  // src/bringup/measure/*.py, *.ptx, kernels/*.ptx
std::span<const base::EmbeddedFile> embedded_apply_scripts();   // src/bringup/apply/*.py
std::span<const base::EmbeddedFile> embedded_stack_helpers();   // src/bringup/stacks/*.py
std::span<const base::EmbeddedFile> embedded_cli_pages();       // src/bringup/cli/*.page.md
std::span<const base::EmbeddedFile> embedded_reference_rows();  // data/reference/*
std::span<const base::EmbeddedFile> embedded_report_style();    // src/bringup/report/page.css
}  // namespace bringup
