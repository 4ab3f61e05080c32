// SPDX-License-Identifier: Apache-2.0
#pragma once
// Goes through the steps of one run, forward or back, and journals each.

#include <bringup/apply/journal.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace bringup::apply {

class Conductor {
 public:
  Conductor(Log log, host::Control& control, const host::Clock& clock, const Settings& settings,
            Observer& observer)
      : log_(std::move(log)),
        control_(control),
        clock_(clock),
        settings_(settings),
        observer_(observer),
        journal_(control, clock, journal_path(settings, log_.run.id)) {
    for (const Progress& step : log_.steps) begun_ = std::max<std::size_t>(begun_, step.order);
  }

  Journal& journal() { return journal_; }

  Result<Run> forward();
  Result<Run> backward();

 private:
  Hands hands_for(const steps::Step& step, bool again);
  Result<bool> do_step(std::size_t index, const std::function<void()>& disk_is_free);
  Result<> tell_and_do(std::size_t index, const std::function<void()>& disk_is_free);
  std::vector<std::string> packages_after(std::size_t index) const;
  Result<> perform_and_look(std::size_t index, bool again, const std::function<void()>& disk_is_free);
  Result<> take_back(std::size_t index);
  bool goes_with_its_env(std::size_t index) const;
  std::vector<std::size_t> last_begun_first() const;
  Result<> keep(std::size_t index, const Error& why);
  Error stop(const steps::Step* step, Error why);
  Result<Run> end(std::string_view state);

  Log log_;
  host::Control& control_;
  const host::Clock& clock_;
  const Settings& settings_;
  Observer& observer_;
  std::mutex telling_;  // two lanes tell the same observer
  Journal journal_;
  std::atomic<std::size_t> begun_ = 0;  // how many steps were ever begun
  bool index_is_fresh_ = false;         // only the machine's lane asks
};

}  // namespace bringup::apply
