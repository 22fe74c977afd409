#include "actors/distiller/distiller_store.hpp"

#include "actors/distiller/sample_bytes.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/labelled_samples.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace distiller_store_test {

using distill::replay;
using distill::sample_handle;
using test::same_sample;
using test::sample_numbered;

constexpr content_hash line{77};

class stored : public ::testing::Test {
 protected:
  std::unique_ptr<distiller_store> open(content_hash of = line) {
    auto made = distiller_store::open(folder_.path(), of);
    EXPECT_TRUE(made.ok()) << made.err().text();
    return made.ok() ? std::move(*made) : nullptr;
  }
  static distiller_state student(std::uint64_t number) {
    distiller_state s;
    s.line = line;
    s.committed = version{number};
    s.samples = number * 10;
    s.mirror = host_tensor::of(std::vector<float>{1, static_cast<float>(number)});
    s.learned = host_tensor::of(std::vector<float>{2, static_cast<float>(number)});
    s.optimiser = {{"m", host_tensor::of(std::vector<float>{static_cast<float>(number)})}};
    return s;
  }
  test::temporary_folder folder_;
};

TEST(sample_bytes, come_back_as_they_were_and_every_cut_is_an_error) {
  rng draw(3);
  for (std::uint64_t n = 0; n < 20; ++n) {
    const auto sample = sample_numbered(n, n % 2 == 0);
    const auto bytes = bytes_of(*sample);
    ASSERT_TRUE(bytes.ok());
    const auto back = sample_of(*bytes, "here");
    ASSERT_TRUE(back.ok()) << back.err().text();
    EXPECT_TRUE(same_sample(**back, *sample));
    for (std::size_t cut = 0; cut < bytes->size(); cut += 1 + draw.below(9)) {
      EXPECT_FALSE(sample_of({bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(cut)}, "here").ok());
    }
  }
}

TEST(sample_bytes, of_text_alone_come_back_as_they_were) {
  distill::labelled_sample s = *sample_numbered(4, true);
  s.patches = {};
  s.positions.clear();
  s.teacher_visual = {};
  const auto bytes = bytes_of(s);
  ASSERT_TRUE(bytes.ok());
  const auto back = sample_of(*bytes, "here");
  ASSERT_TRUE(back.ok()) << back.err().text();
  EXPECT_TRUE(same_sample(**back, s));
}

TEST(learned_entries, know_what_lies_below_the_mark_and_what_was_added) {
  learned_entries e;
  EXPECT_FALSE(e.knows(1, 0));
  e.add(1, 5);
  e.add(1, 7);
  EXPECT_TRUE(e.knows(1, 5));
  EXPECT_FALSE(e.knows(1, 6));
  EXPECT_FALSE(e.knows(2, 5));
  e.advance(1, 7);
  EXPECT_TRUE(e.knows(1, 6)) << "the intake has erased it, so it was learned";
  EXPECT_EQ(e.size(), 1U);
  e.advance(1, 3);
  e.add(1, 2);
  EXPECT_TRUE(e.knows(1, 6));
  EXPECT_EQ(e.size(), 1U);
}

TEST_F(stored, the_replay_goes_on_as_if_nothing_had_happened) {
  distill::replay_options small{5, 9};
  replay truth(small, rng(4));
  replay memory(small, rng(4));
  auto store = open();
  rng random(8);
  for (std::uint64_t n = 1; n <= 120; ++n) {
    std::vector<replay::change> changes;
    for (std::uint64_t i = 1 + random.below(7); i > 0; --i) {
      const auto sample = sample_numbered(random.next() % 100000, random.chance(0.5));
      truth.add(sample);
      changes.push_back(memory.add(sample));
    }
    distiller_store::figures f;
    f.replay = memory.where();
    f.samples = n;
    f.fresh = n % 7;
    ASSERT_TRUE(store->commit_samples(changes, {9, n, n / 2}, f).ok());
    if (!random.chance(0.2)) continue;
    store = open();
    auto kept = store->take_restored();
    EXPECT_TRUE(kept.faults.empty());
    EXPECT_EQ(kept.counts.samples, n);
    EXPECT_EQ(kept.counts.fresh, n % 7);
    EXPECT_TRUE(kept.learned.knows(9, n));
    EXPECT_FALSE(kept.learned.knows(9, n + 1));
    EXPECT_LE(kept.learned.size(), n - n / 2 + 1);
    memory = replay(small, rng(999));
    EXPECT_TRUE(memory.restore(kept.recent, kept.reservoir, kept.counts.replay));
    ASSERT_EQ(memory.where(), truth.where());
    ASSERT_EQ(memory.recent_size(), truth.recent_size());
    ASSERT_EQ(memory.reservoir_size(), truth.reservoir_size());
    for (std::size_t i = 0; i < truth.recent_size(); ++i) {
      EXPECT_TRUE(same_sample(*memory.recent()[i], *truth.recent()[i]));
    }
    for (std::size_t i = 0; i < truth.reservoir_size(); ++i) {
      EXPECT_TRUE(same_sample(*memory.reservoir()[i], *truth.reservoir()[i]));
    }
  }
}

