// SPDX-License-Identifier: Apache-2.0
// Secure Boot: the key that modules built here are signed with becomes one of shim's machine owner keys
// (MOK).
#include <bringup/apply/apply.hpp>
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace bringup::apply {
namespace {

enum class Trust { none, requested, enrolled };

constexpr std::string_view kNone = "none";

std::string_view trust_name(Trust trust) {
  return trust == Trust::none ? kNone : trust == Trust::requested ? "requested" : "enrolled";
}

// "" when there is none yet: DKMS makes its key when it first builds a module.
std::string certificate_of(const steps::EnrolKey& step, const host::View& view) {
  const auto found =
      std::ranges::find_if(step.certificates, [&view](const std::string& path) { return view.exists(path); });
  return found == step.certificates.end() ? "" : *found;
}

// mokutil's exit status is the same for several answers; its words tell them apart.
Result<Trust> trust_of(const std::string& certificate, const host::View& view) {
  const std::vector<std::string> argv{"mokutil", "--test-key", certificate};
  const host::Outcome answer = TRY(view.ask({.argv = argv, .deadline = kQuestionDeadline}));
  const std::string said = answer.out + answer.err;
  if (base::contains(said, "is not enrolled")) return Trust::none;
  if (base::contains(said, "enrollment request")) return Trust::requested;
  if (base::contains(said, "already enrolled") || base::contains(said, "already in db") ||
      base::contains(said, "keyring"))
    return Trust::enrolled;
  return trouble_of(argv, answer);
}

// Eight digits: shim's screen takes them on any keyboard layout.
Result<std::string> make_code() {
  std::string code;
  while (code.size() < 8) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1)
      return Error(Errc::io, fmt::format("no random numbers: {}", std::strerror(errno)));
    if (byte < 250) code += static_cast<char>('0' + byte % 10);
  }
  return code;
}

// How many keys wait to be confirmed: "[key 1]" and so on.
Result<int> keys_that_wait(const Hands& hands) {
  const std::vector<std::string> argv{"mokutil", "--list-new"};
  const host::Outcome answer = TRY(hands.view.ask({.argv = argv, .deadline = kQuestionDeadline}));
  int count = 0;
  for (const std::string_view line : base::lines(answer.out)) count += line.starts_with("[key ") ? 1 : 0;
  return count;
}

}  // namespace

std::string key_code_path(std::string_view state_directory) {
  return fmt::format("{}/mok-code", state_directory);
}

Result<> forget_key_code(host::Control& control, const Settings& settings) {
  return control.remove_file(key_code_path(settings.state_directory), std::nullopt);
}

Result<bool> holds(const steps::EnrolKey& step, const Hands& hands) {
  const std::string certificate = certificate_of(step, hands.view);
  if (certificate.empty()) return false;
  return TRY(trust_of(certificate, hands.view)) != Trust::none;
}
Result<Json> remember(const steps::EnrolKey& step, const Hands& hands) {
  const std::string certificate = certificate_of(step, hands.view);
  const Trust trust = certificate.empty() ? Trust::none : TRY(trust_of(certificate, hands.view));
  return Json{{"trust", trust_name(trust)}};
}
Result<> perform(const steps::EnrolKey& step, const Hands& hands) {
  const std::string certificate = certificate_of(step, hands.view);
  if (certificate.empty())
    return Error(
        Errc::failed,
        fmt::format("no key that modules are signed with: expected one of {}. DKMS makes it with openssl "
                    "when it builds a module: 'apt-get install openssl' or 'dnf install openssl', 'dkms "
                    "generate_mok', then 'bringup resume'",
                    base::join(step.certificates, " ")));
  // One that a run which died had told already stays the same.
  std::string code = std::string(base::trim(hands.view.read(key_code_path(hands.state)).value_or("")));
  if (code.size() != 8 || code.find_first_not_of("0123456789") != std::string::npos) code = TRY(make_code());
  TRY(hands.control->write(key_code_path(hands.state), code + "\n", 0600, std::nullopt));
  TRY(run_well(hands, {.argv = {"mokutil", "--import", certificate},
                       .deadline = kQuestionDeadline,
                       .finish_when_interrupted = true,
                       .input = fmt::format("{}\n{}\n", code, code)}));
  return ok;
}
Result<> undo(const steps::EnrolKey& step, const Json& before, const Hands& hands) {
  const std::string certificate = certificate_of(step, hands.view);
  const Trust now = certificate.empty() ? Trust::none : TRY(trust_of(certificate, hands.view));
  const bool ours = before.value("trust", std::string(kNone)) == kNone;
  if (ours && now == Trust::enrolled)
    return Error(
        Errc::refused,
        fmt::format(
            "the key {} was confirmed at the console and is the firmware's now; 'mokutil --delete {}' "
            "and a confirmation at the next boot take it out",
            certificate, certificate));
  if (ours && now == Trust::requested) {
    if (TRY(keys_that_wait(hands)) > 1)
      return Error(Errc::refused,
                   "other keys wait for the same boot, and mokutil can only take back all of them: "
                   "'mokutil --revoke-import' does");
    TRY(run_well(hands, {.argv = {"mokutil", "--revoke-import"}, .deadline = kQuestionDeadline}));
  }
  return hands.control->remove_file(key_code_path(hands.state), std::nullopt);
}

}  // namespace bringup::apply
