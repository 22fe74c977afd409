#include "actors/assembly/device_streams.hpp"

#include <algorithm>
#include <map>

#include "kernels/scenes/phase_sources.hpp"

namespace freshet::actors {
namespace {

/// Part `index` of `parts` of a source that ends.
class dealt_source final : public scenes::sample_source {
 public:
  dealt_source(std::shared_ptr<const scenes::sample_source> whole, std::uint64_t index, std::uint64_t parts)
      : whole_(std::move(whole)), index_(index), parts_(parts) {}

  [[nodiscard]] result<scenes::sample> at(std::uint64_t i) const override { return whole_->at(i * parts_ + index_); }
  [[nodiscard]] std::uint64_t size() const override {
    const std::uint64_t all = whole_->size();
    if (all == scenes::endless) return all;
    return all > index_ ? (all - index_ + parts_ - 1) / parts_ : 0;
  }

 private:
  std::shared_ptr<const scenes::sample_source> whole_;
  std::uint64_t index_;
  std::uint64_t parts_;
};

}  // namespace

stream_factory streams_for(const config::source_settings& source, const stream_place& place) {
  return [source, place]() -> result<std::vector<stream_phase>> {
    const bool world = source.from == "scenes";
    scenes::phase_options options;
    options.side = place.side;
    options.pictures = place.pictures;
    options.severity = source.severity;
    options.seed = world ? rng(source.seed).split(place.index).next() : source.seed;
    FRESHET_TRY_ASSIGN(const auto phases, scenes::open_phase_sources(source.from, source.phases, options));
    std::vector<stream_phase> out;
    std::map<std::string, std::uint64_t> seen;
    for (const scenes::phase_source& p : phases) {
      std::shared_ptr<const scenes::sample_source> mine = p.source;
      if (!world) {
        const auto times = static_cast<std::uint64_t>(std::count(source.phases.begin(), source.phases.end(), p.name));
        mine = std::make_shared<dealt_source>(std::move(mine), place.index * times + seen[p.name]++,
                                              place.devices * times);
      }
      out.push_back({p.name, std::move(mine)});
    }
    return out;
  };
}

}  // namespace freshet::actors
