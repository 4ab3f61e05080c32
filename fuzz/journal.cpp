// SPDX-License-Identifier: Apache-2.0
// Any bytes as a journal; and any lines with the right checksum in front, which a fuzzer does not guess. What
// was read is a whole run or an error, and a journal that is cut anywhere is the one that stood there before.
#include <bringup/apply/journal.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include "fuzz.hpp"

namespace {

using namespace bringup;

void look_at(std::string_view bytes) {
  const apply::Decoded decoded = apply::decode_journal(bytes);
  fuzz::require(decoded.whole <= bytes.size() && !(decoded.torn && decoded.damaged));
  fuzz::require(decoded.whole == bytes.size() || decoded.torn || decoded.damaged);
  const apply::Decoded again = apply::decode_journal(bytes.substr(0, decoded.whole));
  fuzz::require(again.records == decoded.records && !again.torn && !again.damaged);
  const auto log = apply::read_log(bytes);
  if (!log) return;
  fuzz::require(log->steps.size() == log->run.plan.steps.size() && log->whole == decoded.whole);
  fuzz::require(log->run.done.size() <= log->steps.size());
  const auto cut = apply::read_log(bytes.substr(0, decoded.whole));
  fuzz::require(cut && cut->run.plan == log->run.plan && cut->run.done == log->run.done);
  (void)apply::without_secrets(log->run.plan);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  look_at(text);
  std::string summed;
  for (const std::string_view line : base::lines(text))
    summed += fmt::format("{:08x} {}\n", base::crc32c(line), line);
  look_at(summed);
  return 0;
}
