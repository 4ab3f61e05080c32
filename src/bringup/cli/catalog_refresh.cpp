// SPDX-License-Identifier: Apache-2.0
// The catalog held against the package index that this machine uses.
#include <bringup/catalog/refresh.hpp>
#include <bringup/cli/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/host/download.hpp>
#include <bringup/report/catalog.hpp>

#include <fmt/format.h>

#include <cstdlib>

namespace bringup::cli {
namespace {

// The index that pip and uv would ask here, else the catalog's own source.
std::string index_url() {
  for (const char* name : {"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  const catalog::Source* pypi = catalog::built_in().source("pypi");
  return pypi == nullptr ? "https://pypi.org/simple/" : pypi->url;
}

Result<std::string> fetched(const host::View& view, const std::string& url) {
  host::Command command = host::download_command(view, url);
  if (command.argv.empty()) return Error(Errc::absent, "neither curl nor wget is here to ask the index with");
  command.deadline = std::chrono::seconds(90);
  host::Outcome outcome = TRY(view.ask(command));
  if (outcome.success()) return std::move(outcome.out);
  return Error(Errc::unreachable, fmt::format("{}: {}", url, host::why_not_downloaded(outcome)));
}

// Names and passwords in an index's address stay out of what is printed.
std::string without_login(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.find('@');
  const std::size_t slash = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (scheme == std::string::npos || at == std::string::npos || at > slash) return url;
  return url.substr(0, scheme + 3) + url.substr(at + 1);
}

}  // namespace

Result<int> refresh_catalog(const Options& options, const Doors& doors) {
  const std::string index = index_url();
  if (without_login(index) != index)
    return Error(
        Errc::unsupported,
        fmt::format("the index {} is given with a name or password, which would stand in the process list; "
                    "set PIP_INDEX_URL to one without",
                    without_login(index)));
  say(options, fmt::format("asking {} about torch and its companions", index));
  const std::string today = host::iso_time(doors.clock.now()).substr(0, 10);
  catalog::Refreshed refreshed = TRY(catalog::refresh(
      catalog::built_in(), index, [&doors](const std::string& url) { return fetched(doors.view, url); },
      today));
  refreshed.index = without_login(index);
  TRY(print(options.json ? report::catalog_refresh_json(refreshed)
                         : report::catalog_refresh_text(refreshed, output_style(options))));
  if (options.write.empty()) return exit_ok;
  if (refreshed.added.empty()) {
    say(options, "no row is new; " + options.write + " was not written");
    return exit_ok;
  }
  TRY(write_whole(options.write,
                  catalog::rows_toml(refreshed.added,
                                     fmt::format("Read off {} on {}; not tried.", refreshed.index, today))));
  say(options,
      fmt::format("{} written: put its rows before the first in wheels.toml, and 'bringup catalog check DIR' "
                  "says whether they fit",
                  options.write));
  return exit_ok;
}

}  // namespace bringup::cli
