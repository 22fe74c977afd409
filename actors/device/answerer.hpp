// Answers stretches of a device's stream with the student, and, to show what adaptation is worth,
// with a frozen twin. Bad samples are counted and left out; the stream goes on.
// Thread contract: one owner, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/device/phase_stream.hpp"
#include "actors/device/scoreboard.hpp"
#include "actors/device/student_runtime.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/scenes/skip_counter.hpp"

namespace freshet::actors {

/// What came of a stretch; row i of all belongs together.
struct answered_stretch {
  std::vector<sequence> positions;       ///< [n] those that could be answered, in order
  std::vector<std::string> questions;    ///< [n]
  answered_batch batch;
  std::vector<error> news;               ///< skipped samples of a kind that was not met before
};

class answerer {
 public:
  answerer(student_runtime student, phase_stream stream, bool twin);

  /// Positions first .. first + count - 1, as one batch.
  [[nodiscard]] answered_stretch answer(std::uint64_t first, std::uint32_t count, const wanted_extras& wanted);

  [[nodiscard]] student_runtime& student() noexcept { return student_; }
  [[nodiscard]] const student_runtime& student() const noexcept { return student_; }
  [[nodiscard]] const phase_stream& stream() const noexcept { return stream_; }
  [[nodiscard]] const scoreboard& scores() const noexcept { return scores_; }
  [[nodiscard]] const scenes::skip_counter& skipped() const noexcept { return skipped_; }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
  [[nodiscard]] bool has_twin() const noexcept { return has_twin_; }

 private:
  void score(const std::vector<prepared_question>& asked, const std::vector<std::optional<std::string>>& truths,
             const std::vector<std::string>& answers);
  student_runtime student_;
  phase_stream stream_;
  bool has_twin_;
  std::optional<student_runtime> twin_;   ///< made with the first update: until then the student is its own twin
  scoreboard scores_;
  scenes::skip_counter skipped_;
  std::uint64_t answered_ = 0;
};

}  // namespace freshet::actors
