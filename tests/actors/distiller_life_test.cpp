// What of a distiller outlives a crash, a stop, and versions that were bad.
#include "actors/distiller/distiller_core.hpp"

#include "tests/support/distiller_fixture.hpp"
#include "tests/support/file_size_limit.hpp"

namespace freshet::actors {
namespace distiller_life_test {

using namespace std::chrono_literals;
using topology::labelled_batch;
using topology::leases_consumed;
using topology::refresh_request;
using topology::version_committed;

class distiller_life : public distiller_fixture {};

TEST_F(distiller_life, goes_on_where_it_was_after_a_restart) {
  folder_ = tiny_.folder() / "state";
  squeeze_.budget_share = 0.2;
  host_tensor learned;
  content_hash mirror;
  {
    const auto core = make();
    mirror = first_version(*core).result;
    learned = core->learner().values();
    // No orderly stop: what is committed is on disk.
  }
  const auto core = make();
  EXPECT_EQ(core->committed(), version{1});
  EXPECT_EQ(first_.next, version{1});
  EXPECT_EQ(first_.result, mirror);
  EXPECT_EQ(core->learner().values(), learned);
  EXPECT_EQ(core->learner().steps(), 3) << "the optimiser goes on as well";
  EXPECT_EQ(stats(*core)["trained_samples"], 6);
  learn(*core, labels(2, 6));
  const auto request = relay(*core);
  EXPECT_EQ(request.base, version{1});
  EXPECT_EQ(delta::hash_values(request.mirror.as<float>(), request.mirror.items()), mirror);
  EXPECT_EQ(request.first_sample, 6U);
  EXPECT_EQ(core->committed(), version{2});
}

labelled_batch of_entry(labelled_batch batch, std::uint64_t number, std::uint64_t done_below = 1) {
  batch.entry = {9, number, done_below};
  return batch;
}

TEST_F(distiller_life, what_waits_for_a_refresh_outlives_a_crash_and_is_learned_once) {
  folder_ = tiny_.folder() / "state";
  {
    const auto core = make();
    learn(*core, of_entry(labels(1, 4), 1));
    const auto confirmed = out_.take<leases_consumed>();
    ASSERT_EQ(confirmed.size(), 1U);
    EXPECT_EQ(confirmed[0], (leases_consumed{{1}, 9, {1}}));
  }
  const auto core = make();
  EXPECT_EQ(stats(*core)["replay"], 4);
  EXPECT_EQ(stats(*core)["fresh"], 4);
  EXPECT_EQ(stats(*core)["trained_samples"], 4);
  auto told = out_.take<leases_consumed>();
  ASSERT_EQ(told.size(), 1U) << "intake may not have heard it";
  EXPECT_EQ(told[0], (leases_consumed{{}, 9, {1}}));
  // The same work under a lease of another life of the intake.
  learn(*core, of_entry(labels(700, 4), 1));
  told = out_.take<leases_consumed>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], (leases_consumed{{700}, 9, {1}}));
  EXPECT_EQ(stats(*core)["trained_samples"], 4);
  learn(*core, of_entry(labels(701, 2), 2, 2));
  const auto request = relay(*core);
  EXPECT_EQ(request.first_sample, 0U);
  EXPECT_EQ(request.last_sample, 6U) << "four of before and two";
  EXPECT_EQ(stats(*core)["fresh"], 0);
  EXPECT_EQ(stats(*core)["remembered_entries"], 1) << "what the intake has erased needs no memory";
}

TEST_F(distiller_life, a_version_that_is_not_committed_is_told_to_nobody) {
  folder_ = tiny_.folder() / "state";
  const auto core = make();
  learn(*core, of_entry(labels(1, 6), 1));
  auto asked = out_.take<refresh_request>();
  ASSERT_EQ(asked.size(), 1U);
  {
    const test::file_size_limit full(4096);
    core->handle(compressor, squeeze(asked[0]), now_, out_);
    for (int i = 0; i < 30; ++i) {
      now_ += 500ms;
      core->tick(now_, out_);
      work_off(*core);
    }
    EXPECT_EQ(out_.count<version_committed>(), 0U);
    EXPECT_EQ(stats(*core)["phase"], "committing");
    EXPECT_EQ(stats(*core)["state"].get<std::string>().rfind("failing: ", 0), 0U);
    EXPECT_EQ(out_.logged(log_level::error), 1U) << "said once";
  }
  EXPECT_EQ(make()->committed(), version{0}) << "as a process that dies now begins again";
  now_ += 1s;
  core->tick(now_, out_);
  work_off(*core);
  const auto told = out_.take<version_committed>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].next, version{1});
  EXPECT_EQ(stats(*core)["state"], "ok");
  EXPECT_EQ(make()->committed(), version{1});
}

