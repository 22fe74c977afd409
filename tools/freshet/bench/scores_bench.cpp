// Scores against a plain memory read.
#include <algorithm>
#include <cstdint>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/confidence.hpp"
#include "kernels/uncertainty/entropy.hpp"
#include "kernels/uncertainty/feature_energy.hpp"
#include "kernels/uncertainty/gen.hpp"
#include "kernels/uncertainty/mahalanobis.hpp"
#include "kernels/uncertainty/margin.hpp"
#include "tools/freshet/bench/kernels_bench.hpp"
#include "tools/freshet/bench/memory_read.hpp"
#include "tools/freshet/bench/normal_values.hpp"

namespace freshet::cli {
namespace {

constexpr std::size_t scan_rounds = 3;
// Far beyond a second-level cache, and beyond what one tenant keeps of a shared last-level one.
constexpr std::size_t score_bytes = std::size_t{128} << 20;
constexpr std::size_t feature_width = 1024;     // a CLIP tower's
constexpr std::size_t vocabulary = 32'000;      // Llama's

/// Keeps a result from being optimised away.
volatile double sink_of_results = 0;

}  // namespace

std::vector<comparison> bench_scores(const progress_text& progress) {
  const bench_aim half{bench_aim::of::ratio, 0.5, false};
  const std::size_t count = score_bytes / sizeof(float);
  progress("scores: drawing");
  const std::vector<float> values = normal_values(count, 3.0, 1);
  const auto gaussian_of = [](std::uint64_t seed) {
    rng draw(seed);
    uncertainty::gaussian g;
    for (std::size_t d = 0; d < feature_width; ++d) {
      g.mean.push_back(static_cast<float>(draw.normal()));
      g.inv_var.push_back(static_cast<float>(draw.uniform(0.5, 2.0)));
    }
    return g;
  };
  const uncertainty::gaussian source = gaussian_of(2);
  const uncertainty::gaussian background = gaussian_of(3);
  const uncertainty::gaussian none;
  const std::size_t tokens = count / feature_width;
  const std::size_t positions = count / vocabulary;
  std::vector<float> out(std::max(tokens, positions));

  struct scored {
    const char* name;
    std::size_t read;   ///< values
    std::function<void()> run;
  };
  const float* x = values.data();
  float* y = out.data();
  const std::size_t features = tokens * feature_width;
  const std::size_t logits = positions * vocabulary;
  const std::vector<scored> scores{
      {"feature_energy", features, [&] { uncertainty::feature_energy_rows(x, tokens, feature_width, 0.5, y); }},
      {"mahalanobis", features, [&] { uncertainty::mahalanobis_rows(x, tokens, source, none, false, y); }},
      {"relative_mahalanobis", features,
       [&] { uncertainty::mahalanobis_rows(x, tokens, source, background, false, y); }},
      {"margin", logits, [&] { uncertainty::margin_rows(x, positions, vocabulary, y); }},
      {"entropy", logits, [&] { uncertainty::entropy_rows(x, positions, vocabulary, y); }},
      {"min_entropy", logits, [&] { uncertainty::min_entropy_rows(x, positions, vocabulary, 1.0F, y); }},
      {"gen (top 100)", logits, [&] { uncertainty::gen_rows(x, positions, vocabulary, 0.1F, 100, y); }},
  };
  std::vector<comparison> lines;
  for (const scored& s : scores) {
    progress(std::string("scores: ") + s.name);
    const double gigabytes = static_cast<double>(s.read * sizeof(float)) / 1e9;
    const auto read_speed = [&](auto read) {
      return gigabytes / seconds_of([&] { sink_of_results = static_cast<double>(read(x, s.read * sizeof(float))); });
    };
    const turns t = in_turns(
        scan_rounds,
        [&] {
          const double seconds = seconds_of(s.run);
          sink_of_results = static_cast<double>(out.front());
          return gigabytes / seconds;
        },
        [&] { return fastest_read(read_speed); });
    lines.push_back(compare(s.name, "GB/s", "read of the same memory", t, half));
  }
  return lines;
}

}  // namespace freshet::cli
