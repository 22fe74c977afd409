// Settings of an UPLINK-FILTER (UTS): which samples and which of their tokens travel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.hpp"
#include "config/schema/strategies.hpp"

namespace freshet::config {

struct uplink_filter_settings {
  std::string gate = "stratified";
  std::vector<std::string> scores = {"min_entropy"};
  double threshold = 0.6931471805599453;
  std::string token_score = "relevance";
  std::string polarity = "high";
  double token_share = 1.0;
  byte_count budget_bytes_per_sample = byte_count(450);
  double probe_share = 0.02;
  std::string format = "dct";
  byte_count sample_bytes = byte_count(400);
  double finest_step = 24.0;
  milliseconds flush_interval = milliseconds(500);
  std::uint32_t batch = 16;
  byte_count spool_bytes = byte_count(std::uint64_t{256} << 20U);
  std::uint64_t seed = 1;
  std::string state_dir;

  /// Whether what travels may be what a vision tower made of a picture.
  [[nodiscard]] bool may_send_features() const { return format == "features" || format == "cheapest"; }

  static void describe(schema<uplink_filter_settings>& s) {
    s.setting("gate", &uplink_filter_settings::gate, "Which samples travel.").one_of(gate_choices());
    s.setting("scores", &uplink_filter_settings::scores,
              "Measures of uncertainty that rank samples; of several, the mean of the ranks counts.")
        .one_of(sample_score_choices())
        .check([](const std::vector<std::string>& scores) { return scores.empty() ? "name at least one score" : ""; });
    s.setting("threshold", &uplink_filter_settings::threshold,
              "For the gate \"threshold\": samples whose score is above travel. The default is log 2 on "
              "confidence_product: confidence below one half, as published.")
        .between(-1e9, 1e9);
    s.setting("token_score", &uplink_filter_settings::token_score, "What ranks the visual tokens of a sample.")
        .one_of(token_score_choices());
    s.setting("polarity", &uplink_filter_settings::polarity, "Which end of that ranking is kept.")
        .one_of({{"high", "tokens with the largest scores"}, {"low", "tokens with the smallest scores"}});
    s.setting("token_share", &uplink_filter_settings::token_share,
              "Share of a sample's tokens that is kept; the others are not sent.")
        .between(0.01, 1.0)
        .unit("share");
    s.setting("budget_bytes_per_sample", &uplink_filter_settings::budget_bytes_per_sample,
              "Uplink bytes for each answered sample, on average over all that the device answers. Held by the gates "
              "of which this is said, and by \"budget\" and \"random\".")
        .between(byte_count(1), byte_count(std::uint64_t{1} << 30U))
        .example(byte_count(64'000));
    s.setting("probe_share", &uplink_filter_settings::probe_share,
              "Share of samples that travel by chance whatever their score: an unbiased view of how the fleet does.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("format", &uplink_filter_settings::format, "How kept tokens are written.")
        .one_of({{"dct", "pixels with loss, within sample_bytes; exact where that is smaller"},
                 {"patches", "exact pixels of the image patches"},
                 {"features", "what the vision tower makes of them, 8 bits each; student and teacher must have the same one, and "
                              "distiller.train_vision must be false. Mind budget_bytes_per_sample: 64 to 1024 bytes a token"},
                 {"cheapest", "as \"dct\" or as \"features\", whichever takes fewer bytes"}});
    s.setting("sample_bytes", &uplink_filter_settings::sample_bytes,
              "For formats \"dct\" and \"cheapest\": what the pixels of one sample may cost. They are rounded as finely as that allows.")
        .between(byte_count(16), byte_count(std::uint64_t{1} << 24U));
    s.setting("finest_step", &uplink_filter_settings::finest_step,
              "For the same formats: pixels are never rounded more finely than this, even where bytes are left. The mean "
              "error is about a fifth of it.")
        .between(2.0, 400.0)
        .unit("grey values");
    s.setting("flush_interval", &uplink_filter_settings::flush_interval,
              "A kept sample waits at most this long for others to share its message.")
        .between(milliseconds(1), milliseconds(3'600'000));
    s.setting("batch", &uplink_filter_settings::batch, "Kept samples that make a full message.")
        .between(1, 1024)
        .unit("samples");
    s.setting("spool_bytes", &uplink_filter_settings::spool_bytes,
              "Room on the device's disk for batches that the cloud has not accepted yet. Beyond, those with the "
              "least uncertain samples go first and are counted.")
        .between(byte_count(65'536), byte_count(std::uint64_t{1} << 44U));
    s.setting("seed", &uplink_filter_settings::seed, "Draws of the random gate, of probes and of random tokens.");
    s.setting("state_dir", &uplink_filter_settings::state_dir,
              "Where that spool lies; empty for a folder of its own below the document's state_dir.")
        .example("/var/lib/freshet/edge-1-filter");
  }
};

}  // namespace freshet::config
