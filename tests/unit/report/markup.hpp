// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small strict readers for what the proof is written as: markup, and Prometheus' text format.

#include <bringup/base/text.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::report_testing {

struct Tag {
  std::string name;  // "/p" for an end
  std::vector<std::pair<std::string, std::string>> attributes;

  std::string_view attribute(std::string_view key) const {
    for (const auto& [name_of, value] : attributes) {
      if (name_of == key) return value;
    }
    return {};
  }
};

struct Markup {
  std::vector<Tag> tags;
  std::string words;  // what stands between them, a blank for each tag
  std::string error;
};

// Reads <name key="value" ...>. Attributes are in double quotes, and neither "<" nor a bare "&" stands
// anywhere else; the text of <style> is left out.
Markup read_markup(std::string_view text);

// Elements whose end HTML lets one leave out, or that have none.
bool may_stay_open(std::string_view name);

// What is wrong with a document: an element that is not closed or not expected; "" when nothing is.
std::string markup_error(std::string_view text, bool html);

// What node_exporter would refuse; "" when nothing.
std::string exposition_error(std::string_view text);

}  // namespace bringup::report_testing
