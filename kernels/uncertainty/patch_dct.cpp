#include "kernels/uncertainty/patch_dct.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/patch_predictor.hpp"
#include "kernels/uncertainty/patch_transform.hpp"
#include "kernels/uncertainty/range_coder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace freshet::uncertainty {
namespace {

constexpr std::size_t most_channels = patch_transform::most_channels;
constexpr std::size_t bands = patch_transform::bands;
constexpr unsigned step_bits = 5;
constexpr std::uint32_t coarsest = (1U << step_bits) - 1;
constexpr std::uint32_t end_mark = 0x5a3c;
constexpr unsigned end_mark_bits = 16;
constexpr std::size_t head_bytes = 3;
constexpr std::uint32_t levels = 8;
constexpr float level_share = 0.05F;  ///< of a step, root mean square
// Rounding that leans to zero: a value near one half costs more bits than its error is worth.
constexpr float rounding = 0.42F;

float step_of(std::uint32_t index) { return 2.0F * std::pow(2.0F, static_cast<float>(index) / 4.0F); }

std::uint32_t index_of(double step) {
  const double at = std::ceil(4.0 * std::log2(std::max(step, 2.0) / 2.0) - 1e-6);
  return static_cast<std::uint32_t>(std::clamp(at, 0.0, static_cast<double>(coarsest)));
}

/// A patch in whole steps.
struct rounded_patch {
  std::array<std::vector<std::int32_t>, most_channels> values;
  std::array<std::uint32_t, most_channels> noise{};
};

rounded_patch round_patch(const patch_transform& t, const float* coefficients, float step) {
  rounded_patch out;
  for (std::size_t c = 0; c < t.channels; ++c) {
    const float* from = coefficients + c * t.area;
    std::vector<std::int32_t>& to = out.values[c];
    to.assign(t.area, 0);
    to[0] = static_cast<std::int32_t>(std::lround(from[0] / step));
    double lost = 0;
    std::size_t zeros = 0;
    for (const auto& place : t.scan) {
      const float x = from[place.at];
      const auto size = static_cast<std::int32_t>(std::fabs(x) / step + rounding);
      to[place.at] = x < 0 ? -size : size;
      if (size == 0 && place.diagonal >= t.noise_from()) {
        lost += static_cast<double>(x) * static_cast<double>(x);
        ++zeros;
      }
    }
    const double rms = zeros > 0 ? std::sqrt(lost / static_cast<double>(zeros)) : 0;
    const auto level = std::lround(rms / static_cast<double>(step * level_share));
    out.noise[c] = static_cast<std::uint32_t>(std::clamp(level, 0L, static_cast<long>(levels) - 1));
  }
  return out;
}

void restore_patch(const patch_transform& t, const rounded_patch& p, float step, rng& draw, float* coefficients) {
  for (std::size_t c = 0; c < t.channels; ++c) {
    float* to = coefficients + c * t.area;
    for (std::size_t i = 0; i < t.area; ++i) to[i] = static_cast<float>(p.values[c][i]) * step;
    if (p.noise[c] == 0) continue;
    // Uniform draws of that root mean square.
    const double reach = std::sqrt(3.0) * static_cast<double>(static_cast<float>(p.noise[c]) * level_share * step);
    for (const auto& place : t.scan) {
      if (place.diagonal >= t.noise_from() && p.values[c][place.at] == 0) {
        to[place.at] = static_cast<float>(draw.uniform(-reach, reach));
      }
    }
  }
}

// Three ways to go through the same grammar: to write it, to read it, to know its price.
struct writer {
  range_encoder to;
  bool bit(adaptive_bit& context, bool b) {
    to.put(context, b);
    return b;
  }
  std::uint32_t plain(std::uint32_t value, unsigned count) {
    to.put_plain(value, count);
    return value;
  }
};
struct reader {
  range_decoder from;
  bool bit(adaptive_bit& context, bool) { return from.get(context); }
  std::uint32_t plain(std::uint32_t, unsigned count) { return from.get_plain(count); }
};
struct meter {
  double bits = 0;
  bool bit(adaptive_bit& context, bool b) {
    const double zero = static_cast<double>(context.zero_share()) / 32768.0;
    bits -= std::log2(b ? 1.0 - zero : zero);
    context.learn(b);
    return b;
  }
  std::uint32_t plain(std::uint32_t value, unsigned count) {
    bits += count;
    return value;
  }
};

/// The grammar of a patch and what it has learned. With a reader the patch is filled in, else it is
/// read. Copied to try something out.
class patch_grammar {
 public:
  explicit patch_grammar(std::size_t side) {
    while ((1U << last_bits_) < 2 * side - 1) ++last_bits_;
  }

