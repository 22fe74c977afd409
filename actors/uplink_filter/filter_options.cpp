#include "actors/uplink_filter/uplink_filter_core.hpp"

namespace freshet::actors {
namespace {

result<token_choice> token_choice_of(const std::string& format) {
  if (format == "dct") return token_choice::dct;
  if (format == "patches") return token_choice::patches;
  if (format == "features") return token_choice::features;
  if (format == "cheapest") return token_choice::cheapest;
  return error{errc::config, "uplink_filter: format '" + format + "' (dct, patches, features or cheapest)"};
}

}  // namespace

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
  FRESHET_TRY_ASSIGN(o.format, token_choice_of(s.format));
  o.dct.sample_bytes = static_cast<double>(s.sample_bytes.value);
  o.dct.finest_step = s.finest_step;
  o.flush_interval = s.flush_interval;
  o.batch = s.batch;
  o.disk_quota_bytes = s.spool_bytes.value;
  return o;
}

}  // namespace freshet::actors
