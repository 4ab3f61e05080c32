// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/files.hpp>
#include <bringup/host/recording.hpp>

#include <fmt/format.h>

namespace bringup::host {
namespace {

class Recording final : public View {
 public:
  explicit Recording(const std::string& directory)
      : files_(directory + "/files", true), answers_(directory + "/answers", false) {}
  Result<std::string> read(std::string_view path) const override { return files_.read(path); }
  Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                std::size_t size) const override {
    return files_.read_part(path, offset, size);
  }
  Result<std::vector<std::string>> list(std::string_view directory) const override {
    return files_.list(directory);
  }
  Result<std::vector<std::string>> list_of(
      std::string_view directory, std::initializer_list<std::string_view> beginnings) const override {
    return files_.list(directory, beginnings);
  }
  Result<FileStatus> status(std::string_view path) const override { return files_.status(path); }
  Result<std::string> link(std::string_view path) const override { return files_.link(path); }
  Result<DiskSpace> space(std::string_view path) const override {
    return Error(Errc::unsupported, fmt::format("{}: a recording has no free space of its own", path));
  }
  Result<Outcome> ask(const Command& question) const override {
    const auto text = answers_.read("/" + answer_name(question.argv));
    if (!text)
      return Error(Errc::absent, fmt::format("not in the recording: {}", base::quoted(question.argv)));
    return decode_answer(*text).within(base::quoted(question.argv));
  }
  bool recorded() const override { return true; }

 private:
  RootedFiles files_;
  RootedFiles answers_;
};

// "NAME N\n" in front of `text`: takes it off and gives N.
Result<std::size_t> take_header(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos || !line.starts_with(name))
    return Error(Errc::malformed, fmt::format("no line '{} N'", name));
  const auto number = base::to_integer(base::trim(line.substr(name.size())));
  if (!number || *number < 0) return Error(Errc::malformed, fmt::format("'{}' has no number", name));
  text.remove_prefix(end + 1);
  return static_cast<std::size_t>(*number);
}

}  // namespace

Result<std::unique_ptr<View>> open_recording(const std::string& directory) {
  const RootedFiles here(directory, false);
  if (!here.read("/recording.toml"))
    return Error(Errc::absent,
                 fmt::format("{}: not a recording: it has no recording.toml ('bringup record DIR' makes one)",
                             directory));
  if (!here.list("/files"))
    return Error(Errc::absent, fmt::format("{}: not a recording: it has no folder files/", directory));
  return std::unique_ptr<View>(std::make_unique<Recording>(directory));
}

std::string answer_name(const std::vector<std::string>& argv) {
  std::string name;
  for (const std::string& word : argv) {
    if (!name.empty()) name += '_';
    for (const char c : word) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                         c == '.' || c == '-' || c == '+';
      name += plain ? c : '~';
    }
  }
  return name.substr(0, 150);
}

std::string encode_answer(const Outcome& outcome) {
  const auto* exited = std::get_if<Exited>(&outcome.how);
  return fmt::format("exit {}\nout {}\n{}err {}\n{}", exited == nullptr ? 255 : exited->code,
                     outcome.out.size(), outcome.out, outcome.err.size(), outcome.err);
}

Result<Outcome> decode_answer(std::string_view text) {
  Outcome outcome;
  outcome.how = Exited{static_cast<int>(TRY(take_header(text, "exit ")))};
  for (const auto& [name, part] :
       {std::pair<std::string_view, std::string*>{"out ", &outcome.out}, {"err ", &outcome.err}}) {
    const std::size_t size = TRY(take_header(text, name));
    if (size > text.size())
      return Error(Errc::malformed, fmt::format("'{}{}' is more than there is", name, size));
    *part = text.substr(0, size);
    text.remove_prefix(size);
  }
  return outcome;
}

}  // namespace bringup::host
