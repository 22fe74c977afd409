// A small, seeded, splittable generator (xoshiro256**, seeded by splitmix64; Blackman & Vigna
// 2018). No global state: whoever draws owns one. Same seed, same draws, on every platform.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace freshet {

class rng {
 public:
  explicit rng(std::uint64_t seed);

  /// An independent generator for a named purpose: adding a purpose does not disturb the others.
  [[nodiscard]] rng split(std::string_view purpose) const;
  [[nodiscard]] rng split(std::uint64_t index) const;

  std::uint64_t next();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in [0, n), n > 0, without modulo bias.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal (Box-Muller, both values used).
  double normal();
  bool chance(double probability) { return uniform() < probability; }

  template <class Range>
  void shuffle(Range& range) {
    for (std::uint64_t i = static_cast<std::uint64_t>(range.size()); i > 1; --i) {
      using std::swap;
      auto a = static_cast<typename Range::size_type>(i - 1);
      auto b = static_cast<typename Range::size_type>(below(i));
      swap(range[a], range[b]);
    }
  }

  /// The words from which all later draws but normal() follow, to go on in another process.
  [[nodiscard]] const std::array<std::uint64_t, 4>& words() const { return state_; }
  void resume(const std::array<std::uint64_t, 4>& words) { state_ = words; }

  // UniformRandomBitGenerator, for the standard library.
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()() { return next(); }

 private:
  std::uint64_t seed_;
  std::array<std::uint64_t, 4> state_{};
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

}  // namespace freshet
