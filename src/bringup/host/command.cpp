// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/host/fd.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace bringup::host {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kMostOutput = 64U << 20U;
constexpr auto kGrace = std::chrono::milliseconds(2000);  // between TERM and KILL

constexpr int kInsisted = 3;
volatile std::sig_atomic_t interrupted_ =  // how often
    0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): a signal handler's only means

// Settings of package managers, proxies and certificates, by exact name; none of them names a program to run
// or a library to load.
constexpr std::array kPass{"http_proxy",
                           "https_proxy",
                           "ftp_proxy",
                           "all_proxy",
                           "no_proxy",
                           "HTTP_PROXY",
                           "HTTPS_PROXY",
                           "FTP_PROXY",
                           "ALL_PROXY",
                           "NO_PROXY",
                           "SSL_CERT_FILE",
                           "SSL_CERT_DIR",
                           "CURL_CA_BUNDLE",
                           "REQUESTS_CA_BUNDLE",
                           "PIP_CERT",
                           "PIP_INDEX_URL",
                           "PIP_EXTRA_INDEX_URL",
                           "PIP_TRUSTED_HOST",
                           "PIP_DEFAULT_TIMEOUT",
                           "PIP_RETRIES",
                           "PIP_PROXY",
                           "PIP_FIND_LINKS",
                           "PIP_NO_INDEX",
                           "PIP_CONFIG_FILE",
                           "PIP_CACHE_DIR",
                           "UV_INDEX_URL",
                           "UV_DEFAULT_INDEX",
                           "UV_EXTRA_INDEX_URL",
                           "UV_INDEX",
                           "UV_NATIVE_TLS",
                           "UV_SYSTEM_CERTS",
                           "UV_CACHE_DIR",
                           "UV_HTTP_TIMEOUT",
                           "UV_OFFLINE",
                           "UV_FIND_LINKS",
                           "CONDA_SSL_VERIFY",
                           "CONDA_CHANNELS",
                           "CONDARC",
                           "HF_ENDPOINT",
                           "TZ",
                           "TERM",
                           "XDG_CACHE_HOME",
                           "HOME",
                           "USER",
                           "LOGNAME"};

std::vector<std::string> environment_for(const Command& command) {
  std::vector<std::string> env = clean_environment(environ);
  const auto set = [&env](const std::string& name, const std::string& value) {
    std::erase_if(env, [&name](const std::string& entry) { return entry.starts_with(name + "="); });
    env.push_back(fmt::format("{}={}", name, value));
  };
  if (command.as) {
    set("HOME", command.as->home);
    set("USER", command.as->name);
    set("LOGNAME", command.as->name);
    std::erase_if(env, [](const std::string& entry) { return entry.starts_with("XDG_CACHE_HOME="); });
  }
  for (const auto& [name, value] : command.environment) set(name, value);
  return env;
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return Error(errno == ENOENT || errno == ENOTDIR ? Errc::absent : Errc::denied,
                 fmt::format("{}: {}", name, std::strerror(errno)));
  }
  for (const std::string_view directory : base::split(kSystemPath, ':')) {
    std::string path = fmt::format("{}/{}", directory, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error(Errc::absent, fmt::format("no program '{}' in {}", name, kSystemPath));
}

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error(Errc::io, fmt::format("pipe: {}", std::strerror(errno)));
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// The lowest priority. Niceness counts within a session alone where the kernel groups by session (sched(7),
// autogroup), so the group is told as well; where there are no such groups, there is no such file.
void give_way() {
  (void)::setpriority(PRIO_PROCESS, 0, 19);
  const int group = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  if (group < 0) return;
  [[maybe_unused]] const ssize_t told = ::write(group, "19", 2);
  ::close(group);
}

// What was in memory, a token say, is left in no core file; no file grows beyond what is expected.
void bound_files(const Command& command) {
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);
  if (!command.most_bytes) return;
  const rlimit most{.rlim_cur = *command.most_bytes, .rlim_max = *command.most_bytes};
  (void)::setrlimit(RLIMIT_FSIZE, &most);
}

