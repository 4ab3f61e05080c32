// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/progress.hpp>
#include <bringup/host/command.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace bringup::cli {
namespace {

std::size_t columns_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 40) return 80;
  return std::min<std::size_t>(size.ws_col, 120);
}

bool colour_on(const Options& options, int fd) {
  if (options.color == "always") return true;
  if (options.color == "never") return false;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  return ::isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

// Whether the locale names a character set that has no box characters. Where it names none, UTF-8 is the
// likelier, as everywhere else.
bool plain_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string text = base::lower(value);
    return !base::contains(text, "utf-8") && !base::contains(text, "utf8");
  }
  return false;
}

void put(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

class Terminal final : public apply::Observer {
 public:
  Terminal(const Options& options, bool back)
      : back_(back),
        quiet_(options.quiet),
        verbose_(options.verbose),
        moving_(::isatty(STDERR_FILENO) == 1 && !options.verbose) {}

  void step_begins(const steps::Step& step, std::size_t number, std::size_t of) override {
    const std::string head = fmt::format("[{}/{}] {}", number, of, step.id);
    going_.begin(step.id, head, std::chrono::steady_clock::now());
    if (quiet_) return;
    if (moving_)
      draw();
    else
      put(STDERR_FILENO,
          fmt::format("{}: {}\n", head,
                      base::harmless(back_ ? "taking back " + steps::target(step.kind) : step.why)));
  }

  void step_says(const steps::Step& step, std::string_view line) override {
    going_.says(step.id, line);
    if (quiet_) return;
    if (host::interrupted() && !std::exchange(told_, true))
      put(STDERR_FILENO, fmt::format("{}stopping when '{}' has ended what it is at\n"
                                     "(Ctrl-C twice more ends it in the middle)\n",
                                     moving_ ? "\r\x1b[K" : "", step.id));
    if (verbose_ || line.starts_with(apply::kAloud))
      put(STDERR_FILENO, fmt::format("    {}{}\n", going_.several() ? step.id + ": " : "",
                                     base::harmless(base::trim(line))));
    else if (moving_)
      draw();
  }

  void step_ends(const steps::Step& step, const Result<>& how, double seconds, bool was_done) override {
    const std::string head = going_.end(step.id);
    if (quiet_) return;
    const std::string end = !how       ? "failed: " + base::harmless(how.error().message())
                            : was_done ? "was done already"
                                       : "done, " + base::human_seconds(seconds);
    put(STDERR_FILENO, fmt::format("{}{}: {}\n", moving_ ? "\r\x1b[K" : "", head, end));
    if (moving_) draw();
  }

 private:
  void draw() const {
    put(STDERR_FILENO,
        "\r\x1b[K" + going_.line(std::chrono::steady_clock::now(), columns_of(STDERR_FILENO) - 1));
  }

  bool back_;  // undo: the step's reason is no reason to take it back
  bool quiet_;
  bool verbose_;
  bool moving_;
  bool told_ = false;  // that the stop comes late
  Going going_;
};

}  // namespace

report::Style output_style(const Options& options) {
  return {.columns = ::isatty(STDOUT_FILENO) == 1 ? columns_of(STDOUT_FILENO) : 80,
          .colour = colour_on(options, STDOUT_FILENO),
          .ascii = ::isatty(STDOUT_FILENO) == 1 && plain_locale()};
}

void say(const Options& options, std::string_view line) {
  if (!options.quiet) put(STDERR_FILENO, fmt::format("{}\n", line));
}

std::size_t error_columns() {
  const char* term = std::getenv("TERM");
  const bool moving = ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
  return moving ? columns_of(STDERR_FILENO) : 0;
}

void draw(std::string_view text) {
  put(STDERR_FILENO, text);
}

Result<> print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EPIPE) return ok;  // the reader has seen enough
    if (wrote <= 0) return Error(Errc::io, fmt::format("standard output: {}", std::strerror(errno)));
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ok;
}

bool can_ask(const Options& options) {
  return !options.no_input && ::isatty(STDIN_FILENO) == 1;
}

Result<bool> agree(const Options& options, std::string_view question) {
  if (options.yes) return true;
  if (!can_ask(options))
    return Error(Errc::refused,
                 fmt::format("{} Nobody was there to answer: --yes agrees in advance", question));
  put(STDERR_FILENO, fmt::format("{} [y/N] ", question));
  std::string answer;
  for (;;) {
    pollfd waiting{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, 200);
    if (host::interrupted()) return Error(Errc::cancelled, "nothing was changed");
    if (ready <= 0) continue;
    char c = 0;
    if (::read(STDIN_FILENO, &c, 1) <= 0 || c == '\n') break;
    answer += c;
  }
  const std::string word = base::lower(base::trim(answer));
  return word == "y" || word == "yes";
}

std::unique_ptr<apply::Observer> make_observer(const Options& options, bool back) {
  return std::make_unique<Terminal>(options, back);
}

}  // namespace bringup::cli
