#include "actors/assembly/text_only.hpp"

#include "config/value.hpp"
#include "kernels/uncertainty/scores.hpp"

namespace freshet::actors {
namespace {

class complaint {
 public:
  explicit complaint(const std::string& model) : text_(model + " is a decoder alone, which reads text only") {}
  void add(const std::string& what) {
    text_ += "; " + what;
    any_ = true;
  }
  [[nodiscard]] result<void> verdict() const { return any_ ? result<void>(error{errc::config, text_}) : result<void>(); }

 private:
  std::string text_;
  bool any_ = false;
};

std::string in_quotes(const std::string& text) { return "\"" + text + "\""; }

/// Scores that read nothing but the answer.
std::string scores_of_answers() {
  std::string all;
  for (const auto& s : uncertainty::sample_scores()) {
    if ((s.needs & uncertainty::needs_logits) != 0) all += (all.empty() ? "" : ", ") + std::string(s.name);
  }
  return all;
}

}  // namespace

result<void> check_text_only(const config::device_settings& device, const config::uplink_filter_settings& filter) {
  complaint found(device.model);
  if (device.source.from == "scenes") {
    found.add("device.source.from = \"scenes\" is pictures, a data folder or a .jsonl file of questions without \"image\" is right");
  }
  for (const std::string& name : filter.scores) {
    const auto score = uncertainty::find_sample_score(name);
    if (!score || (score->needs & uncertainty::needs_features) == 0) continue;
    found.add("uplink_filter.scores has " + in_quotes(name) + ", which reads visual tokens; right are scores of the answer (" +
              scores_of_answers() + ")");
  }
  return found.verdict();
}

result<void> check_text_only(const config::distiller_settings& distiller) {
  complaint found(distiller.student);
  if (distiller.terms.visual_qkd > 0) {
    found.add("distiller.terms.visual_qkd = " + config::real_literal(distiller.terms.visual_qkd) +
              " compares visual tokens, 0 is right (hidden_qkd works)");
  }
  return found.verdict();
}

}  // namespace freshet::actors
