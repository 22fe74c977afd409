// A domain of the built-in world: scenes and questions as seen through one shift. Draws finished
// examples for training; scene_source streams single questions from it.
// Thread contract: immutable after construction; all randomness comes from the generator passed in.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/scenes/scene.hpp"
#include "kernels/scenes/shifts.hpp"
#include "kernels/scenes/source.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace freshet::scenes {

inline constexpr int default_side = 48;

class scene_domain {
 public:
  /// The domain of a shift (see shift_names()); `side` from 16 to 4096 pixels, severity in [0, 1].
  static result<scene_domain> named(std::string_view shift_name, double severity = default_severity,
                                    int side = default_side);

  [[nodiscard]] std::string name() const { return std::string(shift_->name); }
  [[nodiscard]] double severity() const noexcept { return severity_; }
  [[nodiscard]] int side() const noexcept { return side_; }

  /// One scene with up to `count` different questions, drawn with weak priors.
  [[nodiscard]] example draw(rng& random, std::size_t count) const;

  /// The parts, for those who need the truth behind the picture.
  [[nodiscard]] scene draw_scene(rng& random) const;
  [[nodiscard]] image picture_of(const scene& drawn, rng& random) const;
  [[nodiscard]] question_style style() const noexcept;

 private:
  scene_domain(const shift& s, double severity, int side) : shift_(&s), severity_(severity), side_(side) {}
  [[nodiscard]] bool semantic() const noexcept { return shift_->kind == shift_kind::semantic; }

  const shift* shift_;  // into the constant registry
  double severity_;
  int side_;
};

}  // namespace freshet::scenes
