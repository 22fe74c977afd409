#include "actors/device/phase_stream.hpp"

#include <algorithm>

#include <utility>

namespace freshet::actors {

phase_stream::phase_stream(std::vector<stream_phase> phases, std::vector<std::uint64_t> ends)
    : phases_(std::move(phases)), ends_(std::move(ends)) {}

result<phase_stream> phase_stream::make(std::vector<stream_phase> phases, std::uint64_t samples_per_phase) {
  if (phases.empty()) return error{errc::config, "a stream needs at least one phase"};
  if (samples_per_phase == 0) return error{errc::config, "samples_per_phase 0, wants at least 1"};
  std::vector<std::uint64_t> ends;
  std::uint64_t end = 0;
  for (const stream_phase& phase : phases) {
    if (!phase.source || phase.source->size() == 0) {
      return error{errc::config, "phase \"" + phase.name + "\" has no samples"};
    }
    end += std::min(samples_per_phase, phase.source->size());
    ends.push_back(end);
  }
  return phase_stream(std::move(phases), std::move(ends));
}

std::size_t phase_stream::phase_index(std::uint64_t position) const {
  const std::uint64_t within_round = position % round_samples();
  return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), within_round) - ends_.begin());
}

const std::string& phase_stream::phase_at(std::uint64_t position) const { return phases_[phase_index(position)].name; }

result<scenes::sample> phase_stream::at(std::uint64_t position) const {
  const std::size_t phase = phase_index(position);
  const std::uint64_t begin = phase == 0 ? 0 : ends_[phase - 1];
  const std::uint64_t length = ends_[phase] - begin;
  const std::uint64_t round = position / round_samples();
  const scenes::sample_source& source = *phases_[phase].source;
  return source.at((round * length + position % round_samples() - begin) % source.size());
}

}  // namespace freshet::actors
