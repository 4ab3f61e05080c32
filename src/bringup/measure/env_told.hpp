// SPDX-License-Identifier: Apache-2.0
#pragma once
// What prove_env.py tells, read as values: a line of JSON when a part begins, and one when it ends. For .cpp
// files.

#include <bringup/facts/measurement.hpp>

#include <string>
#include <string_view>

namespace bringup::measure {

struct EnvTold {
  facts::EnvProof proof;  // parts that began and did not end have the error `open`
  bool any = false;       // something was told to its end
  bool whole = false;     // the script came to its own end
  std::string doing;      // what had begun and not ended, "importing torch"; "" for nothing
};

// Reads all that `out` holds, whole or cut short. What is no such line is passed over: a module may print
// what it likes. Whatever is not in the form of an answer is an error in its place; none of it can throw.
EnvTold read_told(std::string_view out, const Error& open);

}  // namespace bringup::measure
