// SPDX-License-Identifier: Apache-2.0
// The first line as a pattern, the rest as the line that it is held against and that is looked through by all
// patterns.
#include <bringup/catalog/messages.hpp>

#include "fuzz.hpp"
#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(std::min(end + 1, text.size()));
  const auto check = [line](const catalog::Pattern& pattern) {
    const auto captures = pattern.match(line);
    if (!captures) return;
    fuzz::require(captures->size() == pattern.holes());
    fuzz::require(catalog::find_folded(line, pattern.longest_literal()) != std::string_view::npos);
    for (const catalog::Capture& one : *captures)  // within the line, in its order
      fuzz::require(one.text.empty() || (one.text.data() >= line.data() &&
                                         one.text.data() + one.text.size() <= line.data() + line.size()));
  };
  const auto own = catalog::Pattern::parse(text.substr(0, end));
  if (own)
    check(*own);
  else
    fuzz::require(!own.error().message().empty());
  for (const catalog::Signature& one : catalog::messages().signatures) check(one.pattern);
  return 0;
}
