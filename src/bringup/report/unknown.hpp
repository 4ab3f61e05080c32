// SPDX-License-Identifier: Apache-2.0
#pragma once
// What could not be looked at: the same list for people and for programs.

#include <bringup/facts/machine.hpp>

#include <string>
#include <vector>

namespace bringup::report {

struct Unknown {
  std::string gpu;   // address of the GPU that it is about; "" for the machine
  std::string fact;  // the place in the document: "machine.glibc", "gpus[0].link"
  std::string why;
  Errc code = Errc::failed;  // absent: looked, and it is not there
};

// Every fact that facts_json writes as null because it could not be read.
std::vector<Unknown> unknown_facts(const facts::Machine& machine);

}  // namespace bringup::report
