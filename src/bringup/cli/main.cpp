// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/help.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/host/command.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>

namespace {

using namespace bringup;

extern "C" void on_interrupt(int /*signal*/) {
  host::note_interrupt();
}

void listen_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
}

Result<int> run(const std::vector<std::string>& arguments) {
  const cli::Options options = TRY(cli::parse(arguments));
  if (options.version) {
    TRY(cli::print("bringup " BRINGUP_VERSION "\n"));
    return cli::exit_ok;
  }
  if (options.help) {
    TRY(cli::print(options.verb.empty() ? cli::help_text() : cli::help_text(options.verb)));
    return cli::exit_ok;
  }
  const cli::Verb* verb = cli::find_verb(options.verb);
  const auto view = host::real_view();
  cli::take_catalog(options, *view);
  const auto control = cli::changes(*verb, options) ? host::real_control() : nullptr;
  return verb->run(options, {.view = *view, .control = control.get(), .clock = host::real_clock()});
}

}  // namespace

int main(int argc, char** argv) {
  listen_for_interrupts();
  try {
    const auto code = run(std::vector<std::string>(argv + 1, argv + argc));
    if (code) return *code;
    const bool interrupted = host::interrupted();
    (void)std::fputs(fmt::format("bringup: {}\n", base::harmless(code.error().message())).c_str(), stderr);
    return interrupted ? cli::exit_interrupted : cli::exit_code(code.error().code());
  } catch (const std::exception& error) {
    (void)std::fputs(
        fmt::format("bringup: internal error: {}; please report it with what you typed\n", error.what())
            .c_str(),
        stderr);
    return cli::exit_internal;
  }
}
