// What a device asks of a version before it answers with it, besides finite numbers: questions of the student's
// rehearsal set that nobody trains on, answered about as well and as fast as by the version that is active. Both are asked
// in the same minute, so that a busy machine is not taken for a slow version.
// Thread contract: one owner.
#pragma once

#include "actors/device/student_runtime.hpp"
#include "kernels/base/clock.hpp"
#include "kernels/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace freshet::actors {

struct self_check_options {
  std::uint32_t questions = 0;  ///< 0: nothing is asked
  double most_lost = 0.35;      ///< share of all questions that may be lost
  double slow_factor = 4;
  duration limit = std::chrono::seconds(10);
  std::function<time_point()> clock;  ///< needed with questions
  std::string chat_template = "auto"; ///< as the student's
};

class self_check {
 public:
  /// Reads the questions from the folder of the student; a folder without a rehearsal set gives none.
  static result<self_check> load(const std::filesystem::path& model, const self_check_options& options);

  /// Whether `student`, which answers with the active values, may answer with `next`. It is left with `next`
  /// when it may, and otherwise as it was.
  [[nodiscard]] result<void> admit(student_runtime& student, const host_tensor& next) const;
  [[nodiscard]] std::size_t questions() const noexcept { return asked_.size(); }

 private:
  struct showing {
    std::size_t right = 0;
    duration took{};
    bool in_time = true;
  };
  explicit self_check(self_check_options options) : options_(std::move(options)) {}
  [[nodiscard]] showing ask(const student_runtime& student) const;
  [[nodiscard]] result<void> compare(const showing& before, const showing& now) const;

  self_check_options options_;
  std::vector<prepared_question> asked_;
  std::vector<std::string> answers_;
};

}  // namespace freshet::actors
