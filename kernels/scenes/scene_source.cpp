#include "kernels/scenes/scene_source.hpp"

namespace freshet::scenes {

// Scene, filter and question draw from generators of their own: the same index shows the same
// scene, asked the same way, under every filter.
scene scene_source::truth(std::uint64_t index) const {
  rng random = rng(seed_).split("scene").split(index);
  return domain_.draw_scene(random);
}

result<sample> scene_source::at(std::uint64_t index) const {
  const scene drawn = truth(index);
  rng for_picture = rng(seed_).split("filter").split(index);
  rng for_question = rng(seed_).split("question").split(index);
  qa asked = one_question(drawn, for_question, domain_.style());
  sample out;
  out.picture = domain_.picture_of(drawn, for_picture);
  out.question = std::move(asked.question);
  out.answer = std::move(asked.answer);
  out.domain = domain_.name();
  out.index = index;
  return out;
}

}  // namespace freshet::scenes