// Between fork and exec: only calls that are safe there. Reports the errno of what failed through `failure`.
[[noreturn]] void become(const Command& command, pid_t parent, int in, int out, int err, int failure,
                         const char* program, char* const* argv, char* const* env) {
  const std::optional<RunAs>& as = command.as;
  ::setsid();  // a group of its own, and no terminal: what would ask there fails, and does not wait for ever
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) (void)std::signal(number, SIG_DFL);
  if (command.gives_way) give_way();
  bound_files(command);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  bool fine = ::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0;
  if (fine && as && ::geteuid() == 0) {
    fine = ::initgroups(as->name.c_str(), static_cast<gid_t>(as->gid)) == 0 &&
           ::setgid(static_cast<gid_t>(as->gid)) == 0 && ::setuid(static_cast<uid_t>(as->uid)) == 0 &&
           ::chdir(as->home.c_str()) == 0;
  }
  // after the change of user, which forgets it
  if (fine && command.dies_with_us) fine = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
  if (fine) ::execve(program, argv, env);
  const int why = errno;
  [[maybe_unused]] const ssize_t told = ::write(failure, &why, sizeof why);
  ::_exit(127);
}

// Hands lines on as they are complete.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& to) : to_(to) {}
  void add(std::string_view text) {
    if (!to_) return;
    rest_ += text;
    for (std::size_t end = rest_.find_first_of("\r\n"); end != std::string::npos;
         end = rest_.find_first_of("\r\n")) {
      if (end > 0) to_(std::string_view(rest_).substr(0, end));
      rest_.erase(0, end + 1);
    }
    if (rest_.size() > 4096) rest_.clear();
  }
  void finish() {
    if (to_ && !rest_.empty()) to_(rest_);
  }

 private:
  const std::function<void(std::string_view)>& to_;
  std::string rest_;
};

class Child {
 public:
  Child(pid_t pid, const Command& command)
      : pid_(pid), command_(command), ends_(Steady::now() + command.deadline), lines_(command.on_output) {}

  Result<Outcome> watch(Fd in, Fd out, Fd err) {
    Outcome outcome;
    std::string_view input = command_.input;
    while (out || err) {
      std::array<pollfd, 3> waiting{pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0},
                                    pollfd{input.empty() ? -1 : in.get(), POLLOUT, 0}};
      if (input.empty()) in.reset();
      const int ready = ::poll(waiting.data(), waiting.size(), tick());
      if (ready > 0) {
        if (waiting[0].revents != 0) come_ += drain(out, outcome.out);
        if (waiting[1].revents != 0) drain(err, outcome.err);
        if (waiting[2].revents != 0) feed(in, input);
      }
      if (must_stop()) return stop(std::move(outcome));
      if (exited_ && Steady::now() > *exited_ + kGrace) break;  // a grandchild holds the pipe open
      if (!exited_ && reap()) exited_ = Steady::now();
    }
    while (!exited_) {
      if (reap()) break;
      if (must_stop()) return stop(std::move(outcome));
      ::poll(nullptr, 0, 5);
    }
    lines_.finish();
    outcome.how = how_;
    return outcome;
  }

 private:
  int tick() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(ends_ - Steady::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 1, exited_ ? 20 : 100));
  }
  bool must_stop() {
    if (Steady::now() >= ends_) over_ = TimedOut{};
    if (command_.most_bytes && come_ > *command_.most_bytes) over_ = TooMuch{};
    const bool unwanted = command_.no_longer != nullptr && *command_.no_longer;
    if (command_.finish_when_interrupted && interrupted() && !std::exchange(told_, true) &&
        command_.asked_to_stop)
      command_.asked_to_stop();
    return over_ || unwanted || (command_.finish_when_interrupted ? insisted() : interrupted());
  }
  std::size_t drain(Fd& from, std::string& to) {
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return 0;
    if (got <= 0) {
      from.reset();
      return 0;
    }
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    lines_.add(text);
    to.append(text.substr(0, kMostOutput - std::min(kMostOutput, to.size())));
    return text.size();
  }
  static void feed(Fd& to, std::string_view& input) {
    const ssize_t wrote = ::write(to.get(), input.data(), std::min<std::size_t>(input.size(), 65536));
    if (wrote > 0) input.remove_prefix(static_cast<std::size_t>(wrote));
    if (wrote < 0 && errno != EINTR && errno != EAGAIN) input = {};
  }
  bool reap() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ && command_.most_bytes)
      how_ = TooMuch{};
    else if (WIFSIGNALED(status))
      how_ = Killed{WTERMSIG(status)};
    else
      how_ = Exited{WEXITSTATUS(status)};
    return true;
  }
  // Ends the whole group: asks first, then does not.
  Result<Outcome> stop(Outcome outcome) {
    ::kill(-pid_, SIGTERM);
    const auto until = Steady::now() + kGrace;
    while (!exited_ && !reap() && Steady::now() < until) ::poll(nullptr, 0, 10);
    ::kill(-pid_, SIGKILL);
    if (!exited_) {
      int status = 0;
      ::waitpid(pid_, &status, 0);
    }
    if (!over_) return Error(Errc::cancelled, fmt::format("{}: stopped at your word", command_.argv.front()));
    outcome.how = *over_;
    return outcome;
  }

  pid_t pid_;
  const Command& command_;
  Steady::time_point ends_;
  Lines lines_;
  Ending how_;
  std::optional<Steady::time_point> exited_;
  std::optional<Ending> over_;  // why it is ended, when not at the word of somebody
  bool told_ = false;           // that it goes on though it was asked to stop
  std::uint64_t come_ = 0;      // bytes of its standard output
};

}  // namespace

