// SPDX-License-Identifier: Apache-2.0
// Markup: escaping, figures, drawings.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

namespace bringup::report {

std::string escaped(std::string_view text) {
  const std::string harmless = plain(text);
  std::string out;
  out.reserve(harmless.size() + harmless.size() / 8);
  for (std::size_t i = 0; i < harmless.size(); ++i) {
    const char c = harmless[i];
    const std::string_view three = std::string_view(harmless).substr(i, 3);
    if (three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF") {  // no characters, says XML
      out += "\xEF\xBF\xBD";
      i += 2;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += c;
    }
  }
  return out;
}

Html& Html::number(double value) {
  std::string digits = fmt::format("{:.1f}", value);
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return raw(digits);
}

Html& Html::attribute(std::string_view name, double value) {
  return raw(" ").raw(name).raw("=\"").number(value).raw("\"");
}

Html& Html::figure(double value, std::string_view unit) {
  const std::string digits = exact(value);
  return raw("<span data-value=\"")
      .raw(digits)
      .raw("\" title=\"")
      .raw(digits)
      .raw(" ")
      .text(unit)
      .raw("\">")
      .text(human(value, unit))
      .raw("</span>");
}

Html& Html::outcome(facts::Outcome outcome) {
  return raw("<span class=\"v ")
      .raw(outcome_class(outcome))
      .raw("\">")
      .raw(diagnose::outcome_name(outcome))
      .raw("</span>");
}

Html& Html::section(std::string_view id, std::string_view title) {
  return raw("<section id=\"")
      .raw(id)
      .raw("\" aria-labelledby=\"")
      .raw(id)
      .raw("-h\"><h2 id=\"")
      .raw(id)
      .raw("-h\">")
      .text(title)
      .raw("</h2>\n");
}

Html& Html::drawing(std::string_view id, double width, double height, std::string_view title,
                    std::string_view description) {
  raw("<svg viewBox=\"0 0 ").number(width).raw(" ").number(height).raw("\" role=\"img\" aria-labelledby=\"");
  raw(id)
      .raw("-t ")
      .raw(id)
      .raw("-d\"><title id=\"")
      .raw(id)
      .raw("-t\">")
      .text(title)
      .raw("</title><desc id=\"");
  return raw(id).raw("-d\">").text(description).raw("</desc>\n");
}

Html& Html::svg_text(double x, double y, std::string_view style, std::string_view words) {
  if (words.empty()) return *this;
  raw("<text").attribute("x", x).attribute("y", y);
  if (!style.empty()) raw(" class=\"").raw(style).raw("\"");
  return raw(">").text(words).raw("</text>");
}

Html& Html::line(double x1, double y1, double x2, double y2, std::string_view style) {
  raw("<path d=\"M").number(x1).raw(" ").number(y1).raw("L").number(x2).raw(" ").number(y2);
  return raw("\" class=\"").raw(style).raw("\"/>");
}

Html& Html::box(double x, double y, double width, double height, std::string_view style) {
  raw("<rect").attribute("x", x).attribute("y", y).attribute("width", width).attribute("height", height);
  return raw(" class=\"").raw(style).raw("\"/>");
}

}  // namespace bringup::report
