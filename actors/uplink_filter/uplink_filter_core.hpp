// UPLINK-FILTER (UTS): spends a byte budget on the samples and tokens that are worth sending.
//
//   observation_batch -> checked -> scored -> gate -> token mask -> pending -> packed -> spool -> uts_batch
//
// Each device that it serves has its own gate, scores and pending samples. A full batch, the end of
// a tick (paced) or the flush interval (free-running) packs what is pending; the packed size then corrects
// the gate's budget. Batches wait in a bounded spool, on the disk when there is one, from which the least
// uncertain go first; what is shed is counted. A batch is kept until the intake says that its journal has it
// (outlet.hpp). The end of a tick is always forwarded, with samples or without. A broken observation is
// counted and skipped, sample by sample where possible.
// Until the Gaussians of the Mahalanobis scores are fitted on the device's first samples, such a
// sample score is a constant and such a token score random.
// Thread contract: that of role_core.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "actors/role.hpp"
#include "config/schema/uplink_filter.hpp"
#include "kernels/uncertainty/gate.hpp"
#include "kernels/uncertainty/patch_dct.hpp"
#include "kernels/uncertainty/score_view.hpp"
#include "kernels/uncertainty/token_mask.hpp"

namespace freshet::actors {

/// How kept tokens are written: pixels exactly or with loss, features of the frozen encoder that the device shares with
/// the cloud, or the cheapest of these by measured bytes.
enum class token_choice : std::uint8_t { cheapest, patches, features, dct };

struct uplink_filter_options {
  topology::address intake;
  /// Name, budget (bytes a sample, texts and envelopes included), probes and seed; score_count is set from `scores`.
  uncertainty::gate_options gate;
  std::vector<std::string> scores = {"min_entropy"};
  std::string token_score = "relevance";
  uncertainty::polarity polarity = uncertainty::polarity::keep_high;
  double token_share = 0.75;
  token_choice format = token_choice::patches;
  uncertainty::dct_options dct;  ///< for formats dct and cheapest
  std::size_t batch = 16;                               ///< kept samples that make a message
  duration flush_interval = std::chrono::milliseconds(500);
  std::size_t spool_samples = 4096;                     ///< waiting in memory, all devices together
  std::uint64_t spool_bytes = std::uint64_t{64} << 20;
  std::filesystem::path spool_file;                     ///< what waits is kept here; empty: in memory only
  std::uint64_t disk_quota_bytes = std::uint64_t{256} << 20;
  std::size_t window = 32;                              ///< batches sent and not settled by the intake
  duration settle_wait = std::chrono::seconds(2);       ///< then what arrived is sent again
  std::size_t source_samples = 256;                     ///< first samples of a device that its source Gaussian is fitted on
  std::uint32_t inbox = 64;                             ///< observation batches that wait to be scored
  std::size_t devices = 256;                            ///< distinct devices that are served
  uncertainty::score_context scoring;                   ///< settings of the scores; Gaussians given here are not fitted
};

/// Whether pixels may be written with loss.
[[nodiscard]] constexpr bool with_loss(token_choice c) noexcept { return c == token_choice::dct || c == token_choice::cheapest; }

/// Fails when an option makes no sense; the error names it.
result<std::unique_ptr<role_core>> make_uplink_filter(uplink_filter_options options);

/// From the configuration document.
result<uplink_filter_options> filter_options_of(const config::uplink_filter_settings& settings,
                                                const topology::address& intake);

}  // namespace freshet::actors
