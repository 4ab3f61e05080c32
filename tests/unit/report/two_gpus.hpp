// SPDX-License-Identifier: Apache-2.0
#pragma once
// A machine with two H200 as it might be.

#include <unit/report/values.hpp>

namespace bringup::report_testing {

facts::NvmlGpu h200(int index, const std::string& pci);
facts::PciFunction h200_function(const std::string& pci);
void add_software(facts::Machine& m);

// A small machine with two GPUs.
facts::Machine two_gpus();

}  // namespace bringup::report_testing