TEST_F(distiller_life, work_that_is_not_committed_is_not_confirmed) {
  folder_ = tiny_.folder() / "state";
  const auto core = make();
  learn(*core, of_entry(labels(1, 2), 1));
  EXPECT_EQ(out_.take<leases_consumed>().size(), 1U);
  {
    const test::file_size_limit full(4096);
    learn(*core, of_entry(labels(2, 2), 2));
    learn(*core, of_entry(labels(3, 2), 3));
    for (int i = 0; i < 5; ++i) {
      now_ += 1s;
      core->tick(now_, out_);
      work_off(*core);
    }
    EXPECT_EQ(out_.count<leases_consumed>(), 0U);
    EXPECT_EQ(stats(*core)["queued"], 1) << "one at a time";
    EXPECT_EQ(out_.count<refresh_request>(), 0U);
  }
  now_ += 1s;
  work_off(*core);
  EXPECT_EQ(out_.take<leases_consumed>().size(), 2U);
  EXPECT_EQ(stats(*core)["trained_samples"], 6);
  EXPECT_EQ(out_.count<refresh_request>(), 1U);
}

TEST_F(distiller_life, an_orderly_stop_keeps_what_was_learned_beyond_the_version) {
  folder_ = tiny_.folder() / "state";
  const auto before = make();
  learn(*before, labels(1, 6));
  EXPECT_EQ(out_.take<refresh_request>().size(), 1U);
  before->stop(now_, out_);
  const auto core = make();
  EXPECT_EQ(core->committed(), version{0});
  EXPECT_EQ(core->learner().values(), before->learner().values());
  EXPECT_EQ(first_.result, delta::hash_values(first_.values.as<float>(), first_.values.items()));
  EXPECT_NE(first_.values, core->learner().values());
}

TEST_F(distiller_life, a_state_of_another_line_or_in_pieces_is_not_taken) {
  folder_ = tiny_.folder() / "state";
  {
    const auto core = make();
    learn(*core, labels(1, 6));
    relay(*core);
    out_.take<version_committed>();
  }
  const content_hash own = options_.line;
  options_.line = content_hash{own.value + 1};
  EXPECT_EQ(make()->committed(), version{0});
  EXPECT_EQ(out_.logged(log_level::warn), 1U);
  options_.line = own;
  EXPECT_EQ(make()->committed(), version{1});
  const auto student = folder_ / "student-1.safetensors";
  std::filesystem::resize_file(student, std::filesystem::file_size(student) - 1);
  const auto core = make();
  EXPECT_EQ(core->committed(), version{0});
  EXPECT_EQ(out_.logged(log_level::error), 1U);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "student-1.safetensors.damaged-1")) << "for people to look at";
  EXPECT_EQ(first_.values, core->learner().values());
}

TEST_F(distiller_life, goes_back_to_a_version_when_the_deployer_says_so_and_numbers_on_past_the_bad_ones) {
  const auto core = make();
  learn(*core, labels(1, 6));
  relay(*core);
  const version_committed good = out_.take<version_committed>().at(0);
  learn(*core, labels(2, 6));
  relay(*core);
  out_.take<version_committed>();
  learn(*core, labels(3, 6));  // version 3 is on its way when 2 turns out bad
  const refresh_request late = out_.take<refresh_request>().at(0);
  const topology::mirror_return back = back_to(good, version{4});
  core->handle(teacher, back, now_, out_);
  EXPECT_EQ(core->committed(), version{2}) << "the teacher has no say in it";
  core->handle(deployer, back, now_, out_);
  EXPECT_EQ(core->committed(), good.next);
  EXPECT_EQ(core->learner().values(), good.values) << "what was learned since is in no later update";
  const auto said = out_.take<version_committed>();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].next, good.next);
  EXPECT_EQ(said[0].result, good.result);
  core->handle(compressor, squeeze(late), now_, out_);
  EXPECT_EQ(core->committed(), good.next) << "an update of a base that is no more";
  core->handle(deployer, back, now_, out_);
  EXPECT_EQ(stats(*core)["returns"], 1) << "told twice, done once";
  out_.take<version_committed>();
  learn(*core, labels(4, 6));
  const refresh_request next = relay(*core);
  EXPECT_EQ(next.base, good.next);
  EXPECT_EQ(next.next, version{4});
  EXPECT_EQ(next.mirror, good.values);
  const auto committed = out_.take<version_committed>();
  ASSERT_EQ(committed.size(), 1U);
  EXPECT_EQ(committed[0].base, good.next);
  EXPECT_EQ(committed[0].next, version{4});
}

}  // namespace distiller_life_test
}  // namespace freshet::actors
