// Update codecs against memcpy, position codes against their entropy.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "kernels/base/check.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/delta/bits.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/rice.hpp"
#include "kernels/delta/update.hpp"
#include "tools/freshet/bench/kernels_bench.hpp"
#include "tools/freshet/bench/normal_values.hpp"

namespace freshet::cli {
namespace {

constexpr std::size_t codec_rounds = 3;

/// Keeps a result from being optimised away.
volatile double sink_of_results = 0;

/// H(p) / p: what a position costs at least when each value is kept with probability p.
double entropy_a_position(double p) { return -(p * std::log2(p) + (1 - p) * std::log2(1 - p)) / p; }

delta::layout matrices(std::uint32_t count, std::uint32_t side) {
  delta::layout parts;
  for (std::uint32_t i = 0; i < count; ++i) parts.append("layer." + std::to_string(i) + ".weight", side, side);
  return parts;
}

}  // namespace

result<std::vector<comparison>> bench_delta(const progress_text& progress) {
  const bench_aim gigabyte{bench_aim::of::ours, 1000, false};
  struct coded {
    const char* codec;
    delta::layout parts;
    double budget_share;   ///< of the fp16 update; 0 = no budget
  };
  // Encoding under a budget measures every format of every part, so its set is smaller.
  const std::vector<coded> codecs{{"dense4", matrices(8, 1024), 0}, {"dwc", matrices(16, 256), 0.08}};
  std::vector<comparison> lines;
  for (const coded& c : codecs) {
    progress(std::string("codecs: ") + c.codec);
    const auto count = static_cast<std::size_t>(c.parts.total());
    const std::vector<float> delta_values = normal_values(count, 1e-3, 4);
    const double megabytes = static_cast<double>(count * sizeof(float)) / 1e6;
    FRESHET_TRY_ASSIGN(const delta::update_codec* codec, delta::find_codec(c.codec));
    delta::encode_request request{delta_values.data(), nullptr, c.parts, delta::unlimited_bytes};
    if (c.budget_share > 0) {
      request.budget_bytes = static_cast<std::uint64_t>(c.budget_share * 2.0 * static_cast<double>(count));
    }
    FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> payload, codec->encode(request));
    std::vector<float> target(count, 0.0F);
    FRESHET_TRY(delta::apply_update(payload, c.parts, target.data()));

    std::vector<float> copy(count);
    const auto copied = [&] {
      return megabytes / seconds_of([&] {
               std::memcpy(copy.data(), delta_values.data(), count * sizeof(float));
               sink_of_results = static_cast<double>(copy[count / 2]);
             });
    };
    // What was encoded and applied once above cannot fail on the same bytes.
    const turns encoding = in_turns(
        codec_rounds,
        [&] {
          return megabytes / seconds_of([&] {
                   const auto again = codec->encode(request);
                   FRESHET_ENSURE(again.ok(), "a codec is a pure function");
                   sink_of_results = static_cast<double>(again->size());
                 });
        },
        copied);
    const turns decoding = in_turns(
        codec_rounds,
        [&] {
          return megabytes / seconds_of([&] {
                   const auto applied = delta::apply_update(payload, c.parts, target.data());
                   FRESHET_ENSURE(applied.ok(), "applying is a pure function");
                 });
        },
        copied);
    char rate[64];
    std::snprintf(rate, sizeof rate, " (%.2f bits/value)",
                  8.0 * static_cast<double>(payload.size()) / static_cast<double>(count));
    lines.push_back(compare(std::string(c.codec) + " encode" + rate, "MB/s of f32", "memcpy", encoding));
    lines.push_back(compare(std::string(c.codec) + " decode, apply", "MB/s of f32", "memcpy", decoding, gigabyte));
  }

  progress("codecs: rice");
  for (const double density : {0.2, 0.1, 0.05, 0.01, 0.001}) {
    constexpr std::uint32_t values = 4'000'000;
    rng draw(5);
    std::vector<std::uint32_t> positions;
    for (std::uint32_t i = 0; i < values; ++i) {
      if (draw.chance(density)) positions.push_back(i);
    }
    std::vector<std::uint8_t> bytes;
    delta::bit_writer out(bytes);
    delta::rice_encode(positions, delta::rice_best_k(positions), out);
    out.finish();
    const auto kept = static_cast<double>(positions.size());
    comparison c;
    char text[48];
    std::snprintf(text, sizeof text, "rice positions, %g %% kept", 100 * density);
    c.what = text;
    c.unit = "bits/position";
    c.ours = 8.0 * static_cast<double>(bytes.size()) / kept;
    c.against = "entropy";
    c.reference = entropy_a_position(kept / values);
    c.ratio = c.ours / c.reference;
    c.aim = bench_aim{bench_aim::of::ratio, 1.03, true};
    lines.push_back(c);
  }
  return lines;
}

}  // namespace freshet::cli
