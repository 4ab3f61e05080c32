// SPDX-License-Identifier: Apache-2.0
#include <unit/report/markup.hpp>

namespace bringup::report_testing {

Markup read_markup(std::string_view text) {
  Markup out;
  const auto name_of = [&text] {
    std::size_t end = 0;
    while (end < text.size() && std::string_view(" \n\t<>=\"'").find(text[end]) == std::string_view::npos)
      ++end;
    std::string name(text.substr(0, end));
    text.remove_prefix(end);
    return name;
  };
  const auto wrong = [&out, &text](const char* what) {
    out.error = std::string(what) + " before: " + std::string(text.substr(0, 60));
    return out;
  };
  while (!text.empty()) {
    if (text[0] == '>') return wrong("a stray >");
    if (text[0] != '<') {
      out.words += text[0];
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(1);
    Tag tag{.name = name_of(), .attributes = {}};
    while (!text.empty() && text[0] != '>') {
      if (std::string_view(" \n/?").find(text[0]) != std::string_view::npos) {
        text.remove_prefix(1);
        continue;
      }
      std::string key = name_of();
      if (key.empty()) return wrong("no name of an attribute");
      std::string value;
      if (text.starts_with("=\"")) {
        const std::size_t end = text.find('"', 2);
        if (end == std::string_view::npos) return wrong("an open quote");
        value = text.substr(2, end - 2);
        if (value.find('<') != std::string::npos) return wrong("< in an attribute");
        text.remove_prefix(end + 1);
      }
      tag.attributes.emplace_back(std::move(key), std::move(value));
    }
    if (text.empty()) return wrong("an open tag");
    text.remove_prefix(1);
    out.words += ' ';
    if (tag.name == "style") text.remove_prefix(std::min(text.size(), text.find("</style>")));
    out.tags.push_back(std::move(tag));
  }
  for (std::size_t at = out.words.find('&'); at != std::string::npos; at = out.words.find('&', at + 1)) {
    const std::string_view rest = std::string_view(out.words).substr(at);
    if (!rest.starts_with("&amp;") && !rest.starts_with("&lt;") && !rest.starts_with("&gt;") &&
        !rest.starts_with("&quot;") && !rest.starts_with("&#39;"))
      return wrong("a bare &");
  }
  return out;
}

bool may_stay_open(std::string_view name) {
  static const std::set<std::string_view> kNames{"!doctype", "meta",  "br",    "tr",  "td",
                                                 "th",       "thead", "tbody", "?xml"};
  return kNames.contains(name);
}

std::string markup_error(std::string_view text, bool html) {
  const Markup markup = read_markup(text);
  if (!markup.error.empty()) return markup.error;
  static const std::set<std::string_view> kHtml{
      "!doctype", "html",    "head",   "meta",       "title", "style",   "body",  "main",  "header",
      "footer",   "section", "p",      "h1",         "h2",    "h3",      "dl",    "dt",    "dd",
      "div",      "time",    "span",   "b",          "br",    "small",   "a",     "ul",    "ol",
      "li",       "code",    "figure", "figcaption", "table", "caption", "thead", "tbody", "tr",
      "td",       "th",      "svg",    "desc",       "text",  "path",    "rect",  "circle"};
  static const std::set<std::string_view> kJunit{"?xml",       "testsuites", "testsuite",
                                                 "properties", "property",   "testcase",
                                                 "failure",    "skipped",    "system-out"};
  static const std::set<std::string_view> kEmpty{"path", "rect", "circle", "property", "failure", "skipped"};
  std::vector<std::string> open;
  for (const Tag& tag : markup.tags) {
    const bool end = tag.name.starts_with('/');
    const std::string name = end ? tag.name.substr(1) : tag.name;
    if (!(html ? kHtml : kJunit).contains(name)) return "unexpected element " + tag.name;
    for (const auto& [key, value] : tag.attributes) {
      if (key.starts_with("on") || key == "src" || (key == "href" && !value.starts_with('#')))
        return "unexpected attribute " + key;
    }
    if (may_stay_open(name) || kEmpty.contains(name)) continue;
    if (!end) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "unexpected end of " + name;
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

std::string exposition_error(std::string_view text) {
  if (!text.ends_with('\n')) return "no line end at the end";
  std::set<std::string> series;
  std::string family;
  for (const std::string_view line : base::lines(text)) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      const auto words = base::words(line);
      family = words.size() == 4 ? words[2] : "";
      if (family.empty() || !series.insert("# " + family).second)
        return "a family begins twice: " + std::string(line);
      continue;
    }
    bool quoted = false;
    std::size_t end = 0;
    for (; end < line.size() && (quoted || line[end] != ' '); ++end) {
      if (quoted && line[end] == '\\') {
        ++end;
      } else if (line[end] == '"') {
        quoted = !quoted;
      }
    }
    if (end >= line.size()) return "no value: " + std::string(line);
    const std::string name(line.substr(0, end));
    if (name.substr(0, name.find('{')) != family || !family.starts_with("bringup_"))
      return "not in its family: " + name;
    if (name.find('{') != std::string::npos && !name.ends_with('}')) return "labels without an end: " + name;
    if (!series.insert(name).second) return "twice: " + name;
    const std::string number(line.substr(end + 1));
    std::size_t used = 0;
    try {
      (void)std::stod(number, &used);
    } catch (const std::exception&) {
      return "no number: " + number;
    }
    if (used != number.size()) return "more than a number: " + number;
  }
  return "";
}

}  // namespace bringup::report_testing
