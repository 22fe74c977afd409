#include "kernels/distill/sample_check.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace freshet::distill {
namespace {

error wrong_shape(const std::string& what) { return {errc::shape_mismatch, "labelled sample: " + what}; }
error wrong_value(const std::string& what) { return {errc::invalid_argument, "labelled sample: " + what}; }

bool is_matrix(const host_tensor& t, dtype type, std::size_t rows, std::int64_t columns) {
  return t.type() == type && t.shape().size() == 2 && t.shape()[0] == static_cast<std::int64_t>(rows) &&
         t.shape()[1] == columns;
}

bool all_finite(const float* values, std::size_t count) {
  return std::all_of(values, values + count, [](float x) { return std::isfinite(x); });
}

bool all_words(const std::vector<std::int32_t>& ids, std::int64_t words) {
  return std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) { return id >= 0 && id < words; });
}

result<void> check_text_only(const labelled_sample& s) {
  if (s.patches.empty() && s.features.empty() && s.positions.empty()) return {};
  return wrong_shape("it has cells of a picture, and the student reads text only");
}

result<void> check_tokens(const labelled_sample& s, const model::vision_config& v) {
  const auto shape = [&](std::int64_t width) {
    return "[" + std::to_string(s.positions.size()) + ", " + std::to_string(width) + "], one row a position";
  };
  if (s.features.empty()) {
    if (!is_matrix(s.patches, dtype::u8, s.positions.size(), v.cell_values())) {
      return wrong_shape("patches must be u8 " + shape(v.cell_values()));
    }
    return {};
  }
  if (!s.patches.empty()) return wrong_shape("it has both patches and features");
  if (!is_matrix(s.features, dtype::i8, s.positions.size(), v.cell_features())) {
    return wrong_shape("features must be i8 " + shape(v.cell_features()));
  }
  const bool scaled = s.feature_scales.size() == s.positions.size() &&
                      all_finite(s.feature_scales.data(), s.feature_scales.size()) &&
                      std::all_of(s.feature_scales.begin(), s.feature_scales.end(), [](float x) { return x >= 0; });
  return scaled ? result<void>() : wrong_value("feature_scales must be " + std::to_string(s.positions.size()) +
                                               " finite numbers, not negative");
}

result<void> check_cells(const labelled_sample& s, const model::vision_config& v) {
  FRESHET_TRY(check_tokens(s, v));
  if (s.positions.empty()) return wrong_shape("no token was kept");
  std::vector<bool> taken(static_cast<std::size_t>(v.cells()), false);
  for (std::int64_t p : s.positions) {
    if (p < 0 || p >= v.cells()) {
      return wrong_value("position " + std::to_string(p) + " is outside of 0 to " + std::to_string(v.cells() - 1));
    }
    if (taken[static_cast<std::size_t>(p)]) return wrong_value("position " + std::to_string(p) + " stands twice");
    taken[static_cast<std::size_t>(p)] = true;
  }
  return {};
}

result<void> check_logits(const labelled_sample& s, std::int64_t words) {
  if (s.rest_mass.empty() && s.topk_ids.empty() && s.topk_log_probs.empty()) return {};
  if (s.rest_mass.size() != s.answer.size() || s.topk_ids.empty() || s.topk_ids.size() % s.answer.size() != 0 ||
      s.topk_ids.size() != s.topk_log_probs.size()) {
    return wrong_shape("top-k logits must be as many for each of the " + std::to_string(s.answer.size()) +
                       " answer tokens");
  }
  if (!all_words(s.topk_ids, words)) return wrong_value("a top-k id is outside of the vocabulary");
  const bool probabilities =
      std::all_of(s.rest_mass.begin(), s.rest_mass.end(), [](float x) { return x >= 0 && x <= 1.001F; });
  if (!all_finite(s.topk_log_probs.data(), s.topk_log_probs.size()) || !probabilities) {
    return wrong_value("top-k log probabilities must be finite, the rest of the mass in [0, 1]");
  }
  return {};
}

result<void> check_features(const host_tensor& features, const char* field, std::size_t rows, std::int64_t width) {
  if (features.empty() || width == 0) return {};
  if (!is_matrix(features, dtype::f32, rows, width)) {
    return wrong_shape(std::string(field) + " must be f32 [" + std::to_string(rows) + ", " + std::to_string(width) + "]");
  }
  if (!all_finite(features.as<float>(), features.items())) return wrong_value(std::string(field) + " is not finite");
  return {};
}

}  // namespace

result<void> check_sample(const labelled_sample& s, const model::model_config& student, std::int64_t teacher_width) {
  FRESHET_TRY(student.vision ? check_cells(s, *student.vision) : check_text_only(s));
  if (s.prompt.empty()) return wrong_shape("no question");
  if (s.answer.empty()) return wrong_shape("no answer");
  const std::int64_t words = student.text.vocab_size;
  if (!all_words(s.prompt, words) || !all_words(s.answer, words)) {
    return wrong_value("a token of question or answer is outside of the vocabulary of " + std::to_string(words));
  }
  if (!std::isfinite(s.weight) || s.weight < 0) return wrong_value("weight must be finite and not negative");
  FRESHET_TRY(check_logits(s, words));
  FRESHET_TRY(check_features(s.teacher_visual, "teacher_visual", s.positions.size(), teacher_width));
  return check_features(s.teacher_hidden, "teacher_hidden", s.answer.size(), teacher_width);
}

}  // namespace freshet::distill
