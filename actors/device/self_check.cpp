#include "actors/device/self_check.hpp"

#include "kernels/base/check.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/templated_tokenizer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace freshet::actors {
namespace {

constexpr std::size_t slice = 8;  // questions answered together
// Below this nobody minds, and clocks and schedulers make more of a difference than versions do.
constexpr duration unnoticed = std::chrono::milliseconds(50);

std::string milliseconds(duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

}  // namespace

result<self_check> self_check::load(const std::filesystem::path& model, const self_check_options& options) {
  self_check out(options);
  if (options.questions == 0) return out;
  FRESHET_ENSURE(options.clock != nullptr, "a self-test with questions needs a clock");
  FRESHET_TRY_ASSIGN(const model::model_config config, model::load_model_config(model));
  FRESHET_TRY_ASSIGN(const auto asking, model::load_asking_tokenizer(model, options.chat_template));
  const auto& words = asking.words;
  FRESHET_TRY_ASSIGN(const auto all, distill::load_rehearsal(model, config.vision, *words, distill::rehearsal_part::held_out));
  const std::size_t count = std::min<std::size_t>(options.questions, all.size());
  for (std::size_t i = 0; i < count; ++i) {
    // Spread over the set: neighbours are questions about one picture.
    const distill::labelled_sample& s = *all[i * all.size() / count];
    prepared_question q;
    q.patches.assign(s.patches.data(), s.patches.data() + s.patches.bytes());
    q.prompt = s.prompt;
    out.asked_.push_back(std::move(q));
    out.answers_.push_back(words->answer_text(s.answer));
  }
  return out;
}

self_check::showing self_check::ask(const student_runtime& student) const {
  showing out;
  const time_point begin = options_.clock();
  for (std::size_t first = 0; first < asked_.size() && out.in_time; first += slice) {
    const auto from = asked_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto n = std::min(slice, asked_.size() - first);
    const answered_batch got =
        student.answer({from, from + static_cast<std::ptrdiff_t>(n)}, {false, false, false, false});
    for (std::size_t i = 0; i < n; ++i) out.right += got.answers[i] == answers_[first + i] ? 1 : 0;
    out.took = options_.clock() - begin;
    out.in_time = out.took <= options_.limit;
  }
  return out;
}

result<void> self_check::compare(const showing& before, const showing& now) const {
  if (!now.in_time) {
    return {errc::timeout, "self-test: not through the questions after " + milliseconds(now.took) + "; the limit is " +
                               milliseconds(options_.limit)};
  }
  const double allowed = options_.most_lost * static_cast<double>(asked_.size());
  if (static_cast<double>(before.right) - static_cast<double>(now.right) > allowed) {
    return {errc::invalid_argument, "self-test: " + std::to_string(now.right) + " of " + std::to_string(asked_.size()) +
                                        " questions answered rightly; the active version answers " +
                                        std::to_string(before.right)};
  }
  // A version before that was too slow itself is no measure.
  if (before.in_time && now.took > unnoticed &&
      std::chrono::duration<double>(now.took) > options_.slow_factor * std::chrono::duration<double>(before.took)) {
    return {errc::timeout, "self-test: " + milliseconds(now.took) + " for the questions; the active version takes " +
                               milliseconds(before.took)};
  }
  return {};
}

result<void> self_check::admit(student_runtime& student, const host_tensor& next) const {
  const host_tensor before = student.values();
  const showing then = asked_.empty() ? showing{} : ask(student);
  auto ok = student.write(next);
  if (ok) ok = student.self_test();
  if (ok && !asked_.empty()) ok = compare(then, ask(student));
  if (!ok) {
    const auto back = student.write(before);
    FRESHET_ENSURE(back.ok(), "the values that were active fit");
  }
  return ok;
}

}  // namespace freshet::actors