bool interrupted() {
  return interrupted_ != 0;
}
bool insisted() {
  return interrupted_ >= kInsisted;
}
void note_interrupt() {
  if (interrupted_ < kInsisted) interrupted_ = interrupted_ + 1;
}

std::vector<std::string> clean_environment(const char* const* environ_block) {
  std::vector<std::string> out;
  for (; environ_block != nullptr && *environ_block != nullptr; ++environ_block) {
    const std::string_view entry(*environ_block);
    const std::string_view name = entry.substr(0, entry.find('='));
    if (std::ranges::find(kPass, name) != kPass.end()) out.emplace_back(entry);
  }
  out.push_back(fmt::format("PATH={}", kSystemPath));
  for (const char* fixed : {"LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1",
                            "APT_LISTCHANGES_FRONTEND=none"})
    out.emplace_back(fixed);
  return out;
}

std::string describe(const Outcome& outcome) {
  if (const auto* exited = std::get_if<Exited>(&outcome.how))
    return fmt::format("exited with {}", exited->code);
  if (const auto* killed = std::get_if<Killed>(&outcome.how))
    return fmt::format("was killed by signal {}", killed->signal);
  if (std::holds_alternative<TooMuch>(outcome.how)) return "wrote more than was expected of it";
  return "did not end within its deadline";
}

Result<Outcome> run(const Command& command) {
  const std::string program = TRY(find_program(command.argv.at(0)));
  std::vector<std::string> argv = command.argv;
  std::vector<std::string> env = environment_for(command);
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> env_pointers = pointers(env);
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  Pipe failure = TRY(make_pipe());
  Pipe in = TRY(make_pipe());
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int child_in = command.input.empty() && null ? null.get() : in.read.get();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error(Errc::io, fmt::format("{}: fork: {}", program, std::strerror(errno)));
  if (pid == 0)
    become(command, parent, child_in, out.write.get(), err.write.get(), failure.write.get(), program.c_str(),
           argv_pointers.data(), env_pointers.data());
  out.write.reset();
  err.write.reset();
  failure.write.reset();
  in.read.reset();
  int why = 0;
  if (::read(failure.read.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return Error(why == ENOENT ? Errc::absent : Errc::denied,
                 fmt::format("{}: {}", program, std::strerror(why)));
  }
  return Child(pid, command).watch(std::move(in.write), std::move(out.read), std::move(err.read));
}

}  // namespace bringup::host
