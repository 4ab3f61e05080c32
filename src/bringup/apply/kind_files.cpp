// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/fingerprint.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>
#include <bringup/host/rights.hpp>

#include <fmt/format.h>

namespace bringup::apply {
namespace {

// What root reads for a user is what that user may read: a link could lead anywhere, and what was read is
// written where the user reads it.
Result<std::string> read_for(const std::string& path, const Hands& hands) {
  const host::FileRights rights(hands.owner());
  TRY(rights.taken());
  return hands.view.read(path);
}

// What stands at `path` now, as undo needs it.
Result<Json> image_of(const std::string& path, const Hands& hands) {
  Json before = {{"existed", false}, {"made", missing_parents(path, hands.view)}};
  const auto status = hands.view.status(path);
  if (!status && status.error().code() == Errc::absent) return before;
  if (!status) return status.error();
  if (status->kind == host::FileStatus::Kind::directory)
    return Error(Errc::refused, path + ": a directory stands where a file is to be");
  before["existed"] = true;
  before["content"] = bytes_to_json(TRY(read_for(path, hands)));
  // what a link leads to keeps its own mode and owner when it is written
  if (status->kind == host::FileStatus::Kind::link) return before;
  before["mode"] = status->mode;
  before["uid"] = status->uid;
  before["gid"] = status->gid;
  return before;
}

// Puts back what image_of saw, provided that what stands there now is `ours`.
Result<> restore(const std::string& path, const Json& before, std::string_view ours, const Hands& hands) {
  const auto now = read_for(path, hands);
  if (!now && now.error().code() != Errc::absent) return now.error();
  if (now && *now != ours) {
    const bool already = before.value("existed", false) && *now == bytes_from_json(before["content"]);
    if (!already) return Error(Errc::refused, path + ": somebody edited it since; it is left as it is");
  }
  if (!before.value("existed", false)) {
    TRY(hands.control->remove_file(path, hands.owner()));
    return remove_parents(before.value("made", Json::array()), hands);
  }
  TRY(hands.control->write(path, bytes_from_json(before["content"]), before.value("mode", 0644U),
                           hands.owner()));
  if (hands.as_user || !before.contains("mode")) return ok;
  return hands.control->set_status(path, before.value("mode", 0644U),
                                   {.uid = before.value("uid", 0), .gid = before.value("gid", 0)});
}

std::string first_line(const steps::EditBlock& step) {
  return fmt::format("# >>> bringup {} >>>\n", step.name);
}
std::string last_line(const steps::EditBlock& step) {
  return fmt::format("# <<< bringup {} <<<\n", step.name);
}

std::string whole_block(const steps::EditBlock& step) {
  return first_line(step) + step.text + last_line(step);
}

// Where the block stands in `text`, with its marks; nullopt when it is not there whole.
struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::optional<Place> find_block(std::string_view text, const steps::EditBlock& step) {
  const std::size_t begin = text.find(first_line(step));
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = text.find(last_line(step), begin);
  if (end == std::string_view::npos) return std::nullopt;
  return Place{.begin = begin, .end = end + last_line(step).size()};
}

std::string with_block(std::string text, const steps::EditBlock& step) {
  const std::string block = whole_block(step);
  if (const auto place = find_block(text, step))
    return text.replace(place->begin, place->end - place->begin, block);
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + block;
}

Result<std::string> read_or_empty(const std::string& path, const Hands& hands) {
  auto text = read_for(path, hands);
  if (!text && text.error().code() == Errc::absent) return std::string();
  return text;
}

Result<> check_content(const steps::FetchFile& step, std::string_view bytes) {
  const bool html = base::contains(base::lower(bytes.substr(0, 512)), "<html") ||
                    base::contains(base::lower(bytes.substr(0, 512)), "<!doctype");
  const std::string hint = html ? "; it is an HTML page: a proxy or a login page in between?" : "";
  if (!step.sha256.empty() && base::sha256_hex(bytes) != base::lower(step.sha256))
    return Error(Errc::failed, fmt::format("{}: sha256 is {} and should be {}{}", step.url,
                                           base::sha256_hex(bytes), step.sha256, hint));
  if (!step.fingerprint.empty()) TRY(check_fingerprint(bytes, step.fingerprint).within(step.url + hint));
  return ok;
}

}  // namespace

Result<bool> holds(const steps::WriteFile& step, const Hands& hands) {
  const auto text = hands.view.read(step.path);
  if (!text && text.error().code() != Errc::absent) return text.error();
  return text && *text == step.text;
}
Result<Json> remember(const steps::WriteFile& step, const Hands& hands) {
  return image_of(step.path, hands);
}
Result<> perform(const steps::WriteFile& step, const Hands& hands) {
  TRY(make_parents(step.path, hands));
  return hands.control->write(step.path, step.text, step.mode, hands.owner());
}
Result<> undo(const steps::WriteFile& step, const Json& before, const Hands& hands) {
  return restore(step.path, before, step.text, hands);
}

Result<bool> holds(const steps::EditBlock& step, const Hands& hands) {
  const std::string text = TRY(read_or_empty(step.path, hands));
  const auto place = find_block(text, step);
  return place && text.substr(place->begin, place->end - place->begin) == whole_block(step);
}
Result<Json> remember(const steps::EditBlock& step, const Hands& hands) {
  Json before = {{"existed", hands.view.exists(step.path)}, {"made", missing_parents(step.path, hands.view)}};
  const std::string text = TRY(read_or_empty(step.path, hands));
  before["glue"] = !text.empty() && text.back() != '\n';
  if (const auto place = find_block(text, step))
    before["block"] = bytes_to_json(text.substr(place->begin, place->end - place->begin));
  return before;
}
Result<> perform(const steps::EditBlock& step, const Hands& hands) {
  const std::string text = TRY(read_or_empty(step.path, hands));
  TRY(make_parents(step.path, hands));
  return hands.control->write(step.path, with_block(text, step), 0644, hands.owner());
}
// Only the block goes; what was written around it since stays.
Result<> undo(const steps::EditBlock& step, const Json& before, const Hands& hands) {
  std::string text = TRY(read_or_empty(step.path, hands));
  const auto place = find_block(text, step);
  if (place) {
    const std::string now = text.substr(place->begin, place->end - place->begin);
    const bool already = before.contains("block") && now == bytes_from_json(before["block"]);
    if (now != whole_block(step) && !already)
      return Error(Errc::refused, step.path + ": somebody edited the block since; it is left as it is");
    const bool at_end = place->end == text.size();
    text.replace(place->begin, place->end - place->begin,
                 before.contains("block") ? bytes_from_json(before["block"]) : "");
    if (at_end && !before.contains("block") && before.value("glue", false) && place->begin > 0)
      text.erase(place->begin - 1, 1);
  }
  if (text.empty() && !before.value("existed", false)) {
    TRY(hands.control->remove_file(step.path, hands.owner()));
    return remove_parents(before.value("made", Json::array()), hands);
  }
  return place ? hands.control->write(step.path, text, 0644, hands.owner()) : ok;
}

Result<bool> holds(const steps::FetchFile& step, const Hands& hands) {
  const auto bytes = hands.view.read(step.path);
  if (!bytes && bytes.error().code() != Errc::absent) return bytes.error();
  return bytes && static_cast<bool>(check_content(step, *bytes));
}
Result<Json> remember(const steps::FetchFile& step, const Hands& hands) {
  return image_of(step.path, hands);
}
Result<> perform(const steps::FetchFile& step, const Hands& hands) {
  const bool here = step.url.starts_with('/');
  const std::string bytes =
      TRY(here ? read_for(step.url, hands) : host::download(*hands.control, step.url, hands.run_as()));
  TRY(check_content(step, bytes));
  TRY(make_parents(step.path, hands));
  return hands.control->write(step.path, bytes, step.mode, hands.owner());
}
Result<> undo(const steps::FetchFile& step, const Json& before, const Hands& hands) {
  const auto now = read_for(step.path, hands);
  return restore(step.path, before, now && check_content(step, *now) ? *now : std::string(), hands);
}

}  // namespace bringup::apply
