#include "actors/distiller/distiller_state.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

namespace freshet::actors {
namespace distiller_state_test {

class state_file : public ::testing::Test {
 protected:
  state_file() {
    state_.line = content_hash{0xFFFFFFFFFFFFFFFEULL};
    state_.committed = version{12};
    state_.samples = 345;
    state_.mirror = host_tensor::of(std::vector<float>{1, 2, 3});
    state_.learned = host_tensor::of(std::vector<float>{1, 2.5F, -3});
    state_.optimiser = {{"adam.m.0", host_tensor::of(std::vector<float>{4, 5}, {2, 1})},
                        {"adam.v.0", host_tensor::of(std::vector<float>{6, 7}, {2, 1})}};
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "student.safetensors"; }

  test::temporary_folder folder_;
  distiller_state state_;
};

TEST_F(state_file, comes_back_as_it_was) {
  ASSERT_TRUE(save_state(file(), state_).ok());
  const auto got = load_state(file());
  ASSERT_TRUE(got.ok()) << got.err().text();
  ASSERT_TRUE(got->has_value());
  const distiller_state& s = **got;
  EXPECT_EQ(s.line, state_.line);
  EXPECT_EQ(s.committed, state_.committed);
  EXPECT_EQ(s.samples, state_.samples);
  EXPECT_EQ(s.mirror, state_.mirror);
  EXPECT_EQ(s.learned, state_.learned);
  EXPECT_EQ(s.optimiser, state_.optimiser);
}

TEST_F(state_file, a_later_one_takes_the_place_of_the_earlier_and_leaves_nothing_beside_it) {
  ASSERT_TRUE(save_state(file(), state_).ok());
  state_.committed = version{13};
  ASSERT_TRUE(save_state(file(), state_).ok());
  EXPECT_EQ((**load_state(file())).committed, version{13});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(state_file, no_file_is_no_state) {
  const auto got = load_state(file());
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(got->has_value());
}

TEST_F(state_file, a_cut_file_is_an_error_at_every_byte) {
  ASSERT_TRUE(save_state(file(), state_).ok());
  std::ifstream in(file(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << whole.substr(0, bytes);
    const auto got = load_state(file());
    ASSERT_FALSE(got.ok()) << bytes << " of " << whole.size();
    EXPECT_NE(got.err().text().find("student.safetensors"), std::string::npos);
  }
}

TEST_F(state_file, values_that_do_not_belong_together_are_refused) {
  state_.learned = host_tensor::of(std::vector<float>{1, 2});
  ASSERT_TRUE(save_state(file(), state_).ok());
  const auto got = load_state(file());
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::corrupt);
}

TEST_F(state_file, a_folder_that_does_not_exist_is_an_error) {
  EXPECT_FALSE(save_state(folder_ / "none" / "student.safetensors", state_).ok());
}

}  // namespace distiller_state_test
}  // namespace freshet::actors