  void begin_sample() { mean_.fill(0); }

  /// False when a stream cannot be right.
  template <class Coder>
  bool patch(Coder& coder, const patch_transform& t, rounded_patch& p) {
    for (std::size_t c = 0; c < t.channels; ++c) {
      channel& model = channels_[c];
      std::vector<std::int32_t>& values = p.values[c];
      values.resize(t.area);
      // The mean, as the difference from that of the patch before.
      std::int32_t difference = values[0] - mean_[c];
      if (!signed_number(coder, model.mean, difference)) return false;
      mean_[c] += difference;
      if (std::abs(mean_[c]) > most_value) return false;
      values[0] = mean_[c];
      p.noise[c] = tree(coder, model.noise[model.last_noise].data(), 3, p.noise[c]);
      model.last_noise = p.noise[c];
      if (!frequencies(coder, t, c, p)) return false;
    }
    return true;
  }

 private:
  static constexpr std::int32_t most_value = 1 << 20;
  static constexpr unsigned most_size_bits = 20;
  static constexpr std::int32_t longest_unary = 14;

  /// A size above `from_unary` as its number of bits and the bits.
  struct size_model {
    std::array<adaptive_bit, most_size_bits + 1> bits;
  };
  struct number_model {
    adaptive_bit zero;
    size_model size;
  };
  struct channel {
    number_model mean;
    std::array<std::array<adaptive_bit, levels>, levels> noise;
    std::uint32_t last_noise = 0;
    std::array<std::array<adaptive_bit, 64>, 3> last;
    std::size_t before = 0;  ///< last diagonal of the patch before
    std::array<std::array<std::array<adaptive_bit, 2>, 3>, bands> nonzero;
    std::array<std::array<adaptive_bit, 6>, 3> larger;
    size_model escape;
  };

  /// `count` bits, highest first, each in the context of those before it.
  template <class Coder>
  static std::uint32_t tree(Coder& coder, adaptive_bit* contexts, unsigned count, std::uint32_t value) {
    std::uint32_t node = 1;
    for (unsigned i = count; i-- > 0;) {
      node = node << 1 | static_cast<std::uint32_t>(coder.bit(contexts[node], ((value >> i) & 1U) != 0));
    }
    return node - (1U << count);
  }

  /// A number from 1 on: Elias gamma with learned lengths.
  template <class Coder>
  static bool size(Coder& coder, size_model& model, std::uint32_t& value) {
    unsigned bits = 0;
    while ((value >> (bits + 1)) != 0) ++bits;
    unsigned at = 0;
    while (coder.bit(model.bits[at], at < bits)) {
      if (++at == most_size_bits) return false;
    }
    value = (1U << at) | coder.plain(value & ((1U << at) - 1), at);
    return true;
  }

  template <class Coder>
  static bool signed_number(Coder& coder, number_model& model, std::int32_t& value) {
    if (!coder.bit(model.zero, value != 0)) {
      value = 0;
      return true;
    }
    auto magnitude = static_cast<std::uint32_t>(std::abs(value));
    if (!size(coder, model.size, magnitude)) return false;
    const bool negative = coder.plain(value < 0 ? 1 : 0, 1) != 0;
    value = negative ? -static_cast<std::int32_t>(magnitude) : static_cast<std::int32_t>(magnitude);
    return true;
  }

