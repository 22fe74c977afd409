#include "kernels/uncertainty/fetch.hpp"

#include <set>

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

}  // namespace
}  // namespace freshet::uncertainty
