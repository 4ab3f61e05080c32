// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parts of the proof's page, in the order in which they are read, and what they share.

#include <bringup/report/proof.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::report {

// Text from outside made harmless and escaped, for HTML and XML.
std::string escaped(std::string_view text);

class Html {
 public:
  Html& raw(std::string_view markup) {
    text_ += markup;
    return *this;
  }
  Html& text(std::string_view words) { return raw(escaped(words)); }
  // A number of a drawing: at most one digit behind the point.
  Html& number(double value);
  // ` name="12.5"`
  Html& attribute(std::string_view name, double value);

  // A figure for people, with its exact value in the markup.
  Html& figure(double value, std::string_view unit);
  // The word of an outcome, with its colour.
  Html& outcome(facts::Outcome outcome);

  // <section> with its heading; closed by end_section.
  Html& section(std::string_view id, std::string_view title);
  Html& end_section() { return raw("</section>\n"); }
  // A drawing: opened with what it shows, in short and at length.
  Html& drawing(std::string_view id, double width, double height, std::string_view title,
                std::string_view description);
  Html& svg_text(double x, double y, std::string_view style, std::string_view words);
  Html& line(double x1, double y1, double x2, double y2, std::string_view style);
  Html& box(double x, double y, double width, double height, std::string_view style);

  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

struct ProofGpu {
  std::string pci;
  std::string label;  // "GPU 0"
  std::string name;   // "NVIDIA H100 80GB HBM3"; "" when not known
  const facts::NativeGpu* native = nullptr;
  const facts::NvmlGpu* nvml = nullptr;
};

struct ProofView {
  const ProofReport& report;
  const facts::NativeProof* native = nullptr;  // nullptr: not measured
  std::vector<ProofGpu> gpus;

  // "GPU 0", "GPU 0 to GPU 1", "machine", the path of an environment.
  std::string about(const facts::Verdict& verdict) const;
  std::string label(std::string_view pci) const;
  // The verdict of a check about exactly these GPUs; nullptr: none.
  const facts::Verdict* find(std::string_view check, std::string_view gpu, std::string_view peer = {}) const;
  // The worst verdict about one GPU alone.
  facts::Outcome worst_of(std::string_view gpu) const;
};

// pass, info, warn, not measured, inconclusive, fail.
int badness(facts::Outcome outcome);
std::string_view outcome_class(facts::Outcome outcome);  // "warn", one word
// "memory read" of "gpu-memory-read".
std::string check_title(std::string_view check);
// Middle of some values; 0 of none.
double median(std::vector<double> values);
// The steps of an axis: at most `steps` of 1, 2 or 5 times a power of ten reach `most`.
double tick_of(double most, int steps);

// The verdict in one sentence.
std::string proof_sentence(const ProofView& view);

void page_attention(Html& html, const ProofView& view);
void page_machine(Html& html, const ProofView& view);
void page_figures(Html& html, const ProofView& view);
void page_pairs(Html& html, const ProofView& view);
void page_time(Html& html, const ProofView& view);
void page_software(Html& html, const ProofView& view);
void page_verdicts(Html& html, const ProofView& view);
void page_limits(Html& html, const ProofView& view);

}  // namespace bringup::report
