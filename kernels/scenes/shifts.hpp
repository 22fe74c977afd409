// Domain shifts: what the weather, the hour, the sensor and the lens do to a picture. Each works on
// pictures of any size (lengths scale with the shorter side), has a severity in [0, 1], varies a
// little from picture to picture, and is the identity at severity 0.
//
// Adding one: write its function in shifts.cpp and one line in the registry there.
// Thread contract: the registry is constant; all randomness comes from the generator passed in.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/scenes/image.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace freshet::scenes {

/// Strong enough that a small net trained on clean pictures fails on most, while a person, or a
/// net trained on them, can still read them.
inline constexpr double default_severity = 0.7;

enum class shift_kind : std::uint8_t {
  none,      ///< "clean"
  filter,    ///< changes pixels
  semantic,  ///< changes the world itself; only the scene generator can do it
};

struct shift {
  std::string_view name;
  std::string_view prose;
  shift_kind kind = shift_kind::none;
  void (*filter)(image& picture, double severity, rng& random) = nullptr;

  /// Changes the picture in place; nothing happens unless this is a filter and severity > 0.
  /// Severity outside [0, 1] is clamped; an empty picture stays empty.
  void apply(image& picture, double severity, rng& random) const;
};

/// The shift of that name, or an error that lists the names that exist. Never null.
[[nodiscard]] result<const shift*> find_shift(std::string_view name);

/// All names, "clean" first, "semantic" last.
[[nodiscard]] const std::vector<std::string>& shift_names();

}  // namespace freshet::scenes
