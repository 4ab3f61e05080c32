// SPDX-License-Identifier: Apache-2.0
// The chain of reasons behind one part of the choice, and its nearest alternatives.
#include <bringup/report/document.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/why.hpp>

#include <fmt/format.h>

namespace bringup::report {
namespace {

std::string evidence(const std::string& source, catalog::Known known) {
  return plain(fmt::format("{}; {}", source, catalog::known_name(known)));
}

}  // namespace

std::string why_text(const resolve::Why& why, const Style& style) {
  Page page(style);
  page.paragraph({fmt::format("{}: {}", plain(why.about), plain(why.chosen)), Tone::strong});
  page.heading("Because");
  for (std::size_t i = 0; i < why.chain.size(); ++i) {
    const resolve::Reason& reason = why.chain[i];
    page.row({{fmt::format("{}", i + 1)}, {plain(reason.text)}}, 2);
    page.row({{" "}, {evidence(reason.source, reason.known), Tone::dim}}, 2);
  }
  page.heading("Nearest alternatives");
  if (why.alternatives.empty()) page.paragraph({"none: nothing else could be asked for here", Tone::dim}, 2);
  for (const resolve::Alternative& one : why.alternatives) {
    page.row({{"-"}, {plain(one.what), Tone::strong}}, 2);
    page.row({{" "}, {plain(one.ruled_out)}}, 2);
    page.row({{" "}, {evidence(one.source, one.known), Tone::dim}}, 2);
  }
  return std::move(page).take();
}

std::string why_json(const resolve::Why& why) {
  ordered_json json = {{"schema", "bringup.plan-why/1"},
                       {"about", why.about},
                       {"chosen", why.chosen},
                       {"reasons", ordered_json::array()},
                       {"alternatives", ordered_json::array()}};
  for (const resolve::Reason& reason : why.chain)
    json["reasons"].push_back({{"about", reason.about},
                               {"text", reason.text},
                               {"source", text_or_null(reason.source)},
                               {"known", catalog::known_name(reason.known)}});
  for (const resolve::Alternative& one : why.alternatives)
    json["alternatives"].push_back({{"what", one.what},
                                    {"ruled_out", one.ruled_out},
                                    {"source", text_or_null(one.source)},
                                    {"known", catalog::known_name(one.known)}});
  return written(json);
}

}  // namespace bringup::report
