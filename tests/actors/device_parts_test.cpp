// The small parts of a device: its stream, its clock, its score board, its state on disk.
#include <gtest/gtest.h>

#include <fstream>

#include "actors/device/device_state.hpp"
#include "actors/device/phase_stream.hpp"
#include "actors/device/scoreboard.hpp"
#include "actors/device/stream_clock.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/model/whole_file.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace device_parts_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Says which of its samples was asked for.
class echo_source final : public scenes::sample_source {
 public:
  echo_source(std::string domain, std::uint64_t size) : domain_(std::move(domain)), size_(size) {}
  [[nodiscard]] result<scenes::sample> at(std::uint64_t index) const override {
    scenes::sample s;
    s.domain = domain_;
    s.index = index;
    return s;
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }

 private:
  std::string domain_;
  std::uint64_t size_;
};

TEST(phase_stream, walks_through_the_phases_and_goes_on_in_their_sources) {
  auto made = phase_stream::make({{"a", std::make_shared<echo_source>("a", scenes::endless)},
                                  {"b", std::make_shared<echo_source>("b", 4)},
                                  {"c", std::make_shared<echo_source>("c", scenes::endless)}},
                                 3);
  ASSERT_TRUE(made.ok());
  // Counted by hand: each source has a cursor of its own, a short one wraps.
  std::uint64_t cursor[3] = {0, 0, 0};
  const std::uint64_t sizes[3] = {scenes::endless, 4, scenes::endless};
  std::uint64_t position = 0;
  for (int round = 0; round < 4; ++round) {
    for (int phase = 0; phase < 3; ++phase) {
      for (int i = 0; i < 3; ++i, ++position) {
        const auto got = made->at(position);
        EXPECT_EQ(got->domain, std::string(1, static_cast<char>('a' + phase)));
        EXPECT_EQ(got->domain, made->phase_at(position));
        EXPECT_EQ(got->index, cursor[phase]++ % sizes[phase]) << position;
      }
    }
  }
}

TEST(phase_stream, refuses_what_is_no_stream) {
  const auto some = std::make_shared<echo_source>("a", 5);
  EXPECT_FALSE(phase_stream::make({}, 3).ok());
  EXPECT_FALSE(phase_stream::make({{"a", some}}, 0).ok());
  EXPECT_FALSE(phase_stream::make({{"a", std::make_shared<echo_source>("a", 0)}}, 3).ok());
  EXPECT_FALSE(phase_stream::make({{"a", nullptr}}, 3).ok());
}

TEST(stream_clock, gives_full_batches_at_its_pace) {
  const time_point begin{seconds(100)};
  stream_clock clock(20, 4, begin);
  EXPECT_EQ(clock.ready(begin), 0U);
  EXPECT_EQ(clock.ready(begin + milliseconds(199)), 0U);
  EXPECT_EQ(clock.ready(begin + milliseconds(201)), 4U);
  clock.take(4);
  EXPECT_EQ(clock.ready(begin + milliseconds(201)), 0U);
  // In a minute, asked at odd times, exactly 20 a second.
  std::uint64_t taken = 4;
  const time_point end = begin + seconds(60) + milliseconds(1);
  for (auto now = begin + milliseconds(201); now < end + milliseconds(7); now += milliseconds(7)) {
    while (const auto n = clock.ready(std::min(now, end))) {
      clock.take(n);
      taken += n;
    }
  }
  EXPECT_EQ(taken, 1200U);
}

TEST(stream_clock, a_sample_does_not_wait_for_ever_for_company) {
  const time_point begin{seconds(5)};
  stream_clock clock(2, 4, begin);
  EXPECT_EQ(clock.ready(begin + milliseconds(699)), 0U);
  EXPECT_EQ(clock.ready(begin + milliseconds(701)), 1U);
  for (const int at : {0, 100, 499, 650}) {
    const auto wait = clock.until_ready(begin + milliseconds(at));
    EXPECT_GT(clock.ready(begin + milliseconds(at) + wait), 0U) << at;
    EXPECT_EQ(clock.ready(begin + milliseconds(at) + wait - milliseconds(1)), 0U) << at;
  }
}

TEST(stream_clock, what_is_too_late_is_given_up) {
  const time_point begin{};
  stream_clock clock(100, 4, begin);
  EXPECT_EQ(clock.give_up_late(begin + milliseconds(900)), 0U);
  EXPECT_EQ(clock.give_up_late(begin + seconds(5)), 400U);
  EXPECT_EQ(clock.give_up_late(begin + seconds(5)), 0U);
  stream_clock unbound(0, 4, begin);
  EXPECT_EQ(unbound.ready(begin), 4U);
  unbound.take(4);
  EXPECT_EQ(unbound.ready(begin), 4U);
  EXPECT_EQ(unbound.give_up_late(begin + seconds(50)), 0U);
}

