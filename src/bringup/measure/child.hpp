// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work in forked children: each returns a text, or its end is the error.

#include <bringup/base/result.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bringup::measure {

using Work = std::function<std::string()>;

// Runs each work in a child of its own, all at once; at the deadline those that still run are killed. A child
// has none of this process's files open (a wedged one must not hold a lock for ever), and what it prints is
// dropped. Errc::timeout: did not answer by the deadline, even if it cannot be killed, which is waited for no
// longer than two seconds; Errc::failed: died of a signal, which is named, or left with another code than 0;
// Errc::cancelled: the user said stop.
// `meanwhile` is called once, when all of them run: a thread that it starts is in none of them.
std::vector<Result<std::string>> in_children(const std::vector<Work>& works,
                                             std::chrono::milliseconds deadline,
                                             const std::function<void()>& meanwhile = {});

// "signal 11 (SIGSEGV)"
std::string signal_words(int signal);

}  // namespace bringup::measure