  template <class Coder>
  bool frequencies(Coder& coder, const patch_transform& t, std::size_t c, rounded_patch& p) {
    channel& model = channels_[c];
    std::vector<std::int32_t>& values = p.values[c];
    // How far up anything is left.
    std::uint32_t last = 0;
    for (const auto& place : t.scan) {
      if (values[place.at] != 0) last = static_cast<std::uint32_t>(place.diagonal);
    }
    const std::size_t kind = model.before == 0 ? 0 : model.before < t.side ? 1 : 2;
    last = tree(coder, model.last[kind].data(), last_bits_, last);
    if (last > 2 * t.side - 2) return false;
    model.before = last;
    for (const auto& place : t.scan) {
      std::int32_t& value = values[place.at];
      if (place.diagonal > last) {
        value = 0;
        continue;
      }
      // What stands beside it at lower frequencies, and in the first channel at the same one.
      const std::size_t y = place.at / t.side;
      const std::size_t x = place.at % t.side;
      std::int32_t around = 0;
      if (x > 0 && place.at - 1 != 0) around += std::abs(values[place.at - 1]);
      if (y > 0 && place.at - t.side != 0) around += std::abs(values[place.at - t.side]);
      if (x > 0 && y > 0 && place.at != t.side + 1) around += std::abs(values[place.at - t.side - 1]);
      const std::size_t near = around == 0 ? 0 : around < 3 ? 1 : 2;
      const std::size_t first = c > 0 && p.values[0][place.at] != 0 ? 1 : 0;
      if (!coder.bit(model.nonzero[t.band(place.diagonal)][near][first], value != 0)) {
        value = 0;
        continue;
      }
      const std::int32_t magnitude = std::abs(value);
      std::int32_t said = 1;
      while (said < longest_unary &&
             coder.bit(model.larger[near][static_cast<std::size_t>(std::min(said - 1, 5))], magnitude > said)) {
        ++said;
      }
      if (said == longest_unary) {
        std::uint32_t beyond = static_cast<std::uint32_t>(std::max(magnitude - longest_unary, 0)) + 1;
        if (!size(coder, model.escape, beyond)) return false;
        said += static_cast<std::int32_t>(beyond) - 1;
      }
      value = coder.plain(value < 0 ? 1 : 0, 1) != 0 ? -said : said;
    }
    return true;
  }

  unsigned last_bits_ = 0;
  std::array<channel, most_channels> channels_;
  std::array<std::int32_t, most_channels> mean_{};
};

patch_layout layout_for(std::size_t token_bytes) {
  const patch_layout layout = square_layout(token_bytes);
  return layout.height <= most_dct_side ? layout : patch_layout{};
}

std::vector<rounded_patch> round_all(const patch_transform& t, const std::vector<float>& coefficients,
                                     std::size_t count, std::uint32_t step) {
  std::vector<rounded_patch> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(round_patch(t, coefficients.data() + i * t.channels * t.area, step_of(step)));
  }
  return out;
}

double price(patch_grammar grammar, const patch_transform& t, std::vector<rounded_patch> patches) {
  meter coder;
  grammar.begin_sample();
  for (auto& p : patches) grammar.patch(coder, t, p);
  return coder.bits / 8;
}

std::uint64_t seed_of(const std::uint8_t* bytes, std::size_t n) {
  std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a
  for (std::size_t i = 0; i < n; ++i) h = (h ^ bytes[i]) * 0x100000001b3ULL;
  return h;
}

error corrupt(const std::string& what) { return error{errc::corrupt, "coded patches: " + what}; }

}  // namespace

