// SPDX-License-Identifier: Apache-2.0
#pragma once
// A value, or the error that says why there is none; TRY passes the error on.

#include <memory>
#include <string>
#include <utility>

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

// The error was asked for where there is a value, or the other way round: a defect of the program, thrown as
// std::logic_error.
[[noreturn]] void wrong_half();

// Not over std::variant, whose tables for copying, moving and comparing every file would compile for itself.
template <typename T = Nothing>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value)  // NOLINT(google-explicit-constructor)
      : value_(std::move(value)), has_value_(true) {}
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : error_(std::move(error)), has_value_(false) {}
  Result(const Result& other) : has_value_(other.has_value_) {
    if (has_value_)
      std::construct_at(std::addressof(value_), other.value_);
    else
      std::construct_at(std::addressof(error_), other.error_);
  }
  Result(Result&& other) noexcept : has_value_(other.has_value_) { become(std::move(other)); }
  Result& operator=(const Result& other) { return *this = Result(other); }
  Result& operator=(Result&& other) noexcept {
    if (this == &other) return *this;
    end();
    has_value_ = other.has_value_;
    become(std::move(other));
    return *this;
  }
  ~Result() { end(); }

  explicit operator bool() const { return has_value_; }
  const T& operator*() const& { return value(); }
  T& operator*() & { return const_cast<T&>(value()); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &**this; }
  const Error& error() const& {
    if (has_value_) wrong_half();
    return error_;
  }
  Error error() && { return const_cast<Error&&>(std::as_const(*this).error()); }
  T take() && { return std::move(**this); }
  T value_or(T other) const { return has_value_ ? value_ : std::move(other); }

  // The same result; if it is an error, told by the caller who knows what it was for.
  Result within(const std::string& doing) && {
    if (has_value_) return std::move(*this);
    return std::move(error_).within(doing);
  }

  bool operator==(const Result& other) const {
    if (has_value_ != other.has_value_) return false;
    return has_value_ ? value_ == other.value_ : error_ == other.error_;
  }

 private:
  const T& value() const {
    if (!has_value_) wrong_half();
    return value_;
  }
  // Of two that hold the same half, into nothing.
  void become(Result&& other) {
    if (has_value_)
      std::construct_at(std::addressof(value_), std::move(other.value_));
    else
      std::construct_at(std::addressof(error_), std::move(other.error_));
  }
  void end() {
    if (has_value_)
      std::destroy_at(std::addressof(value_));
    else
      std::destroy_at(std::addressof(error_));
  }

  union {
    T value_;
    Error error_;
  };
  bool has_value_;
};

inline constinit const Result<> ok{Nothing{}};

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
