// The built-in world as an endless stream of single questions.
#pragma once

#include "kernels/scenes/scene_domain.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::scenes {

class scene_source final : public sample_source {
 public:
  scene_source(scene_domain domain, std::uint64_t seed) : domain_(domain), seed_(seed) {}

  [[nodiscard]] result<sample> at(std::uint64_t index) const override;
  [[nodiscard]] std::uint64_t size() const override { return endless; }

  /// The scene behind a sample: what its question is about.
  [[nodiscard]] scene truth(std::uint64_t index) const;

 private:
  scene_domain domain_;
  std::uint64_t seed_;
};

}  // namespace freshet::scenes
