// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packages of later steps, fetched while this step keeps the processors busy: for the minutes in which DKMS
// builds a driver, the network would idle.

#include <bringup/apply/packages.hpp>

#include <atomic>
#include <exception>
#include <thread>

namespace bringup::apply {

class Ahead {
 public:
  // To fetch `packages` with what they need, unless there are none, or there is not room for them beside
  // `now`, which this step takes itself.
  Ahead(const std::vector<std::string>& packages, const Room& now, const Hands& hands)
      : packages_(packages), now_(now), hands_(hands) {}
  // Stops a fetch that nobody waited for.
  ~Ahead();
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  // Once. What goes wrong is no error: the later step fetches for itself.
  void begin();
  void wait();

 private:
  void fetch();

  const std::vector<std::string> packages_;
  const Room now_;
  const Hands& hands_;

  std::atomic<bool> unwanted_ = false;
  std::exception_ptr thrown_;
  std::thread thread_;
};

// Options that make apt use what was fetched ahead; none when nothing was.
std::vector<std::string> with_fetched_ahead(const host::View& view);
// The bytes of it, of packages that are whole.
std::uint64_t fetched_ahead(const host::View& view);
// Gives its room back.
Result<> drop_fetched_ahead(const Hands& hands);

}  // namespace bringup::apply
