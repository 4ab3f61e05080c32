// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the choice asks of kernels and of their headers.

#include <bringup/resolve/problem.hpp>

namespace bringup::resolve {

// Installed packages that pull in the newest kernel, to be held while a driver is installed; with `headers`,
// the header packages that come with the driver, where their name is one for all kernels.
std::vector<std::string> kernels_to_hold(const facts::Machine& machine,
                                         const std::vector<std::string>& headers);
// The packages of headers that these kernels lack, by the pattern of the archive or of NVIDIA's repository.
std::vector<std::string> missing_headers(const Problem& problem, const std::vector<std::string>& kernels);

}  // namespace bringup::resolve
