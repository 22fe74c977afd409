// Questions without a picture for tests of what carries them: as a stream, as observations, as a UTS batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/scenes/source.hpp"
#include "topology/message/samples.hpp"

namespace freshet::test {

inline const std::vector<std::string>& text_questions() {
  static const std::vector<std::string> all{"what is the color", "is it red or blue", "what is it", "is the red round"};
  return all;
}

/// Question i of four in turn; sample `picture_at` has a picture all the same.
class text_source final : public scenes::sample_source {
 public:
  explicit text_source(std::uint64_t picture_at = scenes::endless) : picture_at_(picture_at) {}
  [[nodiscard]] result<scenes::sample> at(std::uint64_t index) const override {
    scenes::sample out;
    out.question = text_questions()[index % text_questions().size()];
    out.index = index;
    if (index == picture_at_) out.picture = scenes::image(16, 16);
    return out;
  }
  [[nodiscard]] std::uint64_t size() const override { return scenes::endless; }

 private:
  std::uint64_t picture_at_;
};

inline constexpr std::size_t text_positions = 3;
inline constexpr std::size_t text_words = 7;

/// What a student that reads text only sends of n answers from position `first` on.
inline topology::observation_batch text_observation(std::size_t n, std::uint64_t first, std::uint64_t seed = 1) {
  rng draw = rng(seed).split(first);
  topology::observation_batch b;
  b.device = device_id{7};
  std::vector<float> logits;
  for (std::size_t i = 0; i < n; ++i) {
    b.sequences.push_back(sequence{first + i});
    b.questions.push_back(text_questions()[i % text_questions().size()]);
    b.answers.push_back("red");
    b.answer_length.push_back(2);
    for (std::size_t k = 0; k < text_positions * text_words; ++k) logits.push_back(static_cast<float>(3 * draw.normal()));
  }
  b.answer_logits = host_tensor::of(std::move(logits), {static_cast<std::int64_t>(n), text_positions, text_words});
  return b;
}

/// One sample a position.
inline topology::uts_batch text_batch(const std::vector<std::uint64_t>& positions) {
  topology::uts_batch b;
  b.device = device_id{3};
  for (const std::uint64_t p : positions) {
    topology::uts_sample s;
    s.position = sequence{p};
    s.question = text_questions()[p % text_questions().size()];
    s.device_answer = "blue";
    b.samples.push_back(std::move(s));
  }
  return b;
}

}  // namespace freshet::test
