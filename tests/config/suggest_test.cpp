#include "config/suggest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/base/rng.hpp"

namespace freshet::config {
namespace {

/// The definition, by recursion.
std::size_t slow_distance(const std::string& a, const std::string& b) {
  if (a.empty()) return b.size();
  if (b.empty()) return a.size();
  const std::string a1 = a.substr(0, a.size() - 1);
  const std::string b1 = b.substr(0, b.size() - 1);
  std::size_t best = std::min({slow_distance(a1, b) + 1, slow_distance(a, b1) + 1,
                               slow_distance(a1, b1) + (a.back() == b.back() ? 0 : 1)});
  if (a.size() > 1 && b.size() > 1 && a.back() == b[b.size() - 2] && a[a.size() - 2] == b.back())
    best = std::min(best, slow_distance(a.substr(0, a.size() - 2), b.substr(0, b.size() - 2)) + 1);
  return best;
}

TEST(suggest, distance_is_that_of_its_definition) {
  rng draws(3);
  for (int i = 0; i < 400; ++i) {
    std::string a, b;
    for (auto n = draws.below(6); n > 0; --n) a += static_cast<char>('a' + draws.below(3));
    for (auto n = draws.below(6); n > 0; --n) b += static_cast<char>('a' + draws.below(3));
    EXPECT_EQ(edit_distance(a, b), slow_distance(a, b)) << a << ' ' << b;
  }
}

TEST(suggest, finds_what_was_meant) {
  const std::vector<std::string> known = {"batch", "samples_per_second", "lora_rank", "twin"};
  EXPECT_EQ(nearest("bacth", known), "batch");
  EXPECT_EQ(nearest("samples-per-second", known), "samples_per_second");
  EXPECT_EQ(nearest("sample_per_second", known), "samples_per_second");
  EXPECT_EQ(nearest("twins", known), "twin");
  EXPECT_EQ(nearest("samples", known), "samples_per_second");
  EXPECT_EQ(nearest("colour", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'x'), known), "");
}

TEST(suggest, advice_names_one_or_all) {
  EXPECT_EQ(advice("cod", {"code", "other"}), "; did you mean code?");
  EXPECT_EQ(advice("zzz", {"a", "b", "c"}), "; known are a, b and c");
}

}  // namespace
}  // namespace freshet::config
