#include "actors/uplink_filter/uplink_filter_core.hpp"

namespace freshet::actors {

result<uplink_filter_options> filter_options_of(const config::uplink_filter_settings& s,
                                                const topology::address& intake) {
  uplink_filter_options o;
  o.intake = intake;
  o.gate.name = s.gate;
  o.gate.budget_bytes_per_sample = static_cast<double>(s.budget_bytes_per_sample.value);
  o.gate.probe_share = s.probe_share;
  o.gate.cutoff = s.threshold;
  o.gate.seed = s.seed;
  o.scores = s.scores;
  o.token_score = s.token_score;
  FRESHET_TRY_ASSIGN(o.polarity, uncertainty::parse_polarity(s.polarity));
  o.token_share = s.token_share;
  if (s.format == "cheapest") {
    o.format = token_choice::cheapest;
  } else if (s.format == "patches") {
    o.format = token_choice::patches;
  } else if (s.format == "features") {
    o.format = token_choice::features;
  } else {
    return error{errc::config, "uplink_filter: format '" + s.format + "' (cheapest, patches or features)"};
  }
  o.flush_interval = s.flush_interval;
  o.batch = s.batch;
  return o;
}

}  // namespace freshet::actors
