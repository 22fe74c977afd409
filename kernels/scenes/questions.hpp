// The question grammar of the built-in world. Every question has exactly one right answer, of one
// word, and cannot be read in two ways: an object is named only by what sets it apart.
//
// Categories and their answers: color (7), shape (6, and 3 new), count (zero to three), exist
// (yes, no), where (left, right, top, bottom), size (small, large). Draws are balanced so that a
// constant answer per category scores little.
//
// Each form has two wordings: the plain one, and the new one of the semantic shift.
// Thread contract: pure functions; all randomness comes from the generator passed in.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/scenes/scene.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace freshet::scenes {

enum class category : std::uint8_t { color, shape, count, exist, where, size, other };
/// Categories of the grammar; `other` is for questions of foreign data.
inline constexpr std::size_t grammar_categories = 6;
[[nodiscard]] std::string_view name(category value) noexcept;

struct qa {
  std::string question;
  std::string answer;
  category kind = category::other;
  FRESHET_FIELDS(question, answer, kind)
};

struct question_style {
  double new_wording = 0.0;  ///< chance that a question is put in the new words
  bool new_shapes = false;   ///< whether questions may name the shapes of the semantic shift
};

/// The unambiguous questions about the scene, each once, in random order: all of them, but of the
/// many about things that are not there only so many that "yes" and "no" are equally frequent and
/// counts of zero no more frequent than the others together.
[[nodiscard]] std::vector<qa> all_questions(const scene& asked, rng& random, const question_style& style = {});

/// One question: first the category (uniform), then the form, then what it is about.
[[nodiscard]] qa one_question(const scene& asked, rng& random, const question_style& style = {});

/// Up to `count` different questions, each as `one_question` draws it.
[[nodiscard]] std::vector<qa> some_questions(const scene& asked, rng& random, std::size_t count,
                                             const question_style& style = {});

}  // namespace freshet::scenes
