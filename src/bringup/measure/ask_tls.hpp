// SPDX-License-Identifier: Apache-2.0
#pragma once
// TLS over a connection of our own, by the OpenSSL that nearly every system has: without libcurl it tells a
// place that answers from one that only takes connections.

#include <bringup/base/result.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bringup::measure {

// How long is left, in the form that poll wants.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds whole)
      : whole_(whole), until_(std::chrono::steady_clock::now() + whole) {}
  int left() const;
  Error passed() const;

 private:
  std::chrono::milliseconds whole_;
  std::chrono::steady_clock::time_point until_;
};

// Waits until the socket can be read, or written.
Result<> wait_for(int socket, bool to_write, const Deadline& deadline);

struct OpenSsl;

// What OpenSSL made is given back by a function of the library, which is known only at run time.
struct FreedByOpenSsl {
  void (*free)(void*);
  void operator()(void* made) const { free(made); }
};
using OwnedByOpenSsl = std::unique_ptr<void, FreedByOpenSsl>;

class Tls {
 public:
  // Greets `host` over a connected socket that does not block, which outlives this. Errc::absent: no OpenSSL
  // is here. Errc::unreachable: there is no TLS, or its certificate is not trusted, unless this machine has
  // no certificates to trust at all.
  static Result<Tls> over(int socket, const std::string& host, const Deadline& deadline);

  Result<> send(std::string_view text) const;
  // What has come, waited for; "" at the end.
  Result<std::string> receive() const;

 private:
  Tls(const OpenSsl& ssl, int socket, OwnedByOpenSsl session, const Deadline& deadline)
      : ssl_(&ssl), socket_(socket), session_(std::move(session)), deadline_(deadline) {}
  Result<> greet(const std::string& host) const;
  Result<> wait(int code) const;

  const OpenSsl* ssl_;
  int socket_;
  OwnedByOpenSsl session_;
  Deadline deadline_;
};

}  // namespace bringup::measure
