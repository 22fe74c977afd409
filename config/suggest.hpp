// "Did you mean …?": the nearest of the known names to a misspelled one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::config {

/// Edits between two names: insert, delete, replace, or swap of two neighbours each count one
/// (restricted Damerau-Levenshtein distance).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest known name, if near enough to be meant; empty otherwise. Hyphens count as underscores.
[[nodiscard]] std::string nearest(std::string_view wrong, const std::vector<std::string>& known);

/// "; did you mean X?" or, when nothing is near, "; known are A, B and C". `known` is not empty.
[[nodiscard]] std::string advice(std::string_view wrong, const std::vector<std::string>& known);

/// "A, B and C"
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::string_view last_joint = " and ");

}  // namespace freshet::config
