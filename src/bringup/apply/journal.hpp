// SPDX-License-Identifier: Apache-2.0
#pragma once
// The journal of a run: lines with a checksum, and what is to be read out of them. doc/journal.md has the
// format.

#include <bringup/apply/apply.hpp>
#include <bringup/apply/hands.hpp>

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

inline constexpr int kJournalFormat = 1;

// "1a2b3c4d {...}\n": the CRC-32C of the JSON text, a blank, the JSON text on one line.
std::string encode_record(const Json& record);

struct Decoded {
  std::vector<Json> records;  // up to the first that is not whole
  std::size_t whole = 0;      // bytes that those take
  bool torn = false;          // a last line without an end follows: a record that was being written
  bool damaged = false;       // a complete line follows that is not what was written
};
Decoded decode_journal(std::string_view bytes);

// What is known of one step.
struct Progress {
  bool begun = false;        // its intent was journaled, and it was not taken back since
  bool done = false;         // its postcondition was seen after that
  bool was_done = false;     // it held already; there is nothing to take back
  bool taking_back = false;  // taking it back began
  bool taken_back = false;
  std::optional<Json> before = {};  // the first that was remembered
  std::string from = {};            // the run whose half-done work this one took over
  std::size_t order = 0;            // which was begun before which; from 1
  bool open() const { return begun && !done; }
};

// A run as its journal tells it.
struct Log {
  Run run;
  std::vector<Progress> steps;  // as many as the plan has
  bool undoing = false;         // taking back began
  std::size_t whole = 0;
  bool torn = false;
  bool damaged = false;
};

// Errc::absent when not even the plan was journaled whole: then nothing was done. Errc::unsupported for a
// format of a later version.
Result<Log> read_log(std::string_view bytes);

// The plan as the journal keeps it: addresses without names and passwords.
steps::Plan without_secrets(steps::Plan plan);

// Adds records to one run's file, whole ones from several threads. After an append that failed nothing more
// is written: what got to the disk of it is not known.
class Journal {
 public:
  Journal(host::Control& control, const host::Clock& clock, std::string path)
      : control_(control), clock_(clock), path_(std::move(path)) {}
  // Adds {"record": name, "at": now, ...fields}.
  Result<> add(std::string_view name, const Json& fields = Json::object());
  bool broken() const { return broken_; }

 private:
  host::Control& control_;
  const host::Clock& clock_;
  std::string path_;
  std::mutex mutex_;
  bool broken_ = false;
};

// Whether both steps are about the same thing of the machine.
bool same_thing(const steps::Step& a, const steps::Step& b);

// history.cpp
std::string journal_path(const Settings& settings, std::string_view id);
// All runs that can be read, oldest first.
Result<std::vector<Log>> read_logs(const host::View& view, const Settings& settings);
// The newest id that was given, of a run with or without a plan; "" for none.
Result<std::string> newest_run_id(const host::View& view, const Settings& settings);
// An id that sorts behind `newest` ("" for none), whatever the clock says.
std::string new_run_id(const host::Clock& clock, std::string_view newest);

}  // namespace bringup::apply
