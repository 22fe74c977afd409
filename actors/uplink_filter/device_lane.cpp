#include "actors/uplink_filter/device_lane.hpp"

#include <algorithm>
#include <utility>

#include "kernels/uncertainty/mahalanobis.hpp"

namespace freshet::actors {
namespace {

using topology::observation_batch;
using uncertainty::sample_view;

// Before anything was packed: what lossless compression leaves of typical patches.
constexpr double first_payload_ratio = 0.5;
constexpr double ratio_memory = 1.0 / 8;

constexpr unsigned gaussian_needs = uncertainty::needs_source | uncertainty::needs_background;

template <class T>
std::vector<T> rows_of(const T* rows, std::size_t width, const std::vector<std::uint32_t>& kept) {
  std::vector<T> out;
  out.reserve(kept.size() * width);
  for (const std::uint32_t l : kept) out.insert(out.end(), rows + l * width, rows + (l + 1) * width);
  return out;
}

uncertainty::gate gate_of(device_id device, const uplink_filter_options& o) {
  uncertainty::gate_options options = o.gate;
  options.score_count = o.scores.size();
  options.seed = rng(o.gate.seed).split("filter.gate").split(device.value).next();
  auto made = uncertainty::make_gate(options);
  FRESHET_ENSURE(made.ok(), "gate options were checked when the filter was made");
  return std::move(made).value();
}

}  // namespace

result<filter_strategies> find_strategies(const uplink_filter_options& options) {
  filter_strategies found;
  unsigned needs = 0;
  for (const std::string& name : options.scores) {
    FRESHET_TRY_ASSIGN(const auto score, uncertainty::find_sample_score(name));
    needs |= score.needs;
    found.scores.push_back(score);
  }
  FRESHET_TRY_ASSIGN(found.token_score, uncertainty::find_token_score(options.token_score));
  needs |= found.token_score.needs;
  found.fits_gaussians = (needs & gaussian_needs) != 0 && options.scoring.source.empty();
  return found;
}

device_lane::device_lane(device_id device, const uplink_filter_options& options, const filter_strategies& strategies)
    : options_(options),
      strategies_(strategies),
      gate_(gate_of(device, options)),
      context_(options.scoring),
      source_(options.source_samples),
      draws_(rng(options.gate.seed).split("filter.draws").split(device.value)),
      payload_ratio_(first_payload_ratio) {
  open_.device = device;
}

result<float> device_lane::score_of(const uncertainty::sample_score& score, const sample_view& view) {
  if ((score.needs & gaussian_needs) != 0 && view.width > 0 && !source_known()) return 0.0F;
  return uncertainty::compute(score, view, context_, draws_);
}

result<std::vector<float>> device_lane::token_scores_of(const sample_view& view) {
  if (view.tokens == 0) return std::vector<float>{};  // text alone: nothing to rank
  if ((strategies_.token_score.needs & gaussian_needs) != 0 && !source_known()) {
    return uncertainty::compute(*uncertainty::find_token_score("random"), view, context_, draws_);
  }
  return uncertainty::compute(strategies_.token_score, view, context_, draws_);
}

result<device_lane::verdict> device_lane::judge(const observation_batch& batch, const observation_shape& shape,
                                                std::size_t index) {
  const sample_view view = view_of(batch, shape, index);
  const bool shown = shape.tokens > 0;  // else text alone
  const bool send_features = options_.format == token_choice::features || options_.format == token_choice::cheapest;
  const bool send_patches = options_.format != token_choice::features;
  if (shown && send_features && shape.encoded_width == 0) {
    return error{errc::invalid_argument, "formats features and cheapest need the device to send its encoder's features"};
  }
  std::vector<float> pooled;
  if (shape.width > 0) pooled = uncertainty::pooled_features(view.features, view.tokens, view.width);
  if (shown && strategies_.fits_gaussians) {
    if (shape.width == 0) return error{errc::invalid_argument, "Mahalanobis scores need the device to send features"};
    source_.learn(view, pooled, context_);
  }
  std::vector<float> scores;
  for (const auto& score : strategies_.scores) {
    FRESHET_TRY_ASSIGN(const float value, score_of(score, view));
    scores.push_back(value);
  }
  FRESHET_TRY_ASSIGN(const std::vector<float> token_scores, token_scores_of(view));

  kept_sample kept;
  kept.head.position = batch.sequences[index];
  kept.head.question = batch.questions[index];
  kept.head.device_answer = batch.answers[index];
  const std::size_t count = uncertainty::kept_count(shape.tokens, options_.token_share);
  const std::size_t token_bytes = send_patches ? shape.patch_bytes : shape.encoded_width;
  kept.head.kept.resize((shape.tokens + 7) / 8);
  double payload = payload_ratio_ * static_cast<double>(count * token_bytes);
  if (with_loss(options_.format)) payload = std::min(payload, options_.dct.sample_bytes);
  kept.estimated_bytes = head_bytes(kept.head) + payload;

  uncertainty::gate_input input;
  input.scores = scores.data();
  input.pooled = pooled.data();
  input.width = pooled.size();
  input.bytes = kept.estimated_bytes;
  const uncertainty::gate_decision decision = gate_.decide(input);
  if (decision.send) {
    uncertainty::token_selection selection = uncertainty::select_tokens(token_scores, count, options_.polarity);
    kept.head.uncertainty = decision.uncertainty;
    kept.head.random_probe = decision.probe;
    if (decision.probe) {
      kept.head.student = batch.student;
      if (!batch.domains.empty()) kept.head.domain = batch.domains[index];
    }
    kept.head.kept = std::move(selection.bitmap);
    kept.head.kept_count = static_cast<std::uint32_t>(selection.kept.size());
    if (send_patches) kept.patches = rows_of(view.patches, shape.patch_bytes, selection.kept);
    if (send_features && shown) {
      const float* encoded = batch.encoded.as<float>() + index * shape.tokens * shape.encoded_width;
      kept.encoded = rows_of(encoded, shape.encoded_width, selection.kept);
    }
    open_.tick = batch.tick;
    open_.tokens_per_sample = static_cast<std::uint32_t>(shape.tokens);
    open_.patch_bytes = static_cast<std::uint32_t>(shape.patch_bytes);
    open_.encoded_width = static_cast<std::uint32_t>(shape.encoded_width);
    open_.encoder = batch.encoder;
    open_.samples.push_back(std::move(kept));
  }
  return verdict{decision.send, decision.probe, decision.uncertainty};
}

bool device_lane::must_seal_before(const observation_batch& batch, const observation_shape& shape) const {
  if (open_.samples.empty()) return false;
  if (open_.tick != batch.tick) return true;
  return shape.samples > 0 && (open_.tokens_per_sample != shape.tokens || open_.patch_bytes != shape.patch_bytes ||
                               open_.encoded_width != shape.encoded_width || open_.encoder != batch.encoder);
}

result<shipment> device_lane::seal(std::uint64_t tick, bool end_of_tick) {
  shipment out = std::exchange(open_, shipment{});
  open_.device = out.device;
  oldest.reset();
  out.tick = tick;
  out.end_of_tick = end_of_tick;
  FRESHET_TRY(pack(out, pixel_form{with_loss(options_.format), options_.dct}));
  if (out.samples.empty()) return out;
  double estimated = 0;
  double raw = 0;
  for (const kept_sample& k : out.samples) {
    estimated += k.estimated_bytes;
    raw += static_cast<double>(k.patches.empty() ? k.encoded.size() : k.patches.size());
  }
  gate_.correct(wire_bytes(out.packed) - estimated);
  if (raw == 0) return out;  // text alone has no payload
  const double ratio = static_cast<double>(out.packed.payload.bytes() + out.packed.scales.bytes()) / raw;
  payload_ratio_ += ratio_memory * (ratio - payload_ratio_);
  return out;
}

}  // namespace freshet::actors
