#include "kernels/uncertainty/fetch.hpp"

#include <set>
#include <vector>

#include "kernels/uncertainty/row_scan.hpp"

#include <gtest/gtest.h>

namespace freshet::uncertainty {
namespace {

TEST(fetch, takes_every_line_of_a_stretch_once_and_its_pages_in_turn) {
  std::set<std::size_t> taken;
  for (std::size_t line = 3 * lines_in_a_stretch; line < 4 * lines_in_a_stretch; ++line) {
    const std::size_t there = side_by_side(line);
    EXPECT_TRUE(taken.insert(there).second) << there;
    EXPECT_EQ(there / lines_in_a_page, 3 * pages_side_by_side + line % pages_side_by_side) << "the page whose turn it is";
  }
  EXPECT_EQ(taken.size(), lines_in_a_stretch);
}

struct visits {
  std::vector<std::size_t> at;
  std::size_t ended = 0;
  void vector(std::size_t i) { at.push_back(i); }
  void end(std::size_t first, std::size_t last) {
    EXPECT_EQ(first, ended);
    EXPECT_EQ(at.size(), last / lane_count);
    ended = last;
  }
};

// Whatever a processor does by itself: both ways to fetch visit every vector once and in order.
TEST(fetch, runs_visit_every_vector_in_order) {
  for (const std::size_t width : {std::size_t{0}, std::size_t{15}, std::size_t{16}, std::size_t{1024}, std::size_t{1040}, std::size_t{4096},
                                  std::size_t{5000}, std::size_t{32000}}) {
    const std::vector<float> row(width);
    for (const bool in_pages : {false, true}) {
      visits seen;
      EXPECT_EQ(scan_in_runs(row.data(), width, seen, in_pages), width / lane_count * lane_count);
      ASSERT_EQ(seen.at.size(), width / lane_count);
      for (std::size_t k = 0; k < seen.at.size(); ++k) EXPECT_EQ(seen.at[k], k * lane_count);
      EXPECT_EQ(seen.ended, width / lane_count * lane_count);
    }
  }
}

}  // namespace
}  // namespace freshet::uncertainty
