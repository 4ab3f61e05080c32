// SPDX-License-Identifier: Apache-2.0
#pragma once
// TLS over a connection of our own, by the OpenSSL that nearly every system has: without libcurl it tells a
// place that answers from one that only takes connections. For a process that ends soon: nothing is cleaned
// up.

#include <bringup/base/result.hpp>

#include <chrono>
#include <string>
#include <string_view>

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
  Tls(const OpenSsl& ssl, int socket, void* session, const Deadline& deadline)
      : ssl_(&ssl), socket_(socket), session_(session), deadline_(deadline) {}
  Result<> greet(const std::string& host) const;
  Result<> wait(int code) const;

  const OpenSsl* ssl_;
  int socket_;
  void* session_;
  Deadline deadline_;
};

}  // namespace bringup::measure
