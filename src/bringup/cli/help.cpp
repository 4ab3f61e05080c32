// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/cli/help.hpp>
#include <bringup/cli/verbs.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {

std::string help_text() {
  std::string text =
      "bringup takes a machine with NVIDIA GPUs to \"every GPU training PyTorch at full speed\",\n"
      "proves it, and can take everything back.\n\n"
      "  bringup up               do all of it, after showing the plan and asking\n"
      "  bringup plan             only show what would be done, and why\n\n";
  for (const auto access : {Access::looks, Access::changes}) {
    text += access == Access::looks ? "Verbs that look (no root, nothing is written):\n"
                                    : "Verbs that change (they show a plan and ask):\n";
    for (const Verb& verb : verbs()) {
      if (verb.access == access) text += fmt::format("  {:<9} {}\n", verb.name, verb.summary);
    }
    text += '\n';
  }
  return text + "'bringup VERB --help' tells more about one; 'bringup --version' says which this is.\n";
}

std::string help_text(std::string_view verb) {
  const Verb* row = find_verb(verb);
  const auto pages = embedded_cli_pages();
  const auto page = std::ranges::find(pages, fmt::format("{}.page.md", verb), &base::EmbeddedFile::name);
  std::string text =
      fmt::format("bringup {}{}{} [OPTIONS]\n\n", verb, row->words.empty() ? "" : " ", row->words);
  text += page == pages.end() ? fmt::format("{}\n", row->summary) : std::string(page->text);
  return text + "\nOptions:\n" + options_help(verb) + "  --help                 this page\n";
}

}  // namespace bringup::cli
