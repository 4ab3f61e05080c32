// SPDX-License-Identifier: Apache-2.0
#pragma once
// What numbers, names, messages and whole logs say, by the catalog's tables, and what it means on one
// machine.

#include <bringup/catalog/messages.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/diagnose/needles.hpp>

#include <variant>

namespace bringup::diagnose {

using Subject = std::variant<const catalog::Xid*, const catalog::Code*, const catalog::Signature*>;

// Something that was recognised, once for all lines that say it.
struct Recognised {
  Subject subject;
  std::string line;                // the first that says it, cut; "" when it was asked for by number or name
  std::size_t first_line = 0;      // from 1; 0: not from text
  std::size_t count = 0;           // lines
  std::vector<std::string> holes;  // what the first line has in the pattern's holes
  std::vector<std::string> pci;    // addresses in the lines, each once
};

// "79", "xid 79", "cuda 802", "cudaErrorNoDevice", the id of a message; empty: it is none of these, and may
// be text.
std::vector<Recognised> by_name(const catalog::Messages& messages, std::string_view words);
bool is_number(std::string_view words);  // asks for a number, with or without whose it is

// The tables with what finds their rows in a line; made once for many logs.
struct MessageIndex {
  explicit MessageIndex(const catalog::Messages& rows);
  const catalog::Messages& messages;
  Needles needles;
};

// Reads a log as it comes, in pieces of any size; the memory that it takes does not grow with the log. Of a
// line only the beginning counts, colours are left out, and a carriage return begins a line anew.
class LogReader {
 public:
  explicit LogReader(const MessageIndex& index) : index_(index) {}
  void feed(std::string_view bytes);
  // What was recognised, in the order in which it first appeared.
  std::vector<Recognised> finish();
  std::size_t lines() const { return lines_; }

 private:
  void take_line();
  void add(const Subject& subject, const std::vector<catalog::Capture>& captures);

  const MessageIndex& index_;
  std::string line_;
  bool any_ = false;  // the line that is being read has bytes
  std::size_t lines_ = 0;
  std::vector<Recognised> found_;
};

// The message that has most words in common with the text; nullptr when none is near.
const catalog::Signature* nearest_message(const catalog::Messages& messages, std::string_view text);

// One thing, told.
struct Explanation {
  Recognised what;
  std::string kind;   // "xid", "cuda", "nvml", "nccl", "message"
  std::string id;     // "79", "802", "torch-oom"
  std::string title;  // "Xid 79, GPU_HAS_FALLEN_OFF_THE_BUS"
  std::string blame;  // of an Xid; "" for others
  std::string cause;
  std::vector<std::string> here;  // what it means on this machine, one sentence each
  std::string todo;
  std::string rule;  // of the doctor; "" for none
  catalog::Provenance from;
};

// `patient` is nullptr when the machine was not looked at: `here` is empty then.
Explanation explain(const Recognised& what, const Patient* patient);

// meaning.cpp: what of this machine belongs to it.
std::vector<std::string> meaning_here(const Recognised& what, std::string_view show, std::string_view rule,
                                      const Patient& patient);

}  // namespace bringup::diagnose
