// A device's world: phases that follow each other, each a source of samples, and then all over
// again. A position in the stream names one sample for good.
// Thread contract: immutable; const members as those of the sources.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::actors {

struct stream_phase {
  std::string name;
  std::shared_ptr<const scenes::sample_source> source;
};

/// Makes the phases of one device. Whatever sets devices apart (seed, offset) is the factory's.
using stream_factory = std::function<result<std::vector<stream_phase>>()>;

class phase_stream {
 public:
  /// A phase lasts `samples_per_phase`, or as long as its source when that is shorter. Refuses no
  /// phases, phases without samples, and phases of no length.
  static result<phase_stream> make(std::vector<stream_phase> phases, std::uint64_t samples_per_phase);

  /// The sample at a position. In round r of all phases each phase reads its source from r times its
  /// length on, and a short source from its start again.
  [[nodiscard]] result<scenes::sample> at(std::uint64_t position) const;
  [[nodiscard]] const std::string& phase_at(std::uint64_t position) const;
  /// Index into the list of phases.
  [[nodiscard]] std::size_t phase_index(std::uint64_t position) const;
  /// Samples of all phases once.
  [[nodiscard]] std::uint64_t round_samples() const noexcept { return ends_.back(); }

 private:
  phase_stream(std::vector<stream_phase> phases, std::vector<std::uint64_t> ends);
  std::vector<stream_phase> phases_;
  std::vector<std::uint64_t> ends_;   ///< parallel: positions of a round at which each phase is over
};

}  // namespace freshet::actors
