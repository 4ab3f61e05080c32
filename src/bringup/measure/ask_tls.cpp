// SPDX-License-Identifier: Apache-2.0
// OpenSSL's public interface as far as it is used here; the numbers are part of its ABI, alike in 1.1 and 3
// (docs.openssl.org/master/man3).
#include <bringup/gpu/library.hpp>
#include <bringup/measure/ask_tls.hpp>
#include <bringup/measure/status.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <poll.h>

namespace bringup::measure {
struct OpenSsl {
  void* (*method)() = nullptr;
  void* (*make_context)(void*) = nullptr;
  int (*default_paths)(void*) = nullptr;
  int (*more_paths)(void*, const char*, const char*) = nullptr;
  void (*free_context)(void*) = nullptr;
  void* (*make)(void*) = nullptr;
  void (*free)(void*) = nullptr;
  int (*set_socket)(void*, int) = nullptr;
  long (*control)(void*, int, long, void*) = nullptr;
  int (*set_host)(void*, const char*) = nullptr;
  int (*connect)(void*) = nullptr;
  int (*read)(void*, void*, int) = nullptr;
  int (*write)(void*, const void*, int) = nullptr;
  int (*error)(const void*, int) = nullptr;
  long (*verified)(const void*) = nullptr;
  const char* (*words)(long) = nullptr;
  const char* (*default_file)() = nullptr;
  const char* (*default_directory)() = nullptr;
};

namespace {

enum Control : int { set_host_name = 55 };
enum Code : int { want_read = 2, want_write = 3, zero_return = 6 };
constexpr long kTrusted = 0;

Result<OpenSsl> bind(const gpu::Library& library) {
  OpenSsl ssl;
  TRY(library.bind(ssl.method, "TLS_client_method"));
  TRY(library.bind(ssl.make_context, "SSL_CTX_new"));
  TRY(library.bind(ssl.default_paths, "SSL_CTX_set_default_verify_paths"));
  TRY(library.bind(ssl.more_paths, "SSL_CTX_load_verify_locations"));
  TRY(library.bind(ssl.free_context, "SSL_CTX_free"));
  TRY(library.bind(ssl.make, "SSL_new"));
  TRY(library.bind(ssl.free, "SSL_free"));
  TRY(library.bind(ssl.set_socket, "SSL_set_fd"));
  TRY(library.bind(ssl.control, "SSL_ctrl"));
  TRY(library.bind(ssl.set_host, "SSL_set1_host"));
  TRY(library.bind(ssl.connect, "SSL_connect"));
  TRY(library.bind(ssl.read, "SSL_read"));
  TRY(library.bind(ssl.write, "SSL_write"));
  TRY(library.bind(ssl.error, "SSL_get_error"));
  TRY(library.bind(ssl.verified, "SSL_get_verify_result"));
  TRY(library.bind(ssl.words, "X509_verify_cert_error_string"));
  TRY(library.bind(ssl.default_file, "X509_get_default_cert_file"));
  TRY(library.bind(ssl.default_directory, "X509_get_default_cert_dir"));
  return ssl;
}

// Kept open for as long as the process lives.
Result<OpenSsl> open() {
  static std::optional<gpu::Library> kept;
  for (const char* name : {"libssl.so.3", "libssl.so.1.1"}) {
    auto library = gpu::Library::open(name);
    if (!library) continue;
    kept = std::move(*library);
    return bind(*kept);
  }
  return Error(Errc::absent, "no OpenSSL is here");
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// A system that its installer has just left may know no certificates yet; uv brings its own.
bool has_certificates(const OpenSsl& ssl) {
  std::error_code error;
  return is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR") || is_set("CURL_CA_BUNDLE") ||
         std::filesystem::exists(ssl.default_file(), error) ||
         (std::filesystem::exists(ssl.default_directory(), error) &&
          !std::filesystem::is_empty(ssl.default_directory(), error));
}

}  // namespace

int Deadline::left() const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until_ - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

Error Deadline::passed() const {
  return {Errc::unreachable, too_late(whole_)};
}

Result<> wait_for(int socket, bool to_write, const Deadline& deadline) {
  pollfd waiting{.fd = socket, .events = static_cast<short>(to_write ? POLLOUT : POLLIN), .revents = 0};
  return ::poll(&waiting, 1, deadline.left()) == 0 ? Result<>(deadline.passed()) : ok;
}

// OpenSSL says what it waits for; all else is the end of it.
Result<> Tls::wait(int code) const {
  const int why = ssl_->error(session_.get(), code);
  if (why == want_read || why == want_write) return wait_for(socket_, why == want_write, deadline_);
  return Error(Errc::unreachable, "the connection was closed, or what answers there speaks no TLS");
}

Result<> Tls::greet(const std::string& host) const {
  std::string name = host;
  ssl_->control(session_.get(), set_host_name, 0, name.data());
  if (ssl_->set_host(session_.get(), name.c_str()) != 1 || ssl_->set_socket(session_.get(), socket_) != 1)
    return Error(Errc::failed, "OpenSSL could not be started");
  for (int code = ssl_->connect(session_.get()); code != 1; code = ssl_->connect(session_.get()))
    TRY(wait(code));
  const long verified = ssl_->verified(session_.get());
  if (verified == kTrusted || !has_certificates(*ssl_)) return ok;
  return Error(Errc::unreachable, fmt::format("the certificate is not trusted: {}", ssl_->words(verified)));
}

Result<Tls> Tls::over(int socket, const std::string& host, const Deadline& deadline) {
  static const Result<OpenSsl> opened = open();
  if (!opened) return opened.error();
  const OpenSsl& ssl = *opened;
  // A session holds on to the context that it came from.
  const OwnedByOpenSsl context(ssl.make_context(ssl.method()), {ssl.free_context});
  if (context == nullptr) return Error(Errc::failed, "OpenSSL could not be started");
  ssl.default_paths(context.get());
  if (const char* file = std::getenv("CURL_CA_BUNDLE"); file != nullptr && *file != '\0')
    ssl.more_paths(context.get(), file, nullptr);
  OwnedByOpenSsl session(ssl.make(context.get()), {ssl.free});
  if (session == nullptr) return Error(Errc::failed, "OpenSSL could not be started");
  Tls tls(ssl, socket, std::move(session), deadline);
  TRY(tls.greet(host));
  return tls;
}

Result<> Tls::send(std::string_view text) const {
  for (;;) {
    const int wrote = ssl_->write(session_.get(), text.data(), static_cast<int>(text.size()));
    if (wrote > 0) return ok;
    TRY(wait(wrote));
  }
}

Result<std::string> Tls::receive() const {
  for (std::array<char, 1024> buffer{};;) {
    const int got = ssl_->read(session_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (got > 0) return std::string(buffer.data(), static_cast<std::size_t>(got));
    if (ssl_->error(session_.get(), got) == zero_return) return std::string();
    TRY(wait(got));
  }
}

}  // namespace bringup::measure
