// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sections of `facts`, in the order in which they are read.

#include <bringup/facts/machine.hpp>
#include <bringup/report/paint.hpp>

#include <array>
#include <string>

namespace bringup::report {

// Width of the first column in every section, so that the page is one table to the eye.
inline constexpr std::array<std::size_t, 1> kLabel{12};

// What stands in place of a value that is not there: the reason when one looked and it is absent, else
// "not known", and the reason at the end of the page.
template <typename T>
Cell missing(const facts::Reading<T>& reading) {
  const Error& error = reading.error();
  return {error.code() == Errc::absent ? plain(error.message()) : "not known", Tone::dim};
}

// facts_text.cpp and facts_text_gpus.cpp
void gpu_sections(Page& page, const facts::Machine& machine);

// facts_text_software.cpp: driver, kernels, packages, toolkits, Python, shells
void software_sections(Page& page, const facts::Machine& machine);

}  // namespace bringup::report
