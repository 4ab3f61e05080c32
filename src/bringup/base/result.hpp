// SPDX-License-Identifier: Apache-2.0
#pragma once
// A value, or the error that says why there is none; TRY passes the error on.

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace bringup::base {

// What kind of "no" it was. `absent` (it is not there) is kept apart from every way of not having been able
// to look.
enum class Errc {
  absent,       // looked, and it is not there
  denied,       // no permission to look or to act
  malformed,    // there, but not in the form that was expected
  unsupported,  // this machine, library or version has no such thing
  unreachable,  // a network peer did not answer
  busy,         // held by somebody else
  timeout,      // the deadline passed
  refused,      // would remove, downgrade or overwrite what was not agreed
  stale,        // the machine is no longer the one that the plan was made for
  cancelled,    // the user said stop
  usage,        // the words of the command or of a file that the user wrote
  io,           // reading or writing failed, a full disk among others
  failed,       // everything else that can go wrong outside
};

class [[nodiscard]] Error {
 public:
  Error(Errc code, std::string cause) : code_(code), message_(std::move(cause)) {}

  Errc code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error, told by the caller who knows what it was for: "doing: cause".
  Error within(const std::string& doing) && { return {code_, doing + ": " + message_}; }

  bool operator==(const Error&) const = default;

 private:
  Errc code_;
  std::string message_;
};

struct Nothing {
  bool operator==(const Nothing&) const = default;
};

template <typename T = Nothing>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  const T& operator*() const& { return std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error error() && { return std::get<1>(std::move(state_)); }
  T take() && { return std::get<0>(std::move(state_)); }
  T value_or(T other) const { return *this ? **this : std::move(other); }

  // The same result; if it is an error, told by the caller who knows what it was for.
  Result within(const std::string& doing) && {
    if (*this) return std::move(*this);
    return std::get<1>(std::move(state_)).within(doing);
  }

  bool operator==(const Result&) const = default;

 private:
  std::variant<T, Error> state_;
};

inline const Result<> ok{Nothing{}};

}  // namespace bringup::base

namespace bringup {
using base::Errc;
using base::Error;
using base::ok;
using base::Result;
}  // namespace bringup

#define BRINGUP_JOIN_(a, b) a##b
#define BRINGUP_JOIN(a, b) BRINGUP_JOIN_(a, b)
#define BRINGUP_TRY_NAMED(tmp, expr)         \
  __extension__({                            \
    auto tmp = (expr);                       \
    if (!tmp) return std::move(tmp).error(); \
    std::move(tmp).take();                   \
  })
// The value of `expr`, or a return of its error from the function that stands here.
#define TRY(expr) BRINGUP_TRY_NAMED(BRINGUP_JOIN(try_, __COUNTER__), expr)
