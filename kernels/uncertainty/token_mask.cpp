#include "kernels/uncertainty/token_mask.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace freshet::uncertainty {

result<polarity> parse_polarity(std::string_view name) {
  if (name == "high") return polarity::keep_high;
  if (name == "low") return polarity::keep_low;
  return error{errc::invalid_argument, "polarity '" + std::string(name) + "' (high or low)"};
}

std::size_t kept_count(std::size_t tokens, double share) {
  if (tokens == 0) return 0;
  const double wanted = std::round(std::clamp(share, 0.0, 1.0) * static_cast<double>(tokens));
  return std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, tokens);
}

token_selection select_tokens(const std::vector<float>& scores, std::size_t count, polarity keep) {
  const float sign = keep == polarity::keep_high ? 1.0f : -1.0f;
  std::vector<float> value(scores.size());
  for (std::size_t l = 0; l < scores.size(); ++l) {
    value[l] = std::isnan(scores[l]) ? -std::numeric_limits<float>::infinity() : sign * scores[l];
  }
  token_selection chosen;
  chosen.kept.resize(scores.size());
  std::iota(chosen.kept.begin(), chosen.kept.end(), 0U);
  count = std::min(count, scores.size());
  const auto before = [&](std::uint32_t a, std::uint32_t b) { return value[a] != value[b] ? value[a] > value[b] : a < b; };
  std::nth_element(chosen.kept.begin(), chosen.kept.begin() + static_cast<std::ptrdiff_t>(count), chosen.kept.end(),
                   before);
  chosen.kept.resize(count);
  std::sort(chosen.kept.begin(), chosen.kept.end());
  chosen.bitmap.assign((scores.size() + 7) / 8, 0);
  for (std::uint32_t l : chosen.kept) {
    chosen.bitmap[l / 8] = static_cast<std::uint8_t>(chosen.bitmap[l / 8] | (1U << (l % 8)));
  }
  return chosen;
}

result<std::vector<std::uint32_t>> kept_tokens(const std::vector<std::uint8_t>& bitmap, std::size_t tokens) {
  if (bitmap.size() != (tokens + 7) / 8) {
    return error{errc::corrupt, "token bitmap of " + std::to_string(bitmap.size()) + " bytes for " +
                                    std::to_string(tokens) + " tokens"};
  }
  std::vector<std::uint32_t> kept;
  for (std::size_t bit = 0; bit < bitmap.size() * 8; ++bit) {
    if ((bitmap[bit / 8] >> (bit % 8) & 1U) == 0) continue;
    if (bit >= tokens) {
      return error{errc::corrupt, "token bitmap names token " + std::to_string(bit) + " of " + std::to_string(tokens)};
    }
    kept.push_back(static_cast<std::uint32_t>(bit));
  }
  return kept;
}

}  // namespace freshet::uncertainty
