// SPDX-License-Identifier: Apache-2.0
#pragma once
// A hub of models, asked through the machine's curl. Addresses and the token reach it on its standard input,
// never in argv; the token goes to the hub's own scheme, host and port alone, and over http to loopback
// alone.

#include <bringup/host/view.hpp>

namespace bringup::host {

// Never printed, logged or journaled.
struct HubToken {
  std::string value;
  std::string from;  // where it was found: "HF_TOKEN", "/home/me/.cache/huggingface/token"
};

struct Hub {
  std::string endpoint;  // "https://huggingface.co", without a slash at its end
  std::optional<HubToken> token;
};

// HF_ENDPOINT, else `usual`. Errc::usage for one that is no plain http or https address.
Result<std::string> hub_endpoint(std::string_view usual);
// HF_TOKEN, else the file HF_TOKEN_PATH, else "token" in HF_HOME. nullopt: there is none. An error never
// shows it; once it is read, this process leaves no core file.
Result<std::optional<HubToken>> hub_token(const View& view, std::string_view home);
// Whether the hub's token may go to `url`.
bool hub_may_see_token(const Hub& hub, std::string_view url);

struct HubRequest {
  std::string path;   // below the endpoint; made of url_part
  std::string range;  // "0-7": these bytes alone; "": all
  bool head = false;  // what would come, not the bytes
};
struct HubAnswer {
  int status = 0;
  std::string error;         // the hub's own short word: "GatedRepo"
  std::string message;       // the hub's own sentence
  std::string type;          // of the content: "application/json"
  std::string wait;          // Retry-After
  std::string at;            // where the redirects led
  std::string next;          // where this answer points to; "": nowhere
  std::uint64_t length = 0;  // of the content, as the head says; 0: it does not
  std::string body;          // at most 64 MiB
};

using Runner = std::function<Result<Outcome>(const Command& command)>;

// Follows redirects within the hub; a head stops where they lead elsewhere, because a signed address is good
// for getting alone. Waits and asks again when the hub is busy or breaks. Errc::unreachable says what was in
// the way.
Result<HubAnswer> ask_hub(const Hub& hub, const Runner& run, const HubRequest& request);

// The error that an answer stands for; nullopt for one that is fine. `what`: "org/name". Errc::denied for
// licence and token, Errc::absent for what is not there, Errc::unreachable for a hub that cannot answer.
std::optional<Error> hub_trouble(const Hub& hub, std::string_view what, const HubAnswer& answer);
// The same for a program that could not fetch.
Error curl_trouble(std::string_view url, const Outcome& outcome);

// Writes what is at `url` (where a head led) behind the first `from` bytes of the file `part`; the status of
// the answer goes to standard output, how far it is now and then to standard error. More than `size` bytes
// are not taken.
Command hub_download(const Hub& hub, const std::string& url, const std::string& part, std::uint64_t from,
                     std::uint64_t size);

// A name or path as a part of an address; "/" stays.
std::string url_part(std::string_view text);
// Waits; false when the user said stop meanwhile.
bool pause(std::chrono::milliseconds time);

}  // namespace bringup::host
