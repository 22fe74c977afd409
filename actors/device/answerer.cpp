#include "actors/device/answerer.hpp"

#include <utility>

namespace freshet::actors {

answerer::answerer(student_runtime student, phase_stream stream, bool twin)
    : student_(std::move(student)), stream_(std::move(stream)), has_twin_(twin) {}

answered_stretch answerer::answer(std::uint64_t first, std::uint32_t count, const wanted_extras& wanted) {
  answered_stretch out;
  std::vector<prepared_question> asked;
  std::vector<std::optional<std::string>> truths;
  for (std::uint64_t position = first; position < first + count; ++position) {
    auto sample = stream_.at(position);
    auto prepared = sample.ok() ? student_.prepare(sample->picture, sample->question)
                                : result<prepared_question>(sample.err());
    if (!prepared.ok()) {
      if (skipped_.count(prepared.err())) out.news.push_back(prepared.err());
      continue;
    }
    out.positions.emplace_back(position);
    out.questions.push_back(std::move(sample->question));
    truths.push_back(std::move(sample->answer));
    asked.push_back(std::move(*prepared));
  }
  if (asked.empty()) return out;
  out.batch = student_.answer(asked, wanted);
  answered_ += asked.size();
  score(asked, truths, out.batch.answers);
  return out;
}

void answerer::score(const std::vector<prepared_question>& asked, const std::vector<std::optional<std::string>>& truths,
                     const std::vector<std::string>& answers) {
  std::vector<std::size_t> known;
  std::vector<prepared_question> again;
  for (std::size_t i = 0; i < truths.size(); ++i) {
    if (!truths[i]) continue;
    known.push_back(i);
    if (has_twin_ && !student_.at_base()) again.push_back(asked[i]);
  }
  if (known.empty()) return;
  std::vector<std::string> twin_answers;
  if (!again.empty()) {
    if (!twin_) twin_ = student_.frozen_copy();
    twin_answers = twin_->answer(again, {false, false, false, false}).answers;
  }
  for (std::size_t k = 0; k < known.size(); ++k) {
    const std::string truth = student_.spelled(*truths[known[k]]);
    const std::string own = student_.spelled(answers[known[k]]);
    const std::string twins = twin_answers.empty() ? own : student_.spelled(twin_answers[k]);
    scores_.add(own == truth, has_twin_ && twins == truth);
  }
}

}  // namespace freshet::actors