TEST(scoreboard, the_window_is_the_last_two_hundred) {
  scoreboard board;
  rng draw(3);
  std::vector<std::pair<bool, bool>> all;
  for (int i = 0; i < 777; ++i) {
    all.emplace_back(draw.chance(0.7), draw.chance(0.4));
    board.add(all.back().first, all.back().second);
    scoreboard::tally want;
    scoreboard::tally recent;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool in_window = k + scoreboard::window >= all.size();
      for (auto* t : {&want, &recent}) {
        if (t == &recent && !in_window) continue;
        ++t->scored;
        t->correct += all[k].first ? 1 : 0;
        t->twin_correct += all[k].second ? 1 : 0;
      }
    }
    ASSERT_EQ(board.all().correct, want.correct);
    ASSERT_EQ(board.all().twin_correct, want.twin_correct);
    ASSERT_EQ(board.recent().scored, recent.scored);
    ASSERT_EQ(board.recent().correct, recent.correct);
    ASSERT_EQ(board.recent().twin_correct, recent.twin_correct);
  }
}

kept_version version_of(std::uint64_t number, float first) {
  const std::vector<float> values{first, -0.0F, 1e-40F, 3.5F, -7.0F};
  return {version{number}, delta::hash_values(values.data(), 5), host_tensor::of(values)};
}

class device_state_test : public ::testing::Test {
 protected:
  test::tiny_student tiny_;  // for its folder
  std::filesystem::path folder_ = tiny_.folder() / "state" / "device";
  device_state state() { return *device_state::open(folder_, content_hash{77}, 5); }
};

TEST_F(device_state_test, keeps_the_active_and_the_previous_version) {
  EXPECT_TRUE(state().restore().versions.empty());
  EXPECT_EQ(*state().position(), 0U);
  ASSERT_TRUE(state().commit(version_of(1, 10)).ok());
  ASSERT_TRUE(state().commit(version_of(2, 20)).ok());
  ASSERT_TRUE(state().commit(version_of(5, 50)).ok());
  ASSERT_TRUE(state().keep_position(12345).ok());
  const auto back = state().restore();
  EXPECT_TRUE(back.faults.empty());
  ASSERT_EQ(back.versions.size(), 2U);
  EXPECT_EQ(back.versions[0].number, version{5});
  EXPECT_EQ(back.versions[0].values, version_of(5, 50).values);
  EXPECT_EQ(back.versions[1].number, version{2});
  EXPECT_EQ(back.versions[1].hash, version_of(2, 20).hash);
  EXPECT_EQ(*state().position(), 12345U);
}

TEST_F(device_state_test, another_line_or_size_is_not_taken) {
  ASSERT_TRUE(state().commit(version_of(1, 10)).ok());
  auto other = device_state::open(folder_, content_hash{78}, 5);
  auto got = other->restore();
  EXPECT_TRUE(got.versions.empty());
  ASSERT_EQ(got.faults.size(), 1U);
  EXPECT_EQ(got.faults[0].code, errc::wrong_base);
  ASSERT_TRUE(state().commit(version_of(1, 10)).ok());
  auto longer = device_state::open(folder_, content_hash{77}, 6);
  EXPECT_TRUE(longer->restore().versions.empty());
}

TEST_F(device_state_test, every_cut_is_found_and_changed_bytes_are_or_do_no_harm) {
  ASSERT_TRUE(state().commit(version_of(3, 30)).ok());
  const auto path = folder_ / "active.safetensors";
  const auto whole = model::read_whole_file(path, 1 << 20);
  ASSERT_TRUE(whole.ok());
  std::size_t found = 0;
  const auto put = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    const auto got = state().restore();
    found += got.faults.size();
    if (got.versions.empty()) return;
    ASSERT_EQ(got.versions.size(), 1U);
    EXPECT_EQ(got.versions[0].number, version{3});
    EXPECT_EQ(got.versions[0].values, version_of(3, 30).values);
  };
  for (std::size_t cut = 0; cut < whole->size(); ++cut) put(whole->substr(0, cut));
  EXPECT_EQ(found, whole->size());
  found = 0;
  for (std::size_t i = 0; i < whole->size(); i += 3) {
    std::string changed = *whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    put(changed);
  }
  EXPECT_GT(found, whole->size() / 6);
}

TEST_F(device_state_test, a_faulty_file_does_not_push_out_the_previous_version) {
  ASSERT_TRUE(state().commit(version_of(1, 10)).ok());
  ASSERT_TRUE(state().commit(version_of(2, 20)).ok());
  std::ofstream(folder_ / "active.safetensors") << "rubbish";
  auto got = state().restore();
  ASSERT_EQ(got.versions.size(), 1U);
  EXPECT_EQ(got.versions[0].number, version{1});
  EXPECT_EQ(got.faults.size(), 1U);
  ASSERT_TRUE(state().commit(version_of(3, 30)).ok());
  got = state().restore();
  ASSERT_EQ(got.versions.size(), 2U);
  EXPECT_EQ(got.versions[1].number, version{1});
}

TEST_F(device_state_test, a_position_that_is_none_is_an_error) {
  for (const char* text : {"", "x", "12x", "-3", "99999999999999999999999", "18446744073709551615", "1\n2"}) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "position") << text;
    EXPECT_FALSE(state().position().ok()) << text;
  }
}

}  // namespace device_parts_test
}  // namespace freshet::actors
