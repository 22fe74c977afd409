// The words of the built-in world: each form of question in its plain and in its new wording (the
// semantic shift), the names of objects, and the closed vocabulary that follows from them.
// Thread contract: pure functions and constants.
#pragma once

#include "kernels/scenes/scene.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::scenes {

enum class form : std::uint8_t { color_of, shape_of, count_all, count_some, exists, side_of, height_of, size_of };
inline constexpr std::size_t all_forms = 8;

inline constexpr std::array<std::string_view, 5> number_words{"zero", "one", "two", "three", "four"};
inline constexpr std::array<std::string_view, 2> side_words{"left", "right"};
inline constexpr std::array<std::string_view, 2> height_words{"top", "bottom"};

/// How a question names what it is about; unset parts are not named.
struct reference {
  std::optional<color> tint;
  std::optional<shape> what;
  std::optional<object_size> size;
  std::optional<int> row;
  std::optional<int> column;

  [[nodiscard]] static reference of(color c) { return {c, {}, {}, {}, {}}; }
  [[nodiscard]] static reference of(shape s) { return {{}, s, {}, {}, {}}; }
  [[nodiscard]] static reference of(color c, shape s) { return {c, s, {}, {}, {}}; }
  [[nodiscard]] static reference of(object_size s) { return {{}, {}, s, {}, {}}; }
  [[nodiscard]] static reference at_place(int row, int column) { return {{}, {}, {}, row, column}; }
};

/// The question in words: lower case, single spaces.
[[nodiscard]] std::string phrase(form asked, const reference& about, bool new_wording);

/// Every word that a question or an answer can hold, new wording and new shapes included; sorted,
/// lower case, without punctuation. Closed: nothing else ever appears.
[[nodiscard]] const std::vector<std::string>& vocabulary();

/// Every possible answer, sorted; a part of the vocabulary.
[[nodiscard]] const std::vector<std::string>& answers();

/// The words of a text in lower case; everything but letters and digits separates.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

}  // namespace freshet::scenes
