// SPDX-License-Identifier: Apache-2.0
// libcurl's public interface as far as it is used here; the numbers of its options are part of its ABI
// (curl.se/libcurl/c/symbols-in-versions.html).
#include <bringup/base/text.hpp>
#include <bringup/gpu/library.hpp>
#include <bringup/measure/ask.hpp>
#include <bringup/measure/status.hpp>

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace bringup::measure {
namespace {

enum Option : int {
  no_body = 44,
  no_signal = 99,
  timeout_ms = 155,
  url = 10002,
  error_buffer = 10010,
  user_agent = 10018,
  ca_file = 10065,
  ca_directory = 10097,
};
enum Info : int { response_code = 0x200002, connect_code = 0x200016, os_errno = 0x200019 };
enum Code : int {
  no_proxy_name = 5,
  no_host_name = 6,
  not_connected = 7,
  timed_out = 28,
  tls_handshake = 35,
  not_trusted = 60,
  no_ca_file = 77
};

struct Curl {
  void* (*make)() = nullptr;
  int (*set)(void*, int, ...) = nullptr;
  int (*perform)(void*) = nullptr;
  int (*get)(void*, int, ...) = nullptr;
  const char* (*words)(int) = nullptr;
};

Result<Curl> bind(const gpu::Library& library) {
  Curl curl;
  TRY(library.bind(curl.make, "curl_easy_init"));
  TRY(library.bind(curl.set, "curl_easy_setopt"));
  TRY(library.bind(curl.perform, "curl_easy_perform"));
  TRY(library.bind(curl.get, "curl_easy_getinfo"));
  TRY(library.bind(curl.words, "curl_easy_strerror"));
  return curl;
}

// Where the user says their certificates are: for those whose proxy opens TLS, the only way to trust it.
void set_certificates(const Curl& curl, void* handle) {
  for (const auto& [name, option] :
       {std::pair{"SSL_CERT_FILE", ca_file}, {"CURL_CA_BUNDLE", ca_file}, {"SSL_CERT_DIR", ca_directory}}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      curl.set(handle, option, value);
    }
  }
}

std::string reason(const Curl& curl, void* handle, int code, const char* detail,
                   std::chrono::milliseconds deadline) {
  long number = 0;
  std::string words = *detail != '\0' ? detail : curl.words(code);
  switch (code) {
    case no_proxy_name:
      return "the name of the proxy does not resolve";
    case no_host_name:
      return "the name does not resolve";
    case not_connected:
      curl.get(handle, os_errno, &number);
      return number != 0 ? base::lower(std::strerror(static_cast<int>(number))) : words;
    case timed_out:
      return too_late(deadline);
    case tls_handshake:
    case not_trusted:
    case no_ca_file:
      return "the certificate is not trusted: " + words;
    default:
      return words;
  }
}

}  // namespace

Result<> ask_with_curl(const std::string& name, const std::string& address,
                       std::chrono::milliseconds deadline) {
  const gpu::Library library = TRY(gpu::Library::open(name));
  const Curl curl = TRY(bind(library));
  void* handle = curl.make();
  if (handle == nullptr) return Error(Errc::failed, "libcurl could not be started");
  std::array<char, 256> detail{};
  curl.set(handle, url, address.c_str());
  curl.set(handle, no_body, 1L);
  curl.set(handle, no_signal, 1L);
  curl.set(handle, timeout_ms, static_cast<long>(deadline.count()));
  curl.set(handle, error_buffer, detail.data());
  curl.set(handle, user_agent, "bringup/" BRINGUP_VERSION);
  set_certificates(curl, handle);
  const int code = curl.perform(handle);  // the process ends soon: nothing is cleaned up
  long connect = 0;
  curl.get(handle, connect_code, &connect);
  if (code != 0 && connect != 0 && (connect < 200 || connect >= 300)) return judge_status(connect);
  if (code != 0) return Error(Errc::unreachable, reason(curl, handle, code, detail.data(), deadline));
  long status = 0;
  curl.get(handle, response_code, &status);
  return judge_status(status);
}

}  // namespace bringup::measure
