// SPDX-License-Identifier: Apache-2.0
#pragma once
// Children that live on and answer one question after the other, a line each way. One that hangs is killed
// and one that dies is missed; neither takes another with it.

#include <bringup/base/result.hpp>
#include <bringup/host/fd.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bringup::measure {

// What a child does: made inside the child, by `begin` below.
struct Duty {
  std::function<std::string(const std::string& question)> answer;  // neither text has a line end
  std::function<void()> idle = nullptr;                            // between questions, again and again
  std::chrono::milliseconds every{-1};                             // how often
};

class Crew {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();  // as dismiss

  // Forks. `name` is for errors: "GPU 0000:06:00.0". Returns the member's number.
  int hire(std::string name, const std::function<Duty()>& begin);

  struct Question {
    int member = 0;
    std::string text;
  };
  // Asks them all at once and waits for all. Errc::timeout: did not answer `doing` by the deadline and was
  // killed; Errc::failed: died, and of what. A member that is gone gives its error again. Errc::cancelled:
  // the user said stop; nobody is killed for that but those who were asked.
  std::vector<Result<std::string>> ask(const std::vector<Question>& questions, const std::string& doing,
                                       std::chrono::milliseconds deadline);

  pid_t process(int member) const;
  bool gone(int member) const;
  // Lets one leave without waiting for it; it cannot be asked any more.
  void let_go(int member);
  // Lets the members leave, all together; kills those that have not after two seconds. Takes their processes'
  // memory back from the GPUs.
  void dismiss();

 private:
  struct Member {
    std::string name;
    pid_t pid = -1;
    host::Fd line;
    std::string heard;
    std::optional<Error> end;  // why it is gone
  };
  void lose(Member& member, Error why);
  void hear(Member& member, const std::string& doing);

  std::vector<Member> members_;
};

}  // namespace bringup::measure
