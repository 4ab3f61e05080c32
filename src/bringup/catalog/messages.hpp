// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the field's programs say when they fail, and what it means: Xids of the kernel module, codes of CUDA,
// NVML and NCCL, and messages by their form. Apart from the other tables, because only `explain`
// and the rule xid-errors read them.

#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/pattern.hpp>

namespace bringup::catalog {

// Whom an Xid points at: a broken or worn part, the program that ran, the driver or its firmware, the links
// between GPUs, nobody (it reports, or is not in use).
enum class Blame { hardware, program, driver, link, nobody };
std::string_view blame_name(Blame blame);

struct Xid {
  int number = 0;
  std::string name;  // "GPU_HAS_FALLEN_OFF_THE_BUS"
  Blame blame = Blame::nobody;
  std::string cause;
  std::string todo;
  std::string rule;  // of the doctor, about the same; "" for none
  Provenance from;
};

enum class Api { cuda, nvml, nccl };
std::string_view api_name(Api api);  // "CUDA"

struct Code {
  Api api = Api::cuda;
  int number = 0;
  std::vector<std::string> names;  // "cudaErrorNoDevice", "CUDA_ERROR_NO_DEVICE"
  std::string message;             // as the library words it; "" when it has none of its own
  std::string cause;
  std::string todo;
  std::string rule;
  std::string show;  // as a Signature's
  Provenance from;
};

struct Signature {
  std::string id;  // "torch-not-compiled-with-cuda"
  Pattern pattern;
  std::string cause;  // {1} is what the first hole took
  std::string todo;
  std::string rule;
  std::string show;  // what of this machine belongs to it: "gpus", "driver", "torch" ...; or which table its
                     // hole leads to: "=xid", "=cuda", "=nvml"; "" for nothing
  Provenance from;
};

struct Messages {
  std::vector<Xid> xids;              // by number
  std::vector<Code> codes;            // by api and number
  std::vector<Signature> signatures;  // by id

  const Xid* xid(std::int64_t number) const;
  std::vector<const Code*> codes_of(std::int64_t number) const;
  const Code* code(std::string_view name) const;  // by any of its names, whatever its case
};

// Reads and checks xids.tsv, codes.tsv and messages.tsv; the first bad row is an error "messages.tsv:12:
// ...".
Result<Messages> load_messages(const Files& files);
// Of the files in use, read once. A replacement that lacks them leaves the compiled-in ones.
const Messages& messages();

}  // namespace bringup::catalog
