// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/answer.hpp>
#include <bringup/measure/ask.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/measure/status.hpp>

namespace bringup::measure {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;

Result<> ask(const std::string& url, Milliseconds deadline) {
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    auto asked = ask_with_curl(name, url, deadline);
    if (asked || asked.error().code() == Errc::unreachable) return asked;
  }
  return ask_by_ourselves(url, deadline);
}

std::string answer(const std::string& url, Milliseconds deadline) {
  const auto began = Steady::now();
  const auto asked = ask(url, deadline);
  const std::chrono::duration<double> took = Steady::now() - began;
  return dumped(asked ? json(took.count()) : error_to_json(asked.error()));
}

facts::Reading<double> seconds_in(const Result<std::string>& text, Milliseconds deadline) {
  if (!text && text.error().code() == Errc::timeout) return Error(Errc::unreachable, too_late(deadline));
  if (!text) return text.error();
  const json answer = json::parse(*text, nullptr, false);
  if (answer.is_number()) return answer.get<double>();
  return error_from_json(answer);
}

}  // namespace

std::vector<facts::Source> ask_sources(std::vector<facts::Source> sources, Milliseconds deadline,
                                       const std::function<void()>& meanwhile) {
  std::vector<Work> works;
  works.reserve(sources.size());
  for (const facts::Source& source : sources) {
    works.emplace_back([&source, deadline] { return answer(source.url, deadline); });
  }
  const auto answers = in_children(works, deadline + Milliseconds(20), meanwhile);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    sources[i].answered_seconds = seconds_in(answers[i], deadline);
  }
  return sources;
}

bool is_late(const facts::Source& source) {
  return !source.answered_seconds && source.answered_seconds.error().message().starts_with(kTooLate);
}

}  // namespace bringup::measure
