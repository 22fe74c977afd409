// What the engine streams: pictures with one question each, or questions alone, by index. The same (seed, index) gives
// the same sample in every process, so a stream can be replayed, split among devices and compared.
// Implementations: scene_source (the built-in world, endless), folder_source (real data).
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/scenes/image.hpp"
#include "kernels/scenes/questions.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace freshet::scenes {

struct sample {
  image picture;  ///< empty: the question is about no picture
  std::string question;
  std::optional<std::string> answer;  ///< devices have none
  std::string domain;
  std::uint64_t index = 0;
};

/// One picture with several answered questions: for training, where the picture is encoded once.
struct example {
  image picture;
  std::vector<qa> questions;
  std::string domain;
};

/// The size of a stream that never ends.
inline constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();

/// Thread contract: const members may be called from several threads at once.
class sample_source {
 public:
  sample_source() = default;
  sample_source(const sample_source&) = delete;
  sample_source& operator=(const sample_source&) = delete;
  virtual ~sample_source() = default;

  /// The sample of that index, or why it must be skipped (see skip_counter.hpp for the kinds).
  [[nodiscard]] virtual result<sample> at(std::uint64_t index) const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

}  // namespace freshet::scenes
