#include "kernels/scenes/scene_domain.hpp"

#include "kernels/scenes/render.hpp"

#include <algorithm>

namespace freshet::scenes {
namespace {

constexpr int min_side = 16;
constexpr int max_side = 4096;
/// Of a semantic shift, words change more readily than things: nearly all at default severity.
constexpr double wording_per_severity = 1.35;

}  // namespace

result<scene_domain> scene_domain::named(std::string_view shift_name, double severity, int side) {
  FRESHET_TRY_ASSIGN(const shift* found, find_shift(shift_name));
  if (!(severity >= 0.0 && severity <= 1.0))
    return {errc::invalid_argument, "severity " + std::to_string(severity) + "; it lies in [0, 1]"};
  if (side < min_side || side > max_side)
    return {errc::invalid_argument, "picture side " + std::to_string(side) + "; it lies in [" +
                                        std::to_string(min_side) + ", " + std::to_string(max_side) + "]"};
  return scene_domain(*found, severity, side);
}

question_style scene_domain::style() const noexcept {
  if (!semantic() || severity_ <= 0.0) return {};
  return {std::min(1.0, wording_per_severity * severity_), true};
}

scene scene_domain::draw_scene(rng& random) const {
  scene_options options;
  if (semantic()) options.new_shapes = severity_;
  return scenes::draw_scene(random, options);
}

image scene_domain::picture_of(const scene& drawn, rng& random) const {
  image picture = render(drawn, side_);
  shift_->apply(picture, severity_, random);
  return picture;
}

example scene_domain::draw(rng& random, std::size_t count) const {
  const scene drawn = draw_scene(random);
  example out;
  out.picture = picture_of(drawn, random);
  out.questions = some_questions(drawn, random, count, style());
  out.domain = name();
  return out;
}

}  // namespace freshet::scenes