TEST_F(stored, a_smaller_memory_keeps_the_newest_and_is_written_anew) {
  replay memory({6, 4}, rng(1));
  auto store = open();
  std::vector<replay::change> changes;
  for (std::uint64_t n = 0; n < 13; ++n) changes.push_back(memory.add(sample_numbered(n, false)));
  distiller_store::figures f;
  f.replay = memory.where();
  ASSERT_TRUE(store->commit_samples(changes, {}, f).ok());
  store = open();
  auto kept = store->take_restored();
  replay smaller({3, 2}, rng(1));
  EXPECT_FALSE(smaller.restore(kept.recent, kept.reservoir, kept.counts.replay));
  ASSERT_EQ(smaller.recent_size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(same_sample(*smaller.recent()[i], *sample_numbered(10 + i, false)));
  f.replay = smaller.where();
  ASSERT_TRUE(store->rewrite_samples(smaller.recent(), smaller.reservoir(), f).ok());
  const auto last = smaller.add(sample_numbered(50, false));
  EXPECT_EQ(last.recent_slot, 0U);
  f.replay = smaller.where();
  ASSERT_TRUE(store->commit_samples({last}, {}, f).ok());
  kept = open()->take_restored();
  ASSERT_EQ(kept.recent.size(), 3U);
  EXPECT_TRUE(same_sample(*kept.recent[0], *sample_numbered(50, false)));
  EXPECT_EQ(kept.reservoir.size(), 2U);
}

TEST_F(stored, students_follow_each_other_and_a_damaged_one_gives_way_to_the_one_before) {
  auto store = open();
  EXPECT_FALSE(store->take_restored().student.has_value());
  for (std::uint64_t n = 1; n <= 4; ++n) ASSERT_TRUE(store->commit_student(student(n), {}).ok());
  store = open();
  EXPECT_EQ(store->take_restored().student->committed, version{4});
  // Two files stay.
  std::vector<std::filesystem::path> students;
  for (const auto& e : std::filesystem::directory_iterator(folder_.path())) {
    if (e.path().extension() == ".safetensors") students.push_back(e.path());
  }
  std::sort(students.begin(), students.end());
  ASSERT_EQ(students.size(), 2U);
  {
    // One bit of a weight: safetensors itself would not see it.
    std::fstream f(students[1], std::ios::binary | std::ios::in | std::ios::out);
    f.seekg(-1, std::ios::end);
    const int last = f.get();
    f.seekp(-1, std::ios::end);
    f.put(static_cast<char>(last ^ 1));
  }
  store = open();
  const auto kept = store->take_restored();
  ASSERT_TRUE(kept.student.has_value());
  EXPECT_EQ(kept.student->committed, version{3});
  ASSERT_EQ(kept.faults.size(), 1U);
  EXPECT_NE(kept.faults[0].context.find("damaged-1"), std::string::npos) << kept.faults[0].text();
  EXPECT_TRUE(std::filesystem::exists(students[1].string() + ".damaged-1"));
  ASSERT_TRUE(store->commit_student(student(4), {}).ok());
  EXPECT_EQ(open()->take_restored().student->committed, version{4});
}

TEST_F(stored, a_damaged_database_is_kept_and_a_new_one_begun) {
  {
    auto store = open();
    ASSERT_TRUE(store->commit_student(student(1), {}).ok());
  }
  const auto file = folder_.path() / "distiller.db";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2 + 100);
  auto store = open();
  const auto kept = store->take_restored();
  ASSERT_EQ(kept.faults.size(), 1U);
  EXPECT_NE(kept.faults[0].context.find("distiller.db.damaged-1"), std::string::npos) << kept.faults[0].text();
  EXPECT_FALSE(kept.student.has_value());
  ASSERT_TRUE(store->commit_student(student(1), {}).ok());
  EXPECT_TRUE(open()->take_restored().faults.empty());
}

TEST_F(stored, lines_do_not_disturb_each_other_but_what_is_learned_is_learned) {
  distiller_store::figures f;
  f.samples = 3;
  {
    auto store = open();
    ASSERT_TRUE(store->commit_samples({{sample_numbered(1, false), 0, {}}}, {9, 4, 1}, f).ok());
    ASSERT_TRUE(store->commit_student(student(1), f).ok());
  }
  {
    auto store = open(content_hash{78});
    const auto kept = store->take_restored();
    EXPECT_EQ(kept.other_lines, 1U);
    EXPECT_FALSE(kept.student.has_value());
    EXPECT_TRUE(kept.recent.empty());
    EXPECT_EQ(kept.counts.samples, 0U);
    EXPECT_TRUE(kept.learned.knows(9, 4));
    auto other = student(7);
    other.line = content_hash{78};
    ASSERT_TRUE(store->commit_student(other, f).ok());
    ASSERT_TRUE(store->commit_student(other, f).ok());
    ASSERT_TRUE(store->commit_student(other, f).ok());
  }
  const auto kept = open()->take_restored();
  EXPECT_EQ(kept.student->committed, version{1});
  EXPECT_EQ(kept.recent.size(), 1U);
  EXPECT_EQ(kept.counts.samples, 3U);
}

TEST_F(stored, without_room_nothing_changes) {
  auto store = open();
  ASSERT_TRUE(store->commit_student(student(1), {}).ok());
  const auto wal = std::filesystem::file_size((folder_.path() / "distiller.db").string() + "-wal");
  {
    const test::file_size_limit full(wal);
    EXPECT_FALSE(store->commit_samples({{sample_numbered(1, true), 0, {}}}, {9, 1, 0}, {}).ok());
    EXPECT_FALSE(store->commit_student(student(2), {}).ok());
  }
  EXPECT_EQ(open()->take_restored().student->committed, version{1});
  ASSERT_TRUE(store->commit_student(student(2), {}).ok());
  const auto kept = open()->take_restored();
  EXPECT_EQ(kept.student->committed, version{2});
  EXPECT_TRUE(kept.recent.empty());
  EXPECT_FALSE(kept.learned.knows(9, 1));
}

}  // namespace distiller_store_test
}  // namespace freshet::actors