result<std::vector<std::uint8_t>> encode_dct(const std::uint8_t* patches, const std::vector<std::uint32_t>& counts,
                                             std::size_t token_bytes, const dct_options& options) {
  const patch_layout layout = layout_for(token_bytes);
  std::size_t all = 0;
  for (const std::uint32_t n : counts) all += n;
  if (all == 0) return std::vector<std::uint8_t>{};
  if (layout.bytes() == 0) {
    return error{errc::unsupported, "patches of " + std::to_string(token_bytes) +
                                        " bytes are not squares of at most 32 pixels in 3 colours or 1"};
  }
  patch_transform t(layout);
  patch_grammar grammar(t.side);
  writer coder;
  const std::uint32_t finest = index_of(options.finest_step);
  for (const std::uint32_t n : counts) {
    std::vector<float> coefficients(n * token_bytes);
    for (std::uint32_t i = 0; i < n; ++i) t.forward(patches + i * token_bytes, coefficients.data() + i * token_bytes);
    patches += n * token_bytes;
    // Coarser steps cost less: the first that fits.
    std::uint32_t low = finest;
    std::uint32_t high = coarsest;
    std::vector<rounded_patch> rounded = round_all(t, coefficients, n, low);
    if (low < high && price(grammar, t, rounded) > options.sample_bytes) {
      ++low;
      while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (price(grammar, t, round_all(t, coefficients, n, middle)) > options.sample_bytes) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      rounded = round_all(t, coefficients, n, low);
    }
    coder.plain(low, step_bits);
    grammar.begin_sample();
    for (auto& p : rounded) grammar.patch(coder, t, p);
  }
  coder.plain(end_mark, end_mark_bits);
  const std::vector<std::uint8_t> body = coder.to.finish();
  std::vector<std::uint8_t> out = {layout.channels, layout.height, layout.width};
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

namespace {

/// Reads the whole payload; `take` gets each patch in whole steps, with its step.
template <class Take>
result<void> walk(const std::uint8_t* payload, std::size_t payload_bytes, const std::vector<std::uint32_t>& counts,
                  std::size_t token_bytes, std::size_t limit_bytes, const Take& take) {
  std::size_t all = 0;
  for (const std::uint32_t n : counts) all += n;
  if (all == 0) {
    if (payload_bytes != 0) return corrupt(std::to_string(payload_bytes) + " bytes for no patch");
    return {};
  }
  if (token_bytes != 0 && all > limit_bytes / token_bytes) {
    return error{errc::too_large, "coded patches: " + std::to_string(all) + " of " + std::to_string(token_bytes) +
                                      " bytes, limit " + std::to_string(limit_bytes)};
  }
  const patch_layout layout = layout_for(token_bytes);
  if (layout.bytes() == 0)
    return error{errc::unsupported, "coded patches of " + std::to_string(token_bytes) + " bytes"};
  if (payload_bytes < head_bytes) return error{errc::truncated, "coded patches: no head"};
  if (payload[0] != layout.channels || payload[1] != layout.height || payload[2] != layout.width) {
    return corrupt("made for patches of another layout");
  }
  patch_transform t(layout);
  patch_grammar grammar(t.side);
  reader coder{range_decoder(payload + head_bytes, payload_bytes - head_bytes)};
  rounded_patch p;
  for (const std::uint32_t n : counts) {
    const float step = step_of(coder.plain(0, step_bits));
    grammar.begin_sample();
    for (std::uint32_t i = 0; i < n; ++i) {
      for (auto& values : p.values) std::fill(values.begin(), values.end(), 0);
      if (!grammar.patch(coder, t, p)) return corrupt("a number that no patch has");
      take(t, p, step);
    }
  }
  if (coder.plain(0, end_mark_bits) != end_mark) {
    return error{coder.from.past_end() > 0 ? errc::truncated : errc::corrupt, "coded patches: the end is missing"};
  }
  if (!coder.from.at_end()) return corrupt("bytes after the end");
  return {};
}

}  // namespace

result<std::vector<std::uint8_t>> decode_dct(const std::uint8_t* payload, std::size_t payload_bytes,
                                             const std::vector<std::uint32_t>& counts, std::size_t token_bytes,
                                             std::size_t limit_bytes) {
  rng draw(seed_of(payload, payload_bytes));
  std::vector<std::uint8_t> out;
  std::vector<float> coefficients(token_bytes <= most_channels * most_dct_side * most_dct_side ? token_bytes : 0);
  FRESHET_TRY(walk(payload, payload_bytes, counts, token_bytes, limit_bytes,
                   [&](patch_transform& t, const rounded_patch& p, float step) {
                     restore_patch(t, p, step, draw, coefficients.data());
                     out.resize(out.size() + token_bytes);
                     t.backward(coefficients.data(), out.data() + out.size() - token_bytes);
                   }));
  return out;
}

result<void> check_dct(const std::uint8_t* payload, std::size_t payload_bytes, const std::vector<std::uint32_t>& counts,
                       std::size_t token_bytes, std::size_t limit_bytes) {
  return walk(payload, payload_bytes, counts, token_bytes, limit_bytes,
              [](patch_transform&, const rounded_patch&, float) {});
}

}  // namespace freshet::uncertainty
